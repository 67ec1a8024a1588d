"""Conditions on service level objectives: budgets that burn, are spent, or cannot be kept.

Burn rates are read over two windows at once (SRE workbook, chapter 5), with the factors and the
least number of bad events that `core.slo` gives: a single failed probe never pages.
"""

from collections.abc import Callable, Sequence

from autoscaler.core.alerting.findings import DeploymentScope, Finding, grade, unknown
from autoscaler.core.slo import PAIRS, BurnPair
from autoscaler.core.snapshot import Severity, SloView

BUDGET_BACK_RATIO = 0.05
"""Budget left from which a spent one counts as recovered."""
BUDGET_MIN_BAD = 3
"""Bad probes that a budget must allow before it can be spent, as many as a burn rate needs: at an
objective of 99.5 % that is from 600 probes on, two and a half hours at one every 15 s.
"""
SPEEDS = {"fast": Severity.CRITICAL, "slow": Severity.WARNING}


def budget_burn(slo: str) -> Callable[[DeploymentScope], Sequence[Finding]]:
    """Return the condition that one objective's budget burns too fast, by class of windows."""

    def condition(scope: DeploymentScope) -> Sequence[Finding]:
        view = next((view for view in scope.subject.slos if view.slo == slo), None)
        if view is None:
            return [finding for speed in SPEEDS for finding in unknown(speed)]
        return [_burn(scope, view, speed) for speed in SPEEDS]

    return condition


def is_burning(views: Sequence[SloView]) -> bool:
    """Whether a latency objective's budget burns fast enough to page."""
    return any(
        _burns(view, pair)
        for view in views
        for pair in PAIRS
        if view.slo != "availability" and pair.speed == "fast"
    )


def budget_exhausted(scope: DeploymentScope) -> Sequence[Finding]:
    """The error budget of the whole window is spent. A window of few probes has no budget yet that
    a single bad one would not spend: until then the burn rates alone speak.
    """
    found: list[Finding] = []
    for view in scope.subject.slos:
        left = view.budget_left_ratio
        if left is None:
            found += unknown(view.slo)
            continue
        allowed = round(view.events * (1 - view.objective_ratio), 6)
        found.append(
            Finding(
                look=grade(
                    bad=left <= 0 and allowed >= BUDGET_MIN_BAD, good=left > BUDGET_BACK_RATIO
                ),
                data_at=scope.probed_at,
                dimension=view.slo,
                description=(
                    f"The {view.slo} objective of {view.objective_ratio:.2%} allows"
                    f" {allowed:.0f} bad of {view.events} probes"
                    f" in its window; {view.bad} were bad."
                ),
            )
        )
    return found


def _burn(scope: DeploymentScope, view: SloView, speed: str) -> Finding:
    pairs = [pair for pair in PAIRS if pair.speed == speed]
    burning = [pair for pair in pairs if _burns(view, pair)]
    calm = all(_is_calm(view, pair) for pair in pairs)
    shown = ", ".join(
        f"{_rate(view, pair.long):.1f} times over {pair.long} and {_rate(view, pair.short):.1f}"
        f" over {pair.short}"
        for pair in burning
    )
    return Finding(
        look=grade(bad=bool(burning), good=calm),
        data_at=scope.probed_at,
        dimension=speed,
        severity=SPEEDS[speed],
        description=(
            f"The error budget of the {view.slo} objective ({view.objective_ratio:.2%}"
            f"{_threshold(view)}) burns too fast: {shown}."
        ),
    )


def _burns(view: SloView, pair: BurnPair) -> bool:
    factor = _factor(view, pair)
    bad = view.bad_by_window.get(pair.long, view.bad)
    rates = (view.burn_rates.get(pair.long), view.burn_rates.get(pair.short))
    return bad >= pair.min_bad and all(rate is not None and rate > factor for rate in rates)


def _is_calm(view: SloView, pair: BurnPair) -> bool:
    """The short window decides when it is over; without events in it nothing is known."""
    short = view.burn_rates.get(pair.short)
    return short is not None and short <= _factor(view, pair)


def _factor(view: SloView, pair: BurnPair) -> float:
    """The factor, below what a total outage burns: at an objective of 0.9 that is 10 times."""
    return min(pair.factor, 0.9 / max(1 - view.objective_ratio, 1e-9))


def _rate(view: SloView, window: str) -> float:
    return view.burn_rates.get(window) or 0.0


def _threshold(view: SloView) -> str:
    return "" if view.threshold_seconds is None else f" within {view.threshold_seconds:.3g} s"

"""SLO burn for Prometheus: recorded ratios and the alerts on them.

Burn rates after the Google SRE workbook, ch. 5, as Sloth writes them: a pair of windows must both
burn. At an objective of 99.5 % the fast page burns 14.4 x: over 1 h that spends 2 % of the budget
of 30 d (14.4 / 720). Synthetic probes are few, so each alert also wants a smallest count of bad
ones (monitoring.md 3.4).
"""

from dataclasses import dataclass

from autoscaler.core.model import Json
from autoscaler.web.catalogue_probe import SLOS
from autoscaler.web.rules_config import RuleAlert, RulesConfig

BAD = "neevscale_probe_slo_bad_total"
EVENTS = "neevscale_probe_slo_events_total"
OBJECTIVE = "max by (deployment, slo) (neevscale_slo_objective_ratio)"
RATIO = "deployment_slo:neevscale_probe_slo_bad_per_slo_events:ratio_rate"
BUDGET = "deployment_slo:neevscale_probe_slo_budget_remaining:ratio30d"
FEWEST_BAD = 3
"""Bad probes in the long window without which no burn alert fires: one blip pages nobody."""


@dataclass(frozen=True, slots=True)
class _Window:
    """A pair of windows, how much faster than allowed both burn, and how loud that is."""

    long: str
    short: str
    factor: float
    severity: str
    wait: str


WINDOWS = (
    _Window("1h", "5m", 14.4, "critical", "1m"),
    _Window("6h", "30m", 6.0, "critical", "5m"),
    _Window("1d", "2h", 3.0, "warning", "15m"),
    _Window("3d", "6h", 1.0, "warning", "30m"),
)
_RATES = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
_NAMES = {"availability": "Availability", "ttft": "TTFT", "itl": "ITL"}


def recordings() -> dict[str, Json]:
    """Return the group of recorded ratios."""
    rates: list[Json] = [
        {"record": f"{RATIO}{window}", "expr": _ratio(window)} for window in _RATES
    ]
    left = f"1 - ({_ratio('30d', function='increase')}) / (1 - {OBJECTIVE})"
    return {
        "name": "neevscale-slo",
        "interval": "30s",
        "rules": [*rates, {"record": BUDGET, "expr": left}],
    }


def _ratio(window: str, *, function: str = "rate") -> str:
    parts = [f"sum by (deployment, slo) ({function}({name}[{window}]))" for name in (BAD, EVENTS)]
    return " / ".join(parts)


def slo_alerts(config: RulesConfig) -> dict[str, Json]:
    """Return the group of what the daemon alerts on as well, for when it cannot."""
    failed = RuleAlert(
        "NeevDeploymentFailed",
        'max by (deployment) (neevscale_deployment_status{status="failed"}) == 1',
        "critical",
        "0m",
        "The platform reports {{ $labels.deployment }} as failed.",
    )
    burning = [_burn(slo, window) for slo in SLOS for window in WINDOWS]
    rules = [alert.rule(config) for alert in (failed, *burning)]
    return {"name": "neevscale-slo-alerts", "rules": rules}


def _burn(slo: str, window: _Window) -> RuleAlert:
    own = f'{{slo="{slo}"}}'
    limit = (
        f"{window.factor:g} * (1 - max by (deployment, slo) (neevscale_slo_objective_ratio{own}))"
    )
    sides = [
        f"({RATIO}{each}{own} > on (deployment, slo) {limit})"
        for each in (window.long, window.short)
    ]
    bad = f"(sum by (deployment, slo) (increase({BAD}{own}[{window.long}])) >= {FEWEST_BAD})"
    return RuleAlert(
        f"Neev{_NAMES[slo]}BudgetBurn",
        " and ".join([*sides, bad]),
        window.severity,
        window.wait,
        f"{{{{ $labels.deployment }}}} burns its {slo} budget {window.factor:g} times too fast "
        f"over {window.long}: {{{{ $value | humanizePercentage }}}} of its probes are bad.",
        dimension=window.long,
    )

"""Error budgets from probes: which probe is good for which objective, and how fast the budget
burns.

Events are counted, not averaged: a timeout has no latency, yet it is a bad event, so a latency
objective has no survivorship bias. Windows are sums over buckets of 5 minutes (6 h), hours (3 days)
and days (30 days).

Burn rate = bad share / (1 - objective); 1 spends exactly the budget. Two windows must agree, the
short one so that the alert ends soon after the trouble, and the long one must hold at least 3 bad
events: with one probe every 15 s at 99.5 % that is what keeps a single blip from paging
(monitoring.md 3.4).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from autoscaler.core.model import ProbeResult
from autoscaler.core.policy import Slo
from autoscaler.core.snapshot import SloView
from autoscaler.core.words import FAILURES, FailureReason

AVAILABILITY, TTFT, ITL = "availability", "ttft", "itl"
OBJECTIVES = (AVAILABILITY, TTFT, ITL)

WINDOWS: Mapping[str, float] = {
    "5m": 300.0,
    "30m": 1800.0,
    "1h": 3600.0,
    "2h": 7200.0,
    "6h": 21600.0,
    "1d": 86400.0,
    "3d": 259200.0,
    "30d": 2592000.0,
}
"""Windows by name, in seconds."""

_RINGS = ((300.0, 21600.0), (3600.0, 259200.0), (86400.0, 2592000.0))
"""(bucket, reach) in seconds: each window is summed over the finest ring that reaches so far."""

_UNCOUNTED_PROFILES = frozenset({"liveness", "calibrate"})
_LATE = frozenset(
    {FailureReason.TIMEOUT_HEADERS, FailureReason.TIMEOUT_TTFT, FailureReason.TIMEOUT_TOTAL}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnPair:
    """Two windows whose burn rates must both exceed a factor (Google SRE workbook)."""

    speed: str
    """`fast` pages, `slow` makes a ticket."""
    long: str
    short: str
    factor: float
    min_bad: int = 3
    """Bad events that the long window must hold."""


PAIRS = (
    BurnPair(speed="fast", long="1h", short="5m", factor=14.4),
    BurnPair(speed="fast", long="6h", short="30m", factor=6.0),
    BurnPair(speed="slow", long="1d", short="2h", factor=3.0),
    BurnPair(speed="slow", long="3d", short="6h", factor=1.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Latencies in force now, in seconds; None = that objective cannot be judged yet."""

    ttft_seconds: float | None
    itl_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Events of one objective in [start, start + ring's bucket)."""

    start: float
    events: int
    bad: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SloState:
    """Counted events of one deployment. Plain data; survives a JSON round trip."""

    rings: Mapping[str, tuple[tuple[Bucket, ...], ...]] = field(default_factory=dict)
    """Objective to its three rings of buckets, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """One pair of windows that burns too fast."""

    slo: str
    speed: str
    long: str
    short: str
    long_rate: float
    short_rate: float
    bad: int
    """Bad events in the long window."""


def thresholds(
    slo: Slo, *, alpha_seconds: float | None, idle_ttft_seconds: float | None
) -> Thresholds:
    """Return the latencies in force: the user's, else 3 x alpha and max(1 s, 5 x idle TTFT)."""
    itl = slo.itl_seconds
    if itl is None and alpha_seconds is not None:
        itl = 3.0 * alpha_seconds
    ttft = slo.ttft_seconds
    if ttft is None:
        ttft = 1.0 if idle_ttft_seconds is None else max(1.0, 5.0 * idle_ttft_seconds)
    return Thresholds(ttft_seconds=ttft, itl_seconds=itl)


def judge(result: ProbeResult, limits: Thresholds) -> dict[str, bool]:
    """Return the objectives that this probe is an event of, and whether a bad one.

    Empty for results that do not count: spoiled by us, warm-up, liveness, calibration. A result of
    which only the latencies cannot be believed (buffered, cached, read late) still tells that the
    endpoint answered. TTFT counts from the scheduled start, so that a probe held up anywhere on our
    side is not flattered.
    """
    if result.warmup or result.profile in _UNCOUNTED_PROFILES or not result.tells_availability:
        return {}
    failure = result.failure
    if failure is not None and not FAILURES[failure].counts_against_slo:
        return {}
    verdicts = {AVAILABILITY: failure is not None}
    if result.counts:
        verdicts |= _judged_latencies(result, limits)
    return verdicts


def _judged_latencies(result: ProbeResult, limits: Thresholds) -> dict[str, bool]:
    verdicts = {}
    if limits.ttft_seconds is not None:
        if result.ttft_seconds is not None:
            waited = result.ttft_seconds + max(0.0, result.sent_at - result.scheduled_at)
            verdicts[TTFT] = waited > limits.ttft_seconds
        elif result.failure in _LATE:
            verdicts[TTFT] = True
    if limits.itl_seconds is not None:
        if result.itl_seconds is not None:
            verdicts[ITL] = result.itl_seconds > limits.itl_seconds
        elif result.failure is FailureReason.TIMEOUT_STALL:
            verdicts[ITL] = True
    return verdicts


def count(state: SloState, verdicts: Mapping[str, bool], *, at: float) -> SloState:
    """Return the state with the events of one probe that ended `at`."""
    if not verdicts:
        return state
    rings = dict(state.rings)
    for slo, bad in verdicts.items():
        old = rings.get(slo, ((),) * len(_RINGS))
        rings[slo] = tuple(
            _count_one(ring, width, reach, at=at, bad=bad)
            for ring, (width, reach) in zip(old, _RINGS, strict=True)
        )
    return replace(state, rings=rings)


def totals(state: SloState, slo: str, window: str, *, at: float) -> tuple[int, int]:
    """Return (events, bad) of one objective in the window that ends `at`."""
    seconds = WINDOWS[window]
    index = next(i for i, (_, reach) in enumerate(_RINGS) if seconds <= reach)
    rings = state.rings.get(slo)
    if rings is None:
        return (0, 0)
    width = _RINGS[index][0]
    inside = [b for b in rings[index] if at - seconds < b.start + width and b.start <= at]
    return (sum(b.events for b in inside), sum(b.bad for b in inside))


def burn_rate(
    state: SloState, slo: str, window: str, *, at: float, objective: float
) -> float | None:
    """Return the burn rate over a window; None if no event was counted in it."""
    events, bad = totals(state, slo, window, at=at)
    if not events:
        return None
    return (bad / events) / (1.0 - objective)


def objective_of(slo: Slo, name: str) -> float:
    """Return the ratio that an objective asks for."""
    return slo.availability_ratio if name == AVAILABILITY else slo.attainment_ratio


def burns(state: SloState, slo: Slo, *, at: float) -> tuple[Burn, ...]:
    """Return every pair of windows in which an objective burns too fast."""
    found = []
    for name in OBJECTIVES:
        objective = objective_of(slo, name)
        for pair in PAIRS:
            rates = [
                burn_rate(state, name, window, at=at, objective=objective)
                for window in (pair.long, pair.short)
            ]
            bad = totals(state, name, pair.long, at=at)[1]
            long_rate, short_rate = rates
            if long_rate is None or short_rate is None or bad < pair.min_bad:
                continue
            factor = min(pair.factor, 0.9 / (1.0 - objective))
            if min(long_rate, short_rate) > factor:
                found.append(
                    Burn(
                        slo=name,
                        speed=pair.speed,
                        long=pair.long,
                        short=pair.short,
                        long_rate=long_rate,
                        short_rate=short_rate,
                        bad=bad,
                    )
                )
    return tuple(found)


def views(state: SloState, slo: Slo, limits: Thresholds, *, at: float) -> tuple[SloView, ...]:
    """Return what the snapshot shows, one view per objective that can be judged."""
    shown = {AVAILABILITY: None, TTFT: limits.ttft_seconds, ITL: limits.itl_seconds}
    return tuple(
        _view(state, slo, name, threshold, at=at)
        for name, threshold in shown.items()
        if name == AVAILABILITY or threshold is not None
    )


def _view(state: SloState, slo: Slo, name: str, threshold: float | None, *, at: float) -> SloView:
    objective = objective_of(slo, name)
    events, bad = totals(state, name, "30d", at=at)
    return SloView(
        slo=name,
        objective_ratio=objective,
        threshold_seconds=threshold,
        events=events,
        bad=bad,
        budget_left_ratio=1.0 - (bad / events) / (1.0 - objective) if events else None,
        burn_rates={w: burn_rate(state, name, w, at=at, objective=objective) for w in WINDOWS},
        bad_by_window={w: totals(state, name, w, at=at)[1] for w in WINDOWS},
    )


def _count_one(
    ring: tuple[Bucket, ...], width: float, reach: float, *, at: float, bad: bool
) -> tuple[Bucket, ...]:
    start = at - at % width
    for index in range(len(ring) - 1, -1, -1):
        bucket = ring[index]
        if bucket.start == start:
            grown = replace(bucket, events=bucket.events + 1, bad=bucket.bad + bad)
            return (*ring[:index], grown, *ring[index + 1 :])
        if bucket.start < start:
            fresh = Bucket(start=start, events=1, bad=int(bad))
            kept = (*ring[: index + 1], fresh, *ring[index + 1 :])
            return tuple(b for b in kept if b.start > start - reach)
    return (Bucket(start=start, events=1, bad=int(bad)), *ring)

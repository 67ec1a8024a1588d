"""How often to probe, from what the latest decision says (SEMANTICS 2). Pure.

In doubt, settling, or near the SLO, more evidence is worth its load; idle and steady, it is not; in
overload only the slope of TTFT tells anything, and more probes would add to it.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from autoscaler.core.model import Decision, Estimate
from autoscaler.core.policy import Policy
from autoscaler.core.words import Reason, Verdict

NEAR_SLO_RATIO: Final = 0.8
"""Share of the objective from which a latency is near it."""
IDLE_RHO: Final = 0.1
"""Upper end of the load estimate below which a deployment is idle."""
DEFAULT_ITL_FACTOR: Final = 3.0
"""The default objective of ITL, as a multiple of alpha."""

_UNSETTLED: Final = frozenset({Reason.SETTLING, Reason.PENDING, Reason.TRANSITIONAL})


class Cadence(Enum):
    """The pace of a deployment."""

    STEADY = "steady"
    DOUBT = "doubt"
    IDLE = "idle"
    OVERLOAD = "overload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What a cadence means."""

    interval_ratio: float
    """Multiple of `probe_seconds`."""
    in_flight: int
    """Most probes of one deployment at a time."""
    short_only: bool
    """Whether other profiles rest."""


PACES: Final = {
    Cadence.STEADY: Pace(interval_ratio=1.0, in_flight=1, short_only=False),
    Cadence.DOUBT: Pace(interval_ratio=1 / 3, in_flight=1, short_only=False),
    Cadence.IDLE: Pace(interval_ratio=2.0, in_flight=1, short_only=False),
    Cadence.OVERLOAD: Pace(interval_ratio=1.0, in_flight=2, short_only=True),
}


def cadence_of(decision: Decision | None, policy: Policy) -> Cadence:
    """The pace that the latest decision asks for; without one there is everything to learn."""
    if decision is None:
        return Cadence.DOUBT
    estimate = decision.estimate
    if estimate.overloaded:
        return Cadence.OVERLOAD
    unsettled = decision.reason in _UNSETTLED
    if unsettled or _holds_threshold(decision) or _is_near_slo(estimate, policy):
        return Cadence.DOUBT
    if decision.verdict is Verdict.HOLD and _is_idle(estimate):
        return Cadence.IDLE
    return Cadence.STEADY


def _holds_threshold(decision: Decision) -> bool:
    """True if the estimate's interval holds the load at which one more replica is needed.

    Only the upper threshold: a wrong "up" is seconds away, while "down" waits ten minutes anyhow,
    and in a large fleet some lower threshold always lies inside the interval.
    """
    estimate = decision.estimate
    low, high = estimate.load_low, estimate.load_high
    if low is None or high is None or estimate.capacity_per_replica is None:
        return False
    return low < decision.current * estimate.capacity_per_replica < high


def _is_near_slo(estimate: Estimate, policy: Policy) -> bool:
    slo = policy.slo
    itl_limit = slo.itl_seconds
    if itl_limit is None and estimate.alpha_seconds is not None:
        itl_limit = DEFAULT_ITL_FACTOR * estimate.alpha_seconds
    return _is_near(estimate.itl_seconds, itl_limit) or _is_near(
        estimate.ttft_seconds, slo.ttft_seconds
    )


def _is_near(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value > NEAR_SLO_RATIO * limit


def _is_idle(estimate: Estimate) -> bool:
    upper = estimate.rho_high if estimate.rho_high is not None else estimate.rho
    return upper is not None and upper < IDLE_RHO

"""How closely a deployment wants to be probed until the next decision (SEMANTICS §2)."""

from autoscaler.core.case import Case
from autoscaler.core.limits import floor_of
from autoscaler.core.slope import MOST_SLOPE
from autoscaler.core.words import Attention, Reason

IDLE_SHARE = 0.3
"""Upper end of the load, as a share of what the count is planned for, below which it is idle."""
NEAR_SHARE = 0.9
"""Share of what the count is planned for from which the load is near the SLO."""


def attention_of(case: Case) -> Attention:
    """Return the pace of the probes: more evidence where it may decide something."""
    gate = case.gate
    if case.estimate.overloaded and case.slope is not None and case.slope.high < MOST_SLOPE:
        return Attention.OVERLOAD
    if case.queueing:  # how fast it grows is what the next answers tell
        return Attention.DOUBT
    if gate.blind is Reason.UNHEALTHY or gate.closed is not None:
        return Attention.STEADY  # more failures would say no more
    if gate.settling_until is not None or gate.blind is not None or case.ask is not None:
        return Attention.DOUBT
    return _by_load(case)


def _by_load(case: Case) -> Attention:
    """The pace that the interval of the load asks for."""
    low, need, high = (_staffed(case, load) for load in _loads(case))
    if low is None or need is None or high is None:
        return Attention.DOUBT
    edge_up = case.base * (1.0 + case.policy.tolerance_ratio)
    if low <= edge_up <= high or (case.base > 1 and low <= case.base - 1 <= high):
        return Attention.DOUBT
    if need > NEAR_SHARE * case.base:
        return Attention.DOUBT
    idle = high < IDLE_SHARE * case.base and case.base <= floor_of(case)
    return Attention.IDLE if idle else Attention.STEADY  # what may go down is not looked at less


def _loads(case: Case) -> tuple[float | None, float | None, float | None]:
    return case.estimate.load_low, case.estimate.load, case.estimate.load_high


def _staffed(case: Case, load: float | None) -> float | None:
    return None if load is None else case.staffed(load)

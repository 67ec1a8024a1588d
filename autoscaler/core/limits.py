"""The last rules: bounds, step limits, and the orders of persons.

Bounds are the user's word and hold without evidence; a count outside them is approached, not jumped
at (SEMANTICS §3.3). A person's orders come last and may go beyond.
"""

from autoscaler.core.case import Case, passed
from autoscaler.core.cron import active_since
from autoscaler.core.model import Step
from autoscaler.core.policy import StepLimit
from autoscaler.core.words import Mode, Reason


def floor_of(case: Case) -> int:
    """Smallest count that the bounds allow."""
    return max(1, case.policy.min_replicas or 1)


def ceiling_of(case: Case) -> int | None:
    """Largest count that max and the schedules that hold now allow; None = no limit."""
    ceilings = [
        one.max_replicas
        for one in case.policy.schedules
        if one.max_replicas is not None and active_since(one, case.at) is not None
    ]
    if case.policy.max_replicas is not None:
        ceilings.append(case.policy.max_replicas)
    return max(floor_of(case), min(ceilings)) if ceilings else None


def bounds(case: Case, count: int) -> Step:
    """Clip what is wanted; approach from outside only when settled and freshly read."""
    low, high = floor_of(case), ceiling_of(case)
    inside = max(low, count if high is None else min(count, high))
    if inside == count:
        return passed("bounds", count, "inside the bounds")
    outside = case.base < low or (high is not None and case.base > high)
    shut = _bounds_shut(case) if outside else ""
    if shut:
        after = _no_further(case.base, count, inside)
        because = f"{case.base} is outside the bounds; {shut}"
        return Step(
            rule="bounds", before=count, after=after, because=because, reason=Reason.SETTLING
        )
    because, reason = _bound_word(case, inside, low)
    return Step(rule="bounds", before=count, after=inside, because=because, reason=reason)


def _bounds_shut(case: Case) -> str:
    gate = case.gate
    if gate.closed is not None or gate.stale:
        return "the count is not to be moved now"
    if case.ask is not None:
        return "an ask is under way"
    if gate.settling_until is not None:
        return f"settling for another {gate.settling_until - case.at:.0f} s"
    return ""


def _no_further(base: int, count: int, inside: int) -> int:
    """A wish towards the bounds passes, one away from them does not, the bounds do not pull."""
    nearest, farthest = min(base, inside), max(base, inside)
    return min(max(count, nearest), farthest)


def _bound_word(case: Case, inside: int, low: int) -> tuple[str, Reason]:
    high = ceiling_of(case)
    if high is not None and case.base > high and inside == high:  # also where max and min are one
        return f"{case.base} is above the max of {high}", Reason.ABOVE_MAX
    if inside == low:
        if case.base < low:
            return f"{case.base} is below the min of {low}", Reason.BELOW_MIN
        return f"the min is {low}", Reason.HELD_AT_MIN
    return f"the max is {inside}", Reason.CAPPED_MAX


def step_limits(case: Case, count: int) -> Step:
    """Move no faster than the policy's steps; overload and an undo may jump."""
    base, policy = case.base, case.policy
    urgent = any(one.urgent and one.count > base for one in case.proposals)
    if count == base or (count > base and urgent):
        return passed("step_limits", count, "no limit applies")
    limit, start = (
        (policy.scale_up_step, case.up_from)
        if count > base
        else (policy.scale_down_step, case.down_from)
    )
    width = _width(limit, start)
    up, down = max(base, start + width), min(base, start - width)
    after = min(count, up) if count > base else max(count, down)
    if after == count:
        return passed("step_limits", count, "within one step")
    because = f"at most {width} in {limit.period_seconds:.0f} s"
    return Step(
        rule="step_limits", before=count, after=after, because=because, reason=Reason.STEP_LIMITED
    )


def _width(limit: StepLimit, count: int) -> int:
    return max(limit.replicas, int(limit.ratio * count))


def hand(case: Case, count: int) -> Step:
    """Somebody's raise is a floor until it expires; what fell away since is not raised again."""
    if case.hand is None or count >= case.base:
        return passed("hand", count, "no hand to respect")
    after = max(count, min(case.base, case.hand.replicas))
    if after == count:
        return passed("hand", count, "above the hand's floor")
    left = case.hand.until - case.at
    because = f"somebody raised it to {case.hand.replicas}; respected for another {left:.0f} s"
    return Step(rule="hand", before=count, after=after, because=because, reason=Reason.HAND)


def override(case: Case, count: int) -> Step:
    """A person pinned a count until an instant."""
    order = case.observation.orders.override
    if order is None or case.at >= order.until:
        return passed("override", count, "no override")
    because = f"{order.by} pinned {order.replicas} for another {order.until - case.at:.0f} s"
    gate, after = case.gate, order.replicas
    waits = gate.closed is not None or gate.stale
    waits = waits or (after < case.base and (case.ask is not None or gate.starting))
    if waits:
        because = f"{because}; waits until the last change is through"
        after = case.base
    return Step(rule="override", before=count, after=after, because=because, reason=Reason.OVERRIDE)


def pause(case: Case, count: int) -> Step:
    """A person stopped scaling: watch and recommend only."""
    order = case.observation.orders.pause
    if order is None or (order.until is not None and case.at >= order.until):
        return passed("pause", count, "not paused")
    until = "resumed" if order.until is None else f"another {order.until - case.at:.0f} s"
    because = f"{order.by} paused it until {until}"
    return Step(rule="pause", before=count, after=case.base, because=because, reason=Reason.PAUSED)


def mode(case: Case, count: int) -> Step:
    """Say whether the target may be asked for at all; the target stays what it is."""
    if not case.policy.is_managed:
        because = "no entry with a max matches: watched only"
        return passed("mode", count, because, Reason.UNMANAGED)
    if case.policy.mode is not Mode.ACTIVE:
        return passed("mode", count, "advisory: recommended, not asked for", Reason.ADVISORY)
    return passed("mode", count, "active")

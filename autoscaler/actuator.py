"""Carries one decision out: the last checks, a fresh look, one PUT, and what became of it.

The intent is on disk before this is called. Nothing is ever repeated here: an unknown outcome stays
pending and counts as asked until the platform shows otherwise (SEMANTICS 3.10). Every check that
the core made is made once more on the freshest data, because a PUT is the only thing that this
product does to the world.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from autoscaler.core.model import Ask, Decision, Deployment, Orders
from autoscaler.core.policy import Policy
from autoscaler.core.words import Reason
from autoscaler.ports import Clock, Cloud, CloudRefused, CloudUnknown, Meter

PERSONS = frozenset({Reason.OVERRIDE, Reason.HAND})
"""Reasons by which a person holds a count, also outside the bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One scale call to make, as decided."""

    deployment: Deployment
    decision: Decision
    ask: Ask
    """The recorded intent."""
    previous: Ask | None = None
    """An earlier ask that this one would replace; while it is open the status may be a
    transition's. None = there was none.
    """

    @property
    def in_transition(self) -> bool:
        """True while an earlier ask of ours is under way."""
        return self.previous is not None and self.previous.is_open


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """What became of an order."""

    ask: Ask | None
    """The ask as it stands now: the order's, or the earlier one where no call took effect."""
    result: str
    """`ok`, `rejected`, `timeout` (outcome unknown) or `withheld`."""
    because: str
    """One sentence for the log."""
    seen: Deployment | None = None
    """What the fresh read showed; None where there was none."""


class Actuator:
    """The only caller of `Cloud.scale`."""

    def __init__(self, cloud: Cloud, meter: Meter, clock: Clock) -> None:
        self._cloud = cloud
        self._meter = meter
        self._clock = clock

    async def act(self, order: Order, *, allowed: Callable[[], tuple[Policy, Orders]]) -> Acted:
        """Carry one order out. `allowed` returns policy and orders as they are when the call is
        about to leave: a pause that came meanwhile still counts.
        """
        try:
            seen = await self._cloud.get(order.deployment.id)
        except CloudUnknown as fault:
            return _withheld(order, f"the deployment could not be read before the call: {fault}")
        refusal = _refusal(order, seen, *allowed())
        if refusal:
            return replace(_withheld(order, refusal), seen=seen)
        return replace(await self._put(order), seen=seen)

    async def _put(self, order: Order) -> Acted:
        ask, decision = order.ask, order.decision
        direction = "up" if ask.count > ask.from_count else "down"
        try:
            await self._cloud.scale(order.deployment.id, ask.count)
        except CloudRefused as fault:
            self._meter.scale_call(decision.deployment, direction=direction, result="rejected")
            refused = replace(ask, outcome="refused", closed_at=self._clock.now())
            left = order.previous if order.in_transition else refused
            return Acted(ask=left, result="rejected", because=str(fault))
        except CloudUnknown as fault:
            self._meter.scale_call(decision.deployment, direction=direction, result="timeout")
            return Acted(ask=ask, result="timeout", because=str(fault))
        self._meter.scale_call(decision.deployment, direction=direction, result="ok")
        return Acted(ask=replace(ask, outcome="accepted"), result="ok", because=decision.because)


def _withheld(order: Order, because: str) -> Acted:
    return Acted(ask=order.previous, result="withheld", because=because)


def _refusal(order: Order, seen: Deployment | None, policy: Policy, orders: Orders) -> str:
    """Return why the call must not leave after all; empty if it may."""
    decision, count = order.decision, order.ask.count
    if seen is None:
        return "the deployment is gone"
    if seen.replicas != decision.current:
        return (
            f"replicas changed from {decision.current} to {seen.replicas} since the decision;"
            " deciding anew"
        )
    if not (seen.is_ready or (order.in_transition and _is_transition(seen, policy))):
        return f"the deployment's status is {seen.raw_status} now"
    if not policy.may_scale:
        return "the deployment's mode is not active any more"
    if orders.pause is not None and orders.override is None:
        return "the deployment was paused meanwhile"
    return _outside(count, decision, policy)


def _is_transition(seen: Deployment, policy: Policy) -> bool:
    return seen.status.value in policy.transition_statuses


def _outside(count: int, decision: Decision, policy: Policy) -> str:
    """Return why a count breaks the bounds without a person's word; empty if it does not."""
    if decision.reason in PERSONS or any(s.reason in PERSONS for s in decision.steps):
        return ""
    low, high = policy.min_replicas or 1, policy.max_replicas or count
    if low <= count <= high:
        return ""
    nearest = min(max(count, low), high)
    if abs(count - nearest) < abs(decision.current - nearest):
        return ""
    return f"{count} replicas are outside [{low}, {high}] and no nearer than {decision.current}"

"""The shadow: the count that following every recommendation would be running by now.

In advisory mode a recommendation is one event until it changes; the shadow takes it as done at
once, so that its difference to the real count, times the price, is what following would have cost
or saved. It goes down only over the same hold as the real count.
"""

from autoscaler.core.case import Case
from autoscaler.core.limits import ceiling_of, floor_of
from autoscaler.core.model import Decision
from autoscaler.core.state import Shadow

LONGEST_PRICED_SECONDS = 900.0
"""A longer gap between two steps was not watched: it costs nothing on paper."""


def shadowed(before: Shadow | None, case: Case, decision: Decision, recommended: int) -> Shadow:
    """Move the shadow by one decision."""
    if before is None:
        return Shadow(replicas=decision.target, since=case.at, at=case.at)
    replicas = (
        decision.target if case.policy.may_scale else _followed(before, case, decision, recommended)
    )
    seconds = case.at - before.at
    price = case.observation.price_per_replica_hour
    priced = price is not None and 0.0 < seconds <= LONGEST_PRICED_SECONDS
    more = 0.0
    if priced and price is not None:
        more = (before.replicas - case.current) * price * seconds / 3600.0
    return Shadow(
        replicas=replicas,
        since=before.since if replicas == before.replicas else case.at,
        at=case.at,
        cost_more=before.cost_more + more,
        priced=before.priced or priced,
    )


def _followed(before: Shadow, case: Case, decision: Decision, recommended: int) -> int:
    if case.gate.closed is not None or case.gate.blind is not None:
        return before.replicas
    wanted = max(recommended, decision.target if decision.target > case.base else 1)
    high = ceiling_of(case)
    wanted = max(floor_of(case), wanted if high is None else min(wanted, high))
    if wanted >= before.replicas:
        return (
            wanted if decision.target != case.base or wanted > before.replicas else before.replicas
        )
    held = max(wanted, case.held_highest)
    return min(before.replicas, held)

"""The product: one pure function from what is known and seen to a decision.

`step` never assumes that its ask was carried out: an accepted scale call comes back as
`observation.ask`. Same state, observation and policy give the same outcome, bit by bit.
"""

from dataclasses import dataclass

from autoscaler.core.model import Decision, Estimate, Notice, Observation, Step
from autoscaler.core.policy import Policy
from autoscaler.core.state import State
from autoscaler.core.words import Reason, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one step leaves: the next state, the decision, and facts for people."""

    state: State
    decision: Decision
    """`decision.ask` is the count to call scale with now; None = no call."""
    notices: tuple[Notice, ...] = ()
    """Kinds: `infeasible_slo`, `capped_budget`, `saturated_at_max`, `failed_step`, `imbalance`,
    `external_change`, `replica_drop`, `overdue`, `outside_bounds`, `deaf`, `override_ends`. A
    notice is repeated at each step for as long as it is true.
    """


def step(state: State, observation: Observation, policy: Policy) -> Outcome:
    """Decide once for one deployment; pure."""
    current = observation.deployment.replicas
    gate = Step(rule="lifecycle", before=current, after=current, because="nothing seen yet")
    decision = Decision(
        at=observation.at,
        deployment_id=observation.deployment.id,
        deployment=observation.deployment.name,
        current=current,
        recommended=current,
        target=current,
        verdict=Verdict.BLIND,
        reason=Reason.NO_EVIDENCE,
        because="No probe has been counted yet.",
        steps=(gate,),
        estimate=Estimate(at=observation.at),
    )
    _ = policy
    return Outcome(state=state, decision=decision)

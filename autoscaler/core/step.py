"""The product: one pure function from what is known and seen to a decision.

`step` never assumes that its ask was carried out: an accepted scale call comes back as
`observation.ask`. Same state, observation and policy give the same outcome, bit by bit.
"""

from dataclasses import dataclass

from autoscaler.core import gates, limits, rules
from autoscaler.core.assess import assessed
from autoscaler.core.attention import attention_of
from autoscaler.core.case import Case, Rule
from autoscaler.core.facts import case_of
from autoscaler.core.intake import taken_in
from autoscaler.core.memory import remembered
from autoscaler.core.model import Decision, Notice, Observation, Step
from autoscaler.core.notices import notices_of
from autoscaler.core.policy import Policy
from autoscaler.core.predict import counterfactuals
from autoscaler.core.recommend import combined
from autoscaler.core.state import State
from autoscaler.core.verdict import reason_of, told
from autoscaler.core.words import Reason, Verdict

_GATES: tuple[Rule, ...] = (gates.lifecycle, gates.settling, gates.evidence)
_BETWEEN: tuple[Rule, ...] = (
    rules.tolerance,
    rules.pending,
    rules.trust,
    rules.stabilisation,
    rules.cooldown,
    rules.budget,
)
_LIMITS: tuple[Rule, ...] = (
    limits.bounds,
    limits.step_limits,
    limits.hand,
    limits.override,
    limits.pause,
    limits.mode,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one step leaves: the next state, the decision, and facts for people."""

    state: State
    decision: Decision
    """`decision.ask` is the count to call scale with now; None = no call."""
    notices: tuple[Notice, ...] = ()
    """Facts, repeated at each step for as long as they are true; `notices.py` lists the kinds."""


def step(state: State, observation: Observation, policy: Policy) -> Outcome:
    """Decide once for one deployment; pure."""
    state = taken_in(state, observation, policy)
    seen = assessed(state, observation, policy)
    case = case_of(state, seen, observation, policy)
    steps, recommended = _ruled(case)
    decision = _decision(case, steps, recommended)
    return Outcome(
        state=remembered(state, case, decision, recommended),
        decision=decision,
        notices=notices_of(case, decision, seen.infeasible),
    )


def _ruled(case: Case) -> tuple[tuple[Step, ...], int]:
    """Run the rules in their order; return their steps and the recommendation before limits."""
    steps: list[Step] = []
    count = _folded(case, _GATES, case.current, steps)
    if case.gate.closed is None and case.gate.blind is None:
        steps.extend(combined(case, count))
        count = steps[-1].after
        recommended = max(count, case.base) if case.estimate.overloaded else count
        count = _folded(case, _BETWEEN, count, steps)
    else:
        recommended = count
    _folded(case, _LIMITS, count, steps)
    return tuple(steps), recommended


def _folded(case: Case, wanted: tuple[Rule, ...], count: int, steps: list[Step]) -> int:
    for rule in wanted:
        one = rule(case, count)
        steps.append(one)
        count = one.after
    return count


def _decision(case: Case, steps: tuple[Step, ...], recommended: int) -> Decision:
    target, deployment = steps[-1].after, case.observation.deployment
    verdict = _verdict(case, target)
    reason = reason_of(case, steps, target)
    asks = target != case.base and case.policy.may_scale and case.gate.closed is None
    return Decision(
        at=case.at,
        deployment_id=deployment.id,
        deployment=deployment.name,
        current=case.current,
        recommended=recommended,
        target=target,
        verdict=verdict,
        reason=reason,
        because=told(case, steps, target=target, reason=reason),
        steps=steps,
        estimate=case.estimate,
        counterfactuals=counterfactuals(
            case.estimate,
            case.line,
            target=target,
            price=case.observation.price_per_replica_hour,
        ),
        ask=target if asks else None,
        held_until=_held_until(case, reason),
        attention=attention_of(case),
    )


def _verdict(case: Case, target: int) -> Verdict:
    if target > case.base:
        return Verdict.UP
    if target < case.base:
        return Verdict.DOWN
    return Verdict.HOLD if case.gate.blind is None else Verdict.BLIND


def _held_until(case: Case, reason: Reason) -> float | None:
    orders, policy = case.observation.orders, case.policy
    ends = {Reason.SETTLING: case.gate.settling_until, Reason.DOWN_HELD: case.held_until}
    if case.ask is not None:
        ends[Reason.PENDING] = case.ask.asked_at + policy.settle_deadline_seconds
    if case.last_up_at is not None:
        ends[Reason.UP_COOLDOWN] = case.last_up_at + policy.scale_up_cooldown_seconds
    if orders.override is not None:
        ends[Reason.OVERRIDE] = orders.override.until
    if orders.pause is not None:
        ends[Reason.PAUSED] = orders.pause.until
    if case.hand is not None:
        ends[Reason.HAND] = case.hand.until
    return ends.get(reason)

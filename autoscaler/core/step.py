"""The product: one pure function from what is known and seen to a decision.

`step` never assumes that its ask was carried out: an accepted scale call comes back as
`observation.ask`. Same state, observation and policy give the same outcome, bit by bit.
"""

from dataclasses import dataclass, replace

from autoscaler.core import gates, limits, rules
from autoscaler.core.assess import Assessment, assessed
from autoscaler.core.case import Case, Gate, Rule, whole
from autoscaler.core.counts import open_ask
from autoscaler.core.intake import taken_in
from autoscaler.core.model import Decision, Notice, Observation, Step
from autoscaler.core.notices import notices_of
from autoscaler.core.policy import Policy
from autoscaler.core.predict import counterfactuals, predicted_itl
from autoscaler.core.recommend import combined, proposals
from autoscaler.core.shadow import shadowed
from autoscaler.core.state import Attention, State
from autoscaler.core.trial import Trial
from autoscaler.core.verdict import reason_of, told
from autoscaler.core.window import newest_success
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
    case = _case(state, seen, observation, policy)
    steps, recommended = _ruled(case)
    decision = _decision(case, steps, recommended)
    return Outcome(
        state=_next(state, case, decision, recommended),
        decision=decision,
        notices=notices_of(case, decision, seen.infeasible),
    )


def _case(state: State, seen: Assessment, observation: Observation, policy: Policy) -> Case:
    ask, counts = open_ask(observation, policy), state.counts
    current = observation.deployment.replicas
    hold = max(policy.scale_down_hold_seconds, seen.estimate.cold_start_seconds)
    base = current if ask is None else ask.count
    kept = tuple(entry for entry in state.wanted if entry[0] > observation.at - hold)
    blocking = [at for at, count in kept if count >= base]
    period = policy.scale_up_step.period_seconds, policy.scale_down_step.period_seconds
    case = Case(
        observation=observation,
        policy=policy,
        gate=_gate(state, seen, observation, policy),
        current=current,
        base=base,
        ask=ask,
        estimate=seen.estimate,
        line=seen.line,
        slope=seen.slope,
        queueing=state.overload.is_suspected or seen.recovering,
        headroom=state.headroom or policy.headroom_ratio,
        hold_seconds=hold,
        held_highest=kept[0][1] if kept else 1,
        held_until=blocking[-1] + hold if blocking else None,
        settled_for=observation.at - max(observation.started_at, counts.settled_at or 0.0),
        hand=counts.hand,
        fell_from=counts.fell_from,
        last_up_at=counts.last_up_at,
        up_from=_asked_from(state, observation.at, period[0], up=True) or base,
        down_from=_asked_from(state, observation.at, period[1], up=False) or base,
        samples=seen.samples,
        failures=seen.failures,
        undo_to=_undo_to(state, base),
    )
    return replace(case, proposals=proposals(case))


def _asked_from(state: State, at: float, period: float, *, up: bool) -> int | None:
    for mark in state.counts.asks:
        if at - mark.asked_at < period and (mark.count > mark.from_count) is up:
            return mark.from_count
    return None


def _undo_to(state: State, base: int) -> int | None:
    trial = state.trial
    return (
        trial.from_count if trial is not None and trial.failed and base < trial.from_count else None
    )


def _gate(state: State, seen: Assessment, observation: Observation, policy: Policy) -> Gate:
    blind = _blind(state, seen, observation, policy)
    waited = policy.fallback_after_seconds
    since = state.blind_since if state.blind_since is not None else observation.at
    return Gate(
        closed=gates.lifecycle_reason(observation, open_ask(observation, policy), policy),
        blind=blind,
        stale=gates.is_stale(observation, policy),
        starting=gates.is_starting(observation, policy),
        settling_until=gates.settling_until(state.counts, observation, policy),
        fallback=blind is not None and waited is not None and observation.at - since >= waited,
    )


def _blind(
    state: State, seen: Assessment, observation: Observation, policy: Policy
) -> Reason | None:
    if gates.is_stale(observation, policy):
        return Reason.STALE_DATA
    if seen.estimate.overloaded and seen.line is not None:
        return None
    newest = newest_success(state.samples)
    fresh = newest is not None and observation.at - newest.ended_at <= policy.evidence_age_seconds
    if fresh and seen.samples >= gates.LEAST_SAMPLES and seen.estimate.load is not None:
        return None
    return Reason.UNHEALTHY if seen.failures and not fresh else Reason.NO_EVIDENCE


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
    )


def _verdict(case: Case, target: int) -> Verdict:
    if target > case.base:
        return Verdict.UP
    if target < case.base:
        return Verdict.DOWN
    return Verdict.HOLD if case.gate.blind is None else Verdict.BLIND


def _held_until(case: Case, reason: Reason) -> float | None:
    orders = case.observation.orders
    if reason is Reason.SETTLING:
        return case.gate.settling_until
    if reason is Reason.DOWN_HELD:
        return case.held_until
    if reason is Reason.PENDING and case.ask is not None:
        return case.ask.asked_at + case.policy.settle_deadline_seconds
    if reason is Reason.UP_COOLDOWN and case.last_up_at is not None:
        return case.last_up_at + case.policy.scale_up_cooldown_seconds
    if reason is Reason.OVERRIDE and orders.override is not None:
        return orders.override.until
    if reason is Reason.PAUSED and orders.pause is not None:
        return orders.pause.until
    return case.hand.until if reason is Reason.HAND and case.hand is not None else None


def _next(state: State, case: Case, decision: Decision, recommended: int) -> State:
    blind = case.gate.blind is not None
    since = state.blind_since if state.blind_since is not None else case.at
    return replace(
        state,
        wanted=_wanted(state, case, recommended),
        blind_since=since if blind else None,
        trial=_trial(state, case, decision),
        shadow=shadowed(state.shadow, case, decision, recommended),
        attention=_attention(case),
    )


def _wanted(state: State, case: Case, recommended: int) -> tuple[tuple[float, int], ...]:
    """What the hold looks back on, as falling counts: the largest is the first.

    Unseen and pending steps want what is there. Seen ones want what the mean of the load needs: its
    upper end is asked only of the step that goes down, else the hold would ask for it twice.
    """
    gate, load, plan = case.gate, case.estimate.load, case.plan_per_replica
    count = recommended
    if gate.blind is not None or gate.closed is not None or case.ask is not None:
        count = max(recommended, case.base)
    elif recommended < case.base and load is not None and plan:
        others = (one.count for one in case.proposals if one.rule != "slo_model")
        count = max(whole(load / plan), *others, 1)
    kept = [one for one in state.wanted if one[0] > case.at - case.hold_seconds and one[1] > count]
    return (*kept, (case.at, count))


def _trial(state: State, case: Case, decision: Decision) -> Trial | None:
    if (
        decision.ask is None
        or decision.verdict is not Verdict.DOWN
        or case.line is None
        or case.is_trusted
        or case.estimate.itl_seconds is None
    ):
        return state.trial
    predicted = predicted_itl(case.estimate, case.line, decision.ask)
    if predicted is None:
        return state.trial
    return Trial(
        asked_at=case.at,
        from_count=case.current,
        to_count=decision.ask,
        itl_before=case.estimate.itl_seconds,
        itl_predicted=predicted,
    )


def _attention(case: Case) -> Attention:
    estimate, plan = case.estimate, case.plan_per_replica
    if estimate.overloaded:
        return Attention.OVERLOAD
    if case.gate.settling_until is not None or case.gate.blind is not None or case.ask is not None:
        return Attention.DOUBT
    if estimate.load_low is None or estimate.load_high is None or not plan or estimate.load is None:
        return Attention.DOUBT
    low, high = estimate.load_low / plan, estimate.load_high / plan
    edge_up = case.base * (1.0 + case.policy.tolerance_ratio)
    if low <= edge_up <= high or (case.base > 1 and low <= case.base - 1 <= high):
        return Attention.DOUBT
    if estimate.load / plan > 0.9 * case.base:
        return Attention.DOUBT
    return Attention.IDLE if high < 0.3 * case.base else Attention.STEADY

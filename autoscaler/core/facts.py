"""Building the case: everything the rules may look at, computed once from state and observation."""

from dataclasses import replace

from autoscaler.core import gates
from autoscaler.core.assess import Assessment
from autoscaler.core.case import Case, Gate
from autoscaler.core.counts import hold_seconds, open_ask
from autoscaler.core.forecast import raised
from autoscaler.core.headroom import in_force
from autoscaler.core.model import Observation
from autoscaler.core.policy import Policy
from autoscaler.core.recommend import proposals
from autoscaler.core.state import State
from autoscaler.core.window import newest_success
from autoscaler.core.words import Reason


def case_of(state: State, seen: Assessment, observation: Observation, policy: Policy) -> Case:
    """Put together what the rules may look at."""
    ask, counts = open_ask(observation, policy), state.counts
    current = observation.deployment.replicas
    hold = hold_seconds(counts, policy, at=observation.at)
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
        queue_load=state.overload.load,
        queue_asked=state.overload.asked,
        queue_since=state.overload.shown_since,
        queue_until=state.overload.ends_at,
        backlog=state.overload.backlog,
        queueing=state.overload.is_suspected or seen.recovering,
        headroom=in_force(state.calibration, policy),
        hold_seconds=hold,
        held_highest=kept[0][1] if kept else base,
        held_until=blocking[-1] + hold if blocking else None,
        settled_for=observation.at - (counts.settled_at or 0.0),
        hand=counts.hand,
        fell_from=counts.fell_from,
        last_up_at=counts.last_up_at,
        last_down_at=counts.last_down_at,
        up_from=_asked_from(state, observation.at, period[0], up=True) or base,
        down_from=_asked_from(state, observation.at, period[1], up=False) or base,
        samples=seen.samples,
        failures=seen.failures,
        uneven=state.balance.shown(observation.at),
        undo_to=_undo_to(state, base),
    )
    foretold = _foretold(state, case)
    if foretold is not None:
        case = replace(case, foretold=foretold[0], foretold_by=foretold[1])
    return replace(case, proposals=proposals(case))


def _foretold(state: State, case: Case) -> tuple[float, str] | None:
    estimate = case.estimate
    if not case.policy.forecast or estimate.load is None or not estimate.capacity_per_replica:
        return None
    need = estimate.load / estimate.capacity_per_replica
    serves_at = case.at + estimate.cold_start_seconds
    found, by = raised(state.forecast, state.record, need, serves_at=serves_at)
    return (found, by) if by else None


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

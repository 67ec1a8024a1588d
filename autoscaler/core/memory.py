"""What a step leaves behind: the next state, from the case and its decision."""

from dataclasses import replace

from autoscaler.core import headroom
from autoscaler.core.case import Case
from autoscaler.core.forecast import Terms, judged
from autoscaler.core.limits import ceiling_of, floor_of
from autoscaler.core.model import Decision
from autoscaler.core.overload import MOST_SLOPE, told
from autoscaler.core.predict import predicted_itl
from autoscaler.core.record import recorded, whole
from autoscaler.core.shadow import shadowed
from autoscaler.core.state import Attention, State
from autoscaler.core.trial import Trial
from autoscaler.core.words import Verdict


def remembered(state: State, case: Case, decision: Decision, recommended: int) -> State:
    """Return the state after the decision."""
    blind = case.gate.blind is not None
    since = state.blind_since if state.blind_since is not None else case.at
    state_bin = state.record.open_bin
    if state.overload.is_shown:
        overload = told(state.overload, _queue_load(case), replicas=case.current, at=case.at)
        state = replace(state, overload=overload)
    record = recorded(state.record, _need(case), at=case.at)
    state = replace(
        state,
        wanted=_wanted(state, case, recommended),
        blind_since=since if blind else None,
        trial=_trial(state, case, decision),
        shadow=shadowed(state.shadow, case, decision, recommended),
        attention=_attention(case),
        record=record,
    )
    closed = record.open_bin != state_bin
    return _learned(state, case) if closed else state


def _queue_load(case: Case) -> float | None:
    """Load that the slope tells; a mere bound, as when first answers grow old, lowers nothing."""
    slope = case.slope
    if slope is None:
        return None
    load = case.current * max(0.0, 1.0 + slope.value)
    return max(load, case.queue_load or 0.0) if slope.high >= MOST_SLOPE else load


def _need(case: Case) -> float | None:
    """Unrounded replicas at head-room 1; None where the load was not seen."""
    load, capacity = case.estimate.load, case.estimate.capacity_per_replica
    if case.gate.blind is not None or load is None or not capacity:
        return None
    return load / capacity


def _learned(state: State, case: Case) -> State:
    """At each closed bin: judge the forecast, and once a day the head-room."""
    policy, estimate = case.policy, case.estimate
    attainment = policy.slo.attainment_ratio
    terms = Terms(
        horizon_seconds=estimate.cold_start_seconds,
        headroom=case.headroom,
        attainment=attainment,
    )
    state = replace(state, forecast=judged(state.forecast, state.record, terms))
    if not policy.headroom_calibrates:
        return state
    rate, need = estimate.arrivals_per_second, _need(case)
    calibration = headroom.calibrated(
        state.calibration,
        state.record,
        headroom.Terms(
            tolerance=case.tolerance,
            hold_seconds=case.hold_seconds,
            cold_start_seconds=estimate.cold_start_seconds,
            attainment=attainment,
            least=floor_of(case),
            most=ceiling_of(case) or 1_000,
            rate_per_need=rate / need if rate and need else None,
        ),
        given=policy.headroom_ratio,
        at=case.at,
    )
    return replace(state, calibration=calibration)


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
        itl_predicted=max(
            predicted, case.estimate.itl_seconds * case.current / max(1, decision.ask)
        ),
    )


def _attention(case: Case) -> Attention:
    estimate, plan = case.estimate, case.plan_per_replica
    if estimate.overloaded and case.slope is not None and case.slope.high < MOST_SLOPE:
        return Attention.OVERLOAD
    if case.queueing:  # how fast it grows is what the next answers tell
        return Attention.DOUBT
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

"""What a step leaves behind: the next state, from the case and its decision."""

from dataclasses import replace

from autoscaler.core import headroom
from autoscaler.core.case import Case
from autoscaler.core.forecast import Terms, judged
from autoscaler.core.limits import ceiling_of, floor_of
from autoscaler.core.model import Decision
from autoscaler.core.overload import Overload, piled_up, told
from autoscaler.core.predict import predicted_itl
from autoscaler.core.record import recorded, whole
from autoscaler.core.shadow import shadowed
from autoscaler.core.slope import MOST_SLOPE
from autoscaler.core.state import State
from autoscaler.core.trial import Trial
from autoscaler.core.words import Verdict


def remembered(state: State, case: Case, decision: Decision, recommended: int) -> State:
    """Return the state after the decision."""
    blind = case.gate.blind is not None
    since = state.blind_since if state.blind_since is not None else case.at
    state_bin = state.record.open_bin
    if state.overload.is_shown:
        state = replace(state, overload=_told(state.overload, case, decision))
    record = recorded(state.record, _need(case), at=case.at)
    state = replace(
        state,
        wanted=_wanted(state, case, recommended),
        blind_since=since if blind else None,
        trial=_trial(state, case, decision),
        shadow=shadowed(state.shadow, case, decision, recommended),
        record=record,
    )
    closed = record.open_bin != state_bin
    return _learned(state, case) if closed else state


def _told(overload: Overload, case: Case, decision: Decision) -> Overload:
    """Take in what the queue tells, and remember what an ask for more was sized by."""
    asks = decision.verdict is Verdict.UP and decision.ask is not None
    load = _queue_load(case)
    if asks and case.slope is None:
        sized = [one.load for one in case.proposals if one.load is not None]
        load = max(sized, default=None)
        overload = piled_up(overload, load or 0.0, at=case.at)
    overload = told(overload, load, replicas=case.current, at=case.at)
    if not asks or overload.load is None:
        return overload
    return replace(overload, asked=(case.at, overload.load))


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
    gate, load = case.gate, case.estimate.load
    need = None if load is None else case.staffed(load)
    count = recommended
    if gate.blind is not None or gate.closed is not None or case.ask is not None:
        count = max(recommended, case.base)
    elif recommended < case.base and need is not None:
        others = (one.count for one in case.proposals if one.rule != "slo_model")
        count = max(whole(need), *others, 1)
    within = [one for one in state.wanted if one[0] > case.at - case.hold_seconds]
    if not within:  # a hold begins where the looking does
        count = max(count, case.base)
    return (*(one for one in within if one[1] > count), (case.at, count))


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

"""What holds for every state, observation and policy (ARCHITECTURE §5)."""

import json
from dataclasses import replace

from core_world import START, deployment, probe
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaler.core.codec import encode
from autoscaler.core.model import Ask, Observation, Orders, Override, Pause, ProbeResult
from autoscaler.core.policy import Policy, Slo
from autoscaler.core.replay import replay
from autoscaler.core.state import State, decode_state, encode_state
from autoscaler.core.step import Outcome, step
from autoscaler.core.words import FailureReason, Mode, Reason, Status, Verdict

STEPS = 14
seconds = st.floats(0.002, 0.2)
few = settings(max_examples=20, deadline=None)


@st.composite
def probes_at(draw: st.DrawFn, at: float) -> tuple[ProbeResult, ...]:
    found = []
    for number in range(draw(st.integers(0, 4))):
        sent = at - 14.0 + 3.0 * number
        if draw(st.booleans()) and draw(st.booleans()):
            failure = draw(st.sampled_from(list(FailureReason)))
            found.append(probe(sent, failure=failure, duration=draw(st.floats(0.1, 30.0))))
        else:
            ttft = draw(st.one_of(st.floats(0.02, 0.3), st.floats(1.0, 20.0)))
            found.append(probe(sent, itl=draw(seconds), ttft=ttft))
    return tuple(found)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    low = draw(st.one_of(st.none(), st.integers(1, 5)))
    high = draw(st.one_of(st.none(), st.integers(low or 1, 12)))
    return Policy(
        mode=draw(st.sampled_from(list(Mode))),
        matched=draw(st.sampled_from([None, "entry"])),
        min_replicas=low,
        max_replicas=high,
        alpha_seconds=draw(st.one_of(st.none(), st.floats(0.005, 0.02))),
        slo=Slo(itl_seconds=draw(st.one_of(st.none(), st.floats(0.01, 0.1)))),
        scale_down_hold_seconds=draw(st.sampled_from([0.0, 30.0, 600.0])),
        settling_window_seconds=draw(st.sampled_from([0.0, 30.0, 120.0])),
        max_cost_per_hour=draw(st.one_of(st.none(), st.floats(1.0, 30.0))),
        fallback_after_seconds=draw(st.one_of(st.none(), st.just(30.0))),
        fallback_replicas=draw(st.one_of(st.none(), st.integers(1, 6))),
        cold_start_seconds=draw(st.sampled_from([30.0, 180.0])),
    )


@st.composite
def orders(draw: st.DrawFn, at: float) -> Orders:
    override = Override(replicas=draw(st.integers(1, 15)), until=at + 60.0, by="ann")
    return Orders(
        pause=draw(st.sampled_from([None, None, None, Pause(since=at, until=None, by="ann")])),
        override=draw(st.sampled_from([None, None, None, override])),
    )


@st.composite
def observations(draw: st.DrawFn) -> list[Observation]:
    found = []
    for number in range(draw(st.integers(1, STEPS))):
        at = START + 15.0 * number
        ask = Ask(
            count=draw(st.integers(1, 10)),
            from_count=draw(st.integers(1, 10)),
            asked_at=at - draw(st.sampled_from([1.0, 100.0, 1000.0])),
            outcome=draw(st.sampled_from(["pending", "accepted", "settled", "refused", "overdue"])),
        )
        found.append(
            Observation(
                at=at,
                deployment=deployment(
                    replicas=draw(st.integers(1, 10)),
                    status=draw(st.sampled_from([Status.READY] * 6 + list(Status))),
                ),
                read_at=at - draw(st.sampled_from([1.0, 1.0, 1.0, 100.0])),
                probes=draw(probes_at(at)),
                ask=draw(st.sampled_from([None, None, ask])),
                orders=draw(orders(at)),
                price_per_replica_hour=draw(st.sampled_from([None, 2.0])),
                started_at=START - draw(st.sampled_from([0.0, 1000.0])),
            )
        )
    return found


def run(seen: list[Observation], policy: Policy) -> list[Outcome]:
    state, found = State(), []
    for observation in seen:
        outcome = step(state, observation, policy)
        state = outcome.state
        found.append(outcome)
    return found


def base_of(observation: Observation, outcome: Outcome) -> int:
    """What is coming: where the lifecycle gate leaves the count."""
    assert outcome.decision.steps[0].rule == "lifecycle"
    return outcome.decision.steps[0].after


@few
@given(observations(), policies())
def test_steps_replayed_from_current_end_at_target(seen: list[Observation], policy: Policy) -> None:
    for outcome in run(seen, policy):
        count = outcome.decision.current
        for one in outcome.decision.steps:
            assert one.before == count
            count = one.after
        assert count == outcome.decision.target


@few
@given(observations(), policies())
def test_a_target_is_in_bounds_or_nearer_to_them_or_held_by_a_person(
    seen: list[Observation], policy: Policy
) -> None:
    for observation, outcome in zip(seen, run(seen, policy), strict=True):
        target, base = outcome.decision.target, base_of(observation, outcome)
        low, high = max(1, policy.min_replicas or 1), policy.max_replicas or 10_000
        held = outcome.decision.reason in {Reason.OVERRIDE, Reason.HAND}
        nearer = base <= target <= low or high <= target <= base
        assert low <= target <= high or nearer or held or target == base


@few
@given(observations(), policies())
def test_what_cannot_be_seen_moves_nothing_inside_the_bounds(
    seen: list[Observation], policy: Policy
) -> None:
    allowed = {Reason.FALLBACK, Reason.OVERRIDE, Reason.BELOW_MIN, Reason.ABOVE_MAX}
    for observation, outcome in zip(seen, run(seen, policy), strict=True):
        evidence = next(one for one in outcome.decision.steps if one.rule == "evidence")
        blind = evidence.reason in {Reason.STALE_DATA, Reason.NO_EVIDENCE, Reason.UNHEALTHY}
        if blind and outcome.decision.target != base_of(observation, outcome):
            assert outcome.decision.reason in allowed
        if outcome.decision.verdict is Verdict.BLIND:
            assert outcome.decision.target == base_of(observation, outcome)


@few
@given(observations(), policies())
def test_only_a_managed_active_unpaused_deployment_is_asked_for(
    seen: list[Observation], policy: Policy
) -> None:
    for observation, outcome in zip(seen, run(seen, policy), strict=True):
        decision = outcome.decision
        if decision.ask is not None:
            assert policy.may_scale
            assert observation.orders.pause is None
            assert decision.ask == decision.target != base_of(observation, outcome)
            assert decision.ask >= 1


@few
@given(observations(), policies())
def test_same_input_same_output_through_json_too(seen: list[Observation], policy: Policy) -> None:
    state = State()
    for observation in seen:
        again = decode_state(json.loads(json.dumps(encode_state(state))))
        assert again == state
        outcome = step(state, observation, policy)
        assert step(again, observation, policy) == outcome
        state = outcome.state


@few
@given(observations(), policies())
def test_recorded_observations_replay_to_the_same_decisions(
    seen: list[Observation], policy: Policy
) -> None:
    decided = [encode(outcome.decision) for outcome in run(seen, policy)]
    assert [encode(one) for one in replay(seen, policy, State())] == decided


@few
@given(observations(), policies())
def test_failures_alone_change_no_target(seen: list[Observation], policy: Policy) -> None:
    policy = replace(policy, fallback_after_seconds=None)
    failing = [
        replace(
            one,
            probes=tuple(
                probe(p.sent_at, failure=p.failure or FailureReason.TIMEOUT_TTFT, duration=9.0)
                for p in one.probes
            ),
        )
        for one in seen
    ]
    silent = [replace(one, probes=()) for one in seen]
    with_failures = [outcome.decision.target for outcome in run(failing, policy)]
    assert with_failures == [outcome.decision.target for outcome in run(silent, policy)]


@few
@given(st.lists(seconds, min_size=12, max_size=12), st.floats(1.0, 3.0), st.integers(1, 6))
def test_more_load_never_gives_fewer_replicas(
    itls: list[float], factor: float, replicas: int
) -> None:
    policy = Policy(mode=Mode.ACTIVE, matched="x", max_replicas=30, alpha_seconds=0.004)

    def target(scale: float) -> int:
        probes = tuple(
            probe(START + 5.0 * n, itl=scale * itl, ttft=0.1) for n, itl in enumerate(itls)
        )
        observation = Observation(
            at=START + 62.0,
            deployment=deployment(replicas=replicas),
            read_at=START + 61.0,
            probes=probes,
            started_at=START - 1e6,
        )
        return step(State(), observation, policy).decision.target

    assert target(factor) >= target(1.0)


@few
@given(observations(), policies())
def test_no_count_is_ever_below_the_platforms_own_floor(
    seen: list[Observation], policy: Policy
) -> None:
    assert all(outcome.decision.target >= 1 for outcome in run(seen, policy))

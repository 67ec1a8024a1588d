"""SEMANTICS §3, line by line: what may move replicas, and what may not."""

from dataclasses import replace
from itertools import pairwise

import pytest
from core_world import ACTIVE, HOUR, MINUTE, START, World, counts, deployment, probe

from autoscaler.core.model import Ask, Observation, Orders, Override, Pause
from autoscaler.core.policy import Policy, Slo
from autoscaler.core.state import State
from autoscaler.core.step import Outcome, step
from autoscaler.core.words import FailureReason, Mode, Reason, Status, Verdict

TRUSTED = replace(ACTIVE, alpha_seconds=0.01)


def steady(load: float, replicas: int, policy: Policy = TRUSTED, **changes: object) -> World:
    return World(load=lambda _: load, policy=policy, replicas=replicas, **changes)  # type: ignore[arg-type]


def last(world: World) -> Outcome:
    return world.outcomes[-1]


def kinds(outcome: Outcome) -> set[str]:
    return {notice.kind for notice in outcome.notices}


# -- 2: who may be scaled ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "policy",
    [
        replace(TRUSTED, matched=None),
        replace(TRUSTED, max_replicas=None),
        replace(TRUSTED, mode=Mode.ADVISORY),
    ],
    ids=["unmatched", "without a max", "advisory"],
)
def test_only_a_managed_active_deployment_is_ever_asked_for(policy: Policy) -> None:
    world = steady(0.9, 1, policy).run(HOUR)
    assert world.puts == []
    assert last(world).decision.target > 1  # but it is recommended for


def test_a_paused_deployment_is_watched_and_not_scaled() -> None:
    pause = Pause(since=START, until=None, by="ann")
    world = steady(0.9, 1, orders=Orders(pause=pause)).run(HOUR)
    assert world.puts == []
    assert last(world).decision.reason is Reason.PAUSED
    assert last(world).decision.recommended > 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.FAILED, Reason.UNHEALTHY),
        (Status.INITIALIZING, Reason.NOT_READY),
        (Status.TERMINATING, Reason.NOT_READY),
        (Status.UNKNOWN, Reason.TRANSITIONAL),
    ],
)
def test_nothing_is_asked_for_in_a_status_that_is_not_ready(status: Status, reason: Reason) -> None:
    world = steady(3.0, 1)
    world.status = status
    world.run(HOUR)
    assert world.puts == []
    assert last(world).decision.reason is reason


def test_the_transition_of_our_own_ask_may_be_asked_beyond() -> None:
    """2 run, 3 are on their way, and even the least load is more than 3 will carry."""
    world = World(load=lambda t: 1.0 if t < 1800 else 4.0, policy=TRUSTED, replicas=2)
    world.run(1800)
    asked = Ask(count=3, from_count=2, asked_at=START + 1790.0, outcome="accepted")
    world.ask, world.status = asked, Status.INITIALIZING
    world.run(60)
    assert counts(world)
    assert min(counts(world)) > 3


# -- 3: bounds --------------------------------------------------------------------------------


def test_a_count_above_max_is_approached_in_steps_after_the_first_settling_window() -> None:
    world = steady(0.5, 8, replace(TRUSTED, max_replicas=4), probing=False).run(HOUR)
    assert world.puts[0][0] >= 120.0
    assert counts(world) == [6, 5, 4]
    assert last(world).decision.reason is Reason.NO_EVIDENCE


def test_a_count_below_min_is_approached_without_probes() -> None:
    policy = replace(TRUSTED, min_replicas=9, max_replicas=12)
    world = steady(0.5, 1, policy, probing=False).run(HOUR)
    assert counts(world) == [5, 9]


def test_bounds_do_not_hold_on_a_count_that_was_not_read_freshly() -> None:
    policy = replace(TRUSTED, max_replicas=4)
    observation = Observation(
        at=START + HOUR,
        deployment=deployment(replicas=8),
        read_at=START + HOUR - 61.0,
        started_at=START,
    )
    outcome = step(State(), observation, policy)
    assert outcome.decision.ask is None
    assert outcome.decision.reason is Reason.STALE_DATA


# -- 4: failures ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("failure", list(FailureReason))
def test_failures_alone_move_nothing(failure: FailureReason) -> None:
    world = steady(0.9, 3).run(20 * MINUTE)
    before = len(world.puts)
    current = world.replicas
    world.failing = failure
    world.run(HOUR)
    assert len(world.puts) == before
    assert world.replicas == current


def rising(at: float) -> float:
    """From half a replica to five within half an hour."""
    return min(5.0, 0.5 + at / 400.0)


def overloaded(**changes: object) -> World:
    """One replica at a load of 1.05, its queue slowly growing, and nothing more to give."""
    policy = replace(TRUSTED, max_replicas=1)
    world = World(load=lambda t: 0.5 if t < 600 else 1.05, policy=policy, **changes)  # type: ignore[arg-type]
    world.run(660)
    assert last(world).decision.estimate.overloaded
    return world


@pytest.mark.parametrize(
    "failure", [FailureReason.TIMEOUT_HEADERS, FailureReason.TIMEOUT_TTFT, FailureReason.HTTP_429]
)
def test_an_overload_that_was_shown_stays_shown_while_probes_wait(failure: FailureReason) -> None:
    world = overloaded()
    world.failing = failure
    world.run(10 * MINUTE)
    assert last(world).decision.estimate.overloaded


def test_an_overload_ends_with_another_kind_of_failure() -> None:
    world = overloaded()
    world.failing = FailureReason.CONNECT
    world.run(MINUTE)
    assert not last(world).decision.estimate.overloaded


def test_an_overload_is_not_believed_for_more_than_half_an_hour() -> None:
    world = overloaded()
    world.failing = FailureReason.TIMEOUT_TTFT
    world.run(31 * MINUTE)
    assert not last(world).decision.estimate.overloaded


# -- 5: what cannot be seen -------------------------------------------------------------------


@pytest.mark.slow
def test_without_probes_nothing_moves_inside_the_bounds() -> None:
    world = steady(0.5, 4).run(HOUR)
    settled = len(world.puts)
    world.probing = False
    world.run(2 * HOUR)
    assert len(world.puts) == settled
    assert last(world).decision.verdict is Verdict.BLIND


def test_a_fallback_raises_after_its_time_and_never_lowers() -> None:
    policy = replace(TRUSTED, fallback_after_seconds=600.0, fallback_replicas=3)
    world = steady(0.5, 1, policy, probing=False).run(HOUR)
    assert counts(world) == [3]
    assert world.puts[0][0] >= 600.0
    assert steady(0.5, 5, policy, probing=False).run(HOUR).puts == []


def test_nothing_goes_down_in_the_first_settling_window_after_a_restart() -> None:
    world = steady(0.3, 6).run(9 * MINUTE)
    world.started_at = START + world.t
    begun = world.t
    world.run(HOUR)
    assert world.puts
    assert world.puts[0][0] >= begun + 120.0


# -- 6: down only on trusted evidence ---------------------------------------------------------


@pytest.mark.slow
def test_a_fleet_that_was_never_idle_is_not_drained_on_a_wrong_alpha() -> None:
    """8 replicas at rho 0.6: their lowest latency is twice the idle one, and looks idle."""
    world = steady(4.8, 8, ACTIVE).run(6 * HOUR)
    assert world.puts == []
    assert last(world).decision.reason is Reason.DOWN_UNTRUSTED


@pytest.mark.slow
def test_with_a_written_slo_down_goes_one_at_a_time_a_hold_apart() -> None:
    policy = replace(ACTIVE, slo=Slo(itl_seconds=0.1))
    world = steady(1.0, 6, policy).run(4 * HOUR)
    assert counts(world)[:2] == [5, 4]
    times = [at for at, _ in world.puts]
    assert all(later - at >= 600.0 for at, later in pairwise(times))


@pytest.mark.slow
def test_a_step_down_whose_prediction_fails_is_undone_at_once_and_told() -> None:
    """A trial at 4.8 of load: alpha seems 18 ms and is 10, so one replica less is a surprise."""
    policy = replace(ACTIVE, slo=Slo(itl_seconds=0.06))
    world = World(load=lambda _: 4.2, policy=policy, replicas=6, cap=0.95, noise=0.01)
    told: set[str] = set()
    for _ in range(4 * 240):
        told |= kinds(world.tick())
    assert "failed_step" in told
    assert counts(world)[0] == 5
    assert counts(world)[1] >= 6
    alpha = last(world).decision.estimate.alpha_seconds
    assert alpha is not None
    assert alpha < 0.016


# -- 7: hands, drops, overrides ---------------------------------------------------------------


@pytest.mark.slow
def test_a_raise_by_somebody_is_a_floor_until_it_expires() -> None:
    world = steady(0.5, 1).run(30 * MINUTE)
    world.replicas = 5
    world.run(110 * MINUTE)
    assert world.replicas == 5
    assert "external_change" in kinds(last(world))
    assert last(world).decision.reason is Reason.HAND
    world.run(HOUR)
    assert world.replicas < 5


@pytest.mark.slow
def test_a_hand_above_max_is_respected() -> None:
    world = steady(0.5, 1, replace(TRUSTED, max_replicas=3)).run(30 * MINUTE)
    world.replicas = 5
    world.run(HOUR)
    assert world.puts == []


def test_the_arrival_of_an_overdue_ask_is_no_hand() -> None:
    world = World(load=lambda t: 0.5 if t < 600 else 2.0, policy=TRUSTED, cold_start=2000.0)
    world.run(600 + 1000)
    assert world.puts
    asked = counts(world)[-1]
    world.ask = None
    world.replicas = asked
    outcome = world.run(MINUTE).outcomes[-1]
    assert "external_change" not in kinds(outcome)


def test_a_drop_is_told_and_no_reason_to_hold_back() -> None:
    world = steady(2.2, 4).run(30 * MINUTE)
    world.replicas = 1
    told: set[str] = set()
    for _ in range(20):
        told |= kinds(world.tick())
    assert "replica_drop" in told
    assert counts(world)[-1] > 1


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [1, 2, 9])
def test_an_override_pins_either_way_until_it_expires(replicas: int) -> None:
    world = steady(1.4, 3).run(HOUR)
    until = START + world.t + HOUR
    world.orders = Orders(override=Override(replicas=replicas, until=until, by="ann"))
    world.run(30 * MINUTE)
    assert world.replicas == replicas
    assert last(world).decision.reason is Reason.OVERRIDE
    world.run(20 * MINUTE)
    assert "override_ends" in kinds(last(world))
    world.run(2 * HOUR)
    assert last(world).decision.reason is not Reason.OVERRIDE


# -- 8: money ---------------------------------------------------------------------------------


def test_an_hourly_cap_is_a_max_in_money_and_told() -> None:
    policy = replace(TRUSTED, max_cost_per_hour=6.5)
    world = World(load=rising, policy=policy, price=2.0).run(HOUR)
    assert max(counts(world)) == 3
    assert any("capped_budget" in kinds(outcome) for outcome in world.outcomes)


def test_a_cap_lowers_no_running_count_and_refuses_nothing_up_to_min() -> None:
    policy = replace(TRUSTED, max_cost_per_hour=2.0, min_replicas=3)
    assert steady(3.6, 5, policy, price=2.0).run(HOUR).puts == []
    assert max(counts(World(load=rising, policy=policy, price=2.0).run(HOUR))) == 3


def test_a_monthly_budget_refuses_beyond_its_pace_only_where_enforced() -> None:
    policy = replace(TRUSTED, monthly_budget=1000.0, budget_enforce=True)
    money = {"month_spend": 400.0, "month_left_hours": 200.0}  # 3 an hour are left: they pay for 1
    assert _loaded(policy, **money).decision.reason is Reason.CAPPED_BUDGET
    assert _loaded(replace(policy, budget_enforce=False), **money).decision.target > 1


def _loaded(policy: Policy, **money: float) -> Outcome:
    world = World(
        load=lambda t: 0.5 + t / 600, policy=replace(policy, mode=Mode.ADVISORY), price=2.0
    )
    world.run(5 * MINUTE + 45)
    probes = (probe(START + world.t - 5, itl=0.06, ttft=3.0),)
    observation = replace(world.observe(probes), **money)  # type: ignore[arg-type]
    return step(world.state, observation, policy)


# -- 9: objectives that no count can meet -----------------------------------------------------


@pytest.mark.slow
def test_an_infeasible_objective_is_set_aside_with_one_notice_and_moves_nothing() -> None:
    policy = replace(TRUSTED, slo=Slo(itl_seconds=0.009))
    world = steady(0.7, 1, policy).run(6 * HOUR)
    assert world.puts == []
    notices = [n for n in last(world).notices if n.kind == "infeasible_slo"]
    assert len(notices) == 1


def test_without_a_trusted_alpha_latency_above_a_written_slo_is_a_reason_to_go_up() -> None:
    policy = replace(ACTIVE, slo=Slo(itl_seconds=0.015))
    world = steady(0.9, 1, policy).run(30 * MINUTE)
    assert counts(world)[0] == 2
    assert world.outcomes[0].decision.reason is not Reason.INFEASIBLE_SLO


# -- 10: one ask at a time --------------------------------------------------------------------


def test_no_count_is_asked_twice_within_an_open_ask() -> None:
    world = World(load=lambda t: 0.5 if t < 600 else 3.0, policy=TRUSTED, cold_start=600.0)
    world.run(600 + 700)
    assert len(set(counts(world))) == len(counts(world))


def test_an_ask_of_unknown_outcome_counts_as_asked_after_a_restart() -> None:
    ask = Ask(count=4, from_count=1, asked_at=START - 30.0)
    probes = tuple(probe(START + 5.0 * n, itl=0.03) for n in range(6))
    observation = Observation(
        at=START + 60.0,
        deployment=deployment(replicas=1),
        read_at=START + 59.0,
        probes=probes,
        ask=ask,
        started_at=START,
    )
    outcome = step(State(), observation, TRUSTED)
    assert outcome.decision.target == 4
    assert outcome.decision.ask is None
    assert outcome.decision.reason is Reason.PENDING


def test_an_overdue_ask_is_decided_anew() -> None:
    world = World(load=lambda t: 0.5 if t < 600 else 1.6, policy=TRUSTED, cold_start=1e9)
    world.run(600 + 2000)
    assert len(world.puts) >= 2
    gaps = [later - at for (at, _), (later, _) in pairwise(world.puts)]
    assert max(gaps) >= 900.0
    assert any("overdue" in kinds(outcome) for outcome in world.outcomes)


@pytest.mark.slow
def test_down_waits_for_the_settling_window_after_our_own_ask() -> None:
    world = World(load=lambda t: 3.0 if t < 1800 else 0.4, policy=TRUSTED, replicas=4)
    world.run(3 * HOUR)
    times = [at for at, _ in world.puts]
    assert len(times) >= 2
    assert all(later - at >= 120.0 for at, later in pairwise(times))

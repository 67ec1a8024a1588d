"""SEMANTICS §3, line by line: hands, money, objectives, one ask at a time (7 to 10)."""

from dataclasses import replace
from itertools import pairwise

import pytest
from core_world import (
    ACTIVE,
    HOUR,
    MINUTE,
    START,
    TRUSTED,
    World,
    counts,
    deployment,
    kinds,
    last,
    probe,
    rising,
    steady,
)

from autoscaler.core.model import Ask, Observation, Orders, Override
from autoscaler.core.policy import Policy, Slo
from autoscaler.core.state import State
from autoscaler.core.step import Outcome, step
from autoscaler.core.words import Mode, Reason

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
    world.run(7 * MINUTE)
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

"""Stories of one deployment, told as instants."""

from dataclasses import replace
from itertools import pairwise

import pytest
from core_world import ACTIVE, DAY, HOUR, MINUTE, World, counts, flaps

from autoscaler.core.counts import REGRET_SECONDS, hold_seconds
from autoscaler.core.policy import Policy, Schedule
from autoscaler.core.words import Mode, Reason

pytestmark = pytest.mark.slow
TRUSTED = replace(ACTIVE, alpha_seconds=0.01)


def final(load: float) -> int:
    """Count that a load comes to rest at, approached from below: head-room .8 of ITL 3 x alpha."""
    capacity = (2.0 / 3.0) / 0.75  # share of a replica at which 1 - alpha/ITL is 2/3, cap .75
    return int(-(-load // (capacity * 0.8)))


@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_a_step_of_four_takes_at_most_two_puts_the_last_to_the_final_size(replicas: int) -> None:
    low = 0.5 * replicas
    world = World(
        load=lambda t: low if t < 30 * MINUTE else 4.0 * low, policy=TRUSTED, replicas=replicas
    )
    world.run(3 * HOUR)
    assert 1 <= len(world.puts) <= 2
    assert abs(counts(world)[-1] - final(4.0 * low)) <= 1
    assert max(counts(world)) <= final(4.0 * low) + 1


@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize("rho", [0.1, 0.3, 0.5, 0.7, 0.85])
def test_constant_load_never_flaps_in_a_day(rho: float, replicas: int) -> None:
    world = World(load=lambda _: rho * replicas, policy=TRUSTED, replicas=replicas)
    world.run(DAY)
    assert flaps(world) == 0
    assert len(world.puts) <= 3


def test_replicas_follow_a_load_up_at_once_and_down_after_a_hold() -> None:
    world = World(load=lambda t: 0.5 if t < HOUR else 2.2 if t < 3 * HOUR else 0.5, policy=TRUSTED)
    world.run(3 * HOUR)
    ups = [at for at, _ in world.puts]
    assert HOUR <= ups[0] <= HOUR + 2 * MINUTE
    world.run(3 * HOUR)
    downs = [(at, count) for at, count in world.puts if at > 3 * HOUR]
    assert downs[0][0] >= 3 * HOUR + 10 * MINUTE
    assert world.replicas <= 2


def test_a_schedule_is_a_floor_while_it_holds() -> None:
    hold = Schedule(
        cron="0 9 * * *", timezone="UTC", duration_seconds=HOUR, min_replicas=4, max_replicas=6
    )
    policy = replace(TRUSTED, schedules=(hold,))
    world = World(load=lambda _: 0.5, policy=policy)  # the world begins at 08:00 UTC
    world.run(HOUR - MINUTE)
    assert world.puts == []
    world.run(5 * MINUTE)
    assert counts(world) == [4]
    assert world.outcomes[-1].decision.target == 4
    world.run(3 * HOUR)
    assert world.replicas < 4


def test_an_up_cooldown_waits_and_overload_does_not() -> None:
    policy = replace(TRUSTED, scale_up_cooldown_seconds=1800.0)
    world = World(load=lambda t: min(3.0, 0.5 + t / 3600), policy=policy, cold_start=60.0)
    world.run(3 * HOUR)
    slow = [
        at
        for (at, _), outcome in zip(
            world.puts, (o for o in world.outcomes if o.decision.ask is not None), strict=True
        )
        if outcome.decision.reason is Reason.SCALE_UP_SLO
    ]
    assert all(later - at >= 1800.0 for at, later in pairwise(slow))


def test_advisory_mode_keeps_a_shadow_and_what_it_would_have_cost() -> None:
    policy = replace(TRUSTED, mode=Mode.ADVISORY)
    world = World(load=lambda t: 0.5 if t < HOUR else 0.9, policy=policy, price=2.0)
    world.run(3 * HOUR)
    shadow = world.state.shadow
    assert shadow is not None
    assert shadow.replicas == 2
    assert shadow.priced
    assert 3.0 < shadow.cost_more < 4.6  # one replica more for two hours and a bit at 2 an hour


def test_the_cold_start_is_learned_from_what_came() -> None:
    world = World(load=lambda t: 0.5 + 0.45 * (t // HOUR), policy=TRUSTED, cold_start=400.0)
    world.run(8 * HOUR)
    learned = world.outcomes[-1].decision.estimate.cold_start_seconds
    assert learned == pytest.approx(400.0, abs=30.0)


def test_a_larger_hold_follows_a_slower_cold_start() -> None:
    policy = replace(TRUSTED, cold_start_seconds=1200.0)
    world = World(load=lambda t: 2.5 if t < HOUR else 0.5, policy=policy, replicas=4)
    world.run(HOUR + 19 * MINUTE)
    assert all(at < HOUR for at, _ in world.puts)


def test_another_model_makes_what_was_learned_void() -> None:
    world = World(load=lambda _: 0.5, policy=ACTIVE).run(HOUR)
    before = world.outcomes[-1].decision.estimate.alpha_seconds
    world.alpha = 0.03
    world.model = "org/other"
    world.run(HOUR)
    after = world.outcomes[-1].decision.estimate.alpha_seconds
    assert before is not None
    assert after is not None
    assert after > 2.0 * before


def test_few_knobs_suffice() -> None:
    """A user states mode, entry and max; everything else has its default."""
    policy = Policy(mode=Mode.ACTIVE, matched="x", max_replicas=4)
    world = World(load=lambda t: 0.3 if t < 20 * MINUTE else 0.95, policy=policy)
    world.run(HOUR)
    assert max(counts(world)) <= 4
    assert counts(world)


def test_a_step_down_that_was_taken_back_doubles_the_hold_for_hours() -> None:
    """Waves of a quarter of an hour: followed once, ridden over afterwards."""
    wave = World(
        load=lambda t: 2.4 if t % (25 * MINUTE) < 10 * MINUTE else 0.8, policy=TRUSTED, replicas=3
    )
    wave.run(5 * HOUR)
    assert wave.state.counts.regretted_at is not None
    early = flaps(wave)
    wave.puts.clear()
    wave.run(5 * HOUR)
    assert flaps(wave) <= 1, early
    policy, counted = TRUSTED, wave.state.counts
    doubled = hold_seconds(counted, policy, at=counted.regretted_at or 0.0)
    later = (counted.regretted_at or 0.0) + REGRET_SECONDS
    assert doubled == 2.0 * hold_seconds(counted, policy, at=later)


def test_a_hold_begins_with_the_looking() -> None:
    world = World(load=lambda _: 0.3, policy=TRUSTED, replicas=4).run(HOUR)
    assert world.puts
    assert world.puts[0][0] >= 600.0

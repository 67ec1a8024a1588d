"""How closely a deployment is probed: where more evidence may decide something, and no closer."""

from dataclasses import replace

import pytest
from core_world import ACTIVE, TRUSTED, World, last, steady

from autoscaler.core.words import Attention, FailureReason

MINUTE, HOUR = 60.0, 3600.0


def attention(world: World) -> Attention:
    return last(world).decision.attention


@pytest.mark.parametrize(
    ("load", "expected"),
    [(0.1, Attention.IDLE), (1.2, Attention.STEADY), (2.3, Attention.DOUBT)],
    ids=["idle", "between two counts", "near what three are planned for"],
)
def test_the_load_decides_once_all_is_settled(load: float, expected: Attention) -> None:
    fixed = replace(TRUSTED, min_replicas=3, max_replicas=3)
    world = steady(load, 3, fixed, noise=0.01).run(HOUR)
    assert attention(world) is expected


def test_a_fleet_that_may_go_down_is_looked_at_no_less_for_being_idle() -> None:
    """At half the pace too few probes answer in a window, and what is missing vetoes the step."""
    world = steady(0.1, 3, replace(TRUSTED, min_replicas=1), noise=0.01).run(9 * MINUTE)
    assert last(world).decision.current == 3
    assert attention(world) is Attention.STEADY


def test_a_start_and_a_settling_window_are_in_doubt() -> None:
    world = steady(0.1, 1).run(15.0)
    assert attention(world) is Attention.DOUBT


def test_a_queue_is_in_doubt_until_its_growth_is_known() -> None:
    world = World(load=lambda t: 0.5 if t < HOUR else 1.3, policy=ACTIVE).run(HOUR)
    seen = []
    for _ in range(20):
        world.tick()
        slope = world.outcomes[-1].decision.estimate.ttft_slope
        seen.append((attention(world), slope is not None))
    first = next(i for i, (_, told) in enumerate(seen) if told)
    assert Attention.OVERLOAD not in [one for one, _ in seen[:first]]
    assert Attention.OVERLOAD in [one for one, _ in seen[first:]]


def test_an_endpoint_that_only_fails_is_probed_no_faster() -> None:
    world = steady(0.5, 1).run(HOUR)
    world.failing = FailureReason.CONNECT
    world.run(10 * MINUTE)
    assert attention(world) is Attention.STEADY

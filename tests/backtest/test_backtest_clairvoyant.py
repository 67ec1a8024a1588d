"""The clairvoyant: two exact methods agree, and nobody is cheaper."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaler.backtest import clairvoyant
from autoscaler.backtest.clairvoyant import Counts, attainment_of, cost_of, frontier


def cheapest_without_shortfall(need: Counts, cold: float) -> Counts:
    paths = clairvoyant.schedule_at_price(
        need, np.ones(len(need)), np.array([1e9]), cold=cold, bounds=(1, int(max(need.max(), 1)))
    )
    schedule: Counts = paths[0].astype(np.int64)
    return schedule


@pytest.mark.slow
def test_dynamic_programming_equals_interval_merge_on_a_thousand_random_traces() -> None:
    rng = np.random.default_rng(20261124)
    for _ in range(1000):
        need = rng.integers(0, 7, rng.integers(1, 60))
        cold = float(rng.integers(0, 12))

        schedule = cheapest_without_shortfall(need, cold)

        assert (schedule >= need).all()
        assert cost_of(schedule, cold) == pytest.approx(
            clairvoyant.interval_merge(need, cold), abs=1e-9
        )


def test_a_gap_shorter_than_a_cold_start_is_bridged() -> None:
    need = np.array([1, 2, 2, 1, 1, 2, 2, 1])

    assert cheapest_without_shortfall(need, cold=3.0)[3:5].tolist() == [2, 2]
    assert cheapest_without_shortfall(need, cold=1.0)[3:5].tolist() == [1, 1]


def test_a_leading_gap_costs_no_more_than_a_start() -> None:
    assert clairvoyant.interval_merge(np.array([1, 1, 1, 2]), 10.0) == 4 + 1 + 3
    assert clairvoyant.interval_merge(np.array([1, 1, 1, 2]), 2.0) == 4 + 1 + 2


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(min_value=0, max_value=5), min_size=2, max_size=40),
    st.lists(st.integers(min_value=1, max_value=6), min_size=2, max_size=40),
    st.integers(min_value=0, max_value=6),
)
def test_no_schedule_is_cheaper_than_the_frontier_at_its_attainment(
    need: list[int], other: list[int], cold: int
) -> None:
    width = min(len(need), len(other))
    wanted, schedule = np.array(need[:width]), np.array(other[:width])
    weight = np.arange(1.0, width + 1)

    best = frontier(wanted, weight, cold=float(cold), floor=0.0)

    reached = attainment_of(schedule, wanted, weight)
    assert best.cost_at(reached) <= cost_of(schedule, float(cold)) + 1e-9


def test_the_frontier_ends_at_the_cost_without_shortfall() -> None:
    need = np.random.default_rng(1).integers(1, 6, 300)

    best = frontier(need, np.ones(300), cold=4.0)

    assert best.cost_at(1.0) == pytest.approx(clairvoyant.interval_merge(need, 4.0))
    assert (np.diff(best.cost) > 0).all()
    assert (np.diff(best.attainment) > 0).all()


def test_without_traffic_every_schedule_attains() -> None:
    nothing = np.zeros(3)

    assert attainment_of(np.array([1, 1, 1]), np.array([1, 1, 1]), nothing) == 1.0

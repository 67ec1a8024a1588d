"""The search for the target that attains what is wanted."""

import math

import numpy as np
import pytest

from autoscaler.backtest.search import EVALUATIONS, MORE_EVALUATIONS, NEAR_EVALUATIONS, Search
from autoscaler.backtest.slots import Run

NOTHING = np.zeros(1, dtype=np.int64)


def run_at(target: float) -> Run:
    """A policy whose odds of a bad slot grow with the tenth power of its target; 2 % at .8."""
    odds = 0.02 / 0.98 * (target / 0.8) ** 10
    return Run(
        ready=NOTHING,
        billed=NOTHING,
        need=NOTHING,
        attainment=1.0 / (1.0 + odds),
        cost=1.0 / target,
        actions=0,
        flaps=0,
        longest_wait_seconds=0.0,
    )


def search(near: float | None = None) -> Search:
    return Search(evaluate=run_at, span=(0.45, 1.2), near=near)


def bracket(tried: list[tuple[float, Run]], wanted: float) -> tuple[float, float]:
    good = max(target for target, run in tried if run.attainment >= wanted)
    return good, min(target for target, run in tried if run.attainment < wanted)


def test_five_targets_close_in_on_the_wanted_attainment() -> None:
    tried = search().around(0.98)

    low, high = bracket(tried, 0.98)
    assert len(tried) == EVALUATIONS
    assert low <= 0.8 <= high
    assert high / low < 1.07


def test_another_attainment_costs_two_targets_more() -> None:
    first = search().around(0.98)

    tried = search().around(0.99, first)

    wanted = 0.8 * (0.98 / 99 / 0.02) ** 0.1
    assert tried[: len(first)] == first
    assert len(tried) - len(first) <= MORE_EVALUATIONS
    assert min(abs(math.log(target / wanted)) for target, _ in tried) < 0.02


@pytest.mark.parametrize("near", [0.5, 0.7, 0.8, 0.9, 1.1])
def test_a_target_that_is_near_saves_one(near: float) -> None:
    tried = search(near).around(0.98)

    low, high = bracket(tried, 0.98)
    assert len(tried) <= NEAR_EVALUATIONS
    assert low <= 0.8 <= high
    assert high / low < (1.45 if near in {0.5, 1.1} else 1.1)


def test_a_target_at_the_end_of_its_span_is_tried_once() -> None:
    found = Search(evaluate=run_at, span=(0.45, 0.6), near=0.59)

    targets = [target for target, _ in found.around(0.98)]

    assert targets == [0.59, 0.6]

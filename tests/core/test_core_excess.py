"""The valley between jitter and prompts."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core.excess import Histogram, added, middle, quantile, valley, weight


def hills(*, jitter: float, prompts: float, share: float = 0.1, seed: int = 1) -> Histogram:
    """Gaps late by jitter (exponential) and by prompts (lognormal), means in seconds."""
    lots = random.Random(seed)
    histogram: Histogram = ()
    for _ in range(100):
        values = [
            prompts * lots.lognormvariate(0.0, 0.5)
            if lots.random() < share
            else lots.expovariate(1.0 / jitter)
            for _ in range(40)
        ]
        histogram = added(histogram, values)
    return histogram


@pytest.mark.parametrize(("jitter", "prompts"), [(0.0003, 0.02), (0.002, 0.3), (0.004, 1.5)])
def test_the_valley_parts_jitter_and_prompts(jitter: float, prompts: float) -> None:
    """... on engines whose prompts take 20 ms and such where they take 1.5 s, by one rule."""
    lots, bottom = random.Random(2), valley(hills(jitter=jitter, prompts=prompts), 3 * jitter)
    assert bottom is not None
    late = sum(lots.expovariate(1.0 / jitter) > bottom for _ in range(10_000))
    missed = sum(prompts * lots.lognormvariate(0.0, 0.5) < bottom for _ in range(10_000))
    assert late < 60
    assert missed < 200


@pytest.mark.parametrize("seed", range(5))
def test_one_falling_hill_has_no_valley(seed: int) -> None:
    """Jitter alone, or prompts as short as the jitter: none is made up from the last odd gaps."""
    assert valley(hills(jitter=0.002, prompts=0.0, share=0.0, seed=seed), 0.004) is None
    assert valley(hills(jitter=0.002, prompts=0.003, seed=seed), 0.004) is None


def test_few_prompts_are_no_hill_yet() -> None:
    assert valley(added(hills(jitter=0.002, prompts=0.3, share=0.0), [0.3] * 8), 0.006) is None
    assert valley(added(hills(jitter=0.002, prompts=0.3, share=0.0), [0.3] * 12), 0.006) is not None


def test_the_first_valley_counts() -> None:
    """Between short prompts and long ones nobody asks: that is not where jitter ends."""
    histogram = hills(jitter=0.002, prompts=0.06)
    for _ in range(20):
        histogram = added(histogram, [3.0, 4.0])
    bottom = valley(histogram, 0.006)
    assert bottom is not None
    assert bottom < 0.04


@given(
    st.lists(st.floats(min_value=-0.01, max_value=5.0), min_size=1, max_size=200),
    st.floats(min_value=0.0, max_value=1.0),
)
def test_a_valley_is_never_below_what_is_asked(values: list[float], low: float) -> None:
    found = valley(added((), values), low)
    assert found is None or found >= low
    assert weight(added((), values)) == len(values)


def test_the_middle_and_a_quantile_are_those_of_the_values_to_a_bin() -> None:
    histogram = added((), [0.001 * number for number in range(1, 1001)])
    assert middle(histogram, 0.2) == pytest.approx(0.6, rel=0.2)
    assert middle(histogram, 5.0) == 5.0
    assert quantile(histogram, 0.5) == pytest.approx(0.5, rel=0.2)
    assert math.isclose(weight(histogram), 1000.0)

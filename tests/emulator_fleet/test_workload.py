"""Background load: shapes, bursts, lengths, shifts; always the same for the same seed."""

from dataclasses import replace
from itertools import islice, pairwise
from statistics import fmean, median, pstdev, quantiles

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core.codec import decode, encode
from autoscaler.emulator.workload import (
    BadWorkload,
    LengthKind,
    Lengths,
    Mix,
    Shape,
    ShapeKind,
    Workload,
)


def rates(shape: Shape, *instants: float) -> list[float]:
    return [round(rate, 3) for rate in shape.rate(np.array(instants)).tolist()]


def drawn(lengths: Lengths, count: int = 20_000) -> list[int]:
    return [int(tokens) for tokens in lengths.draw(count, np.random.default_rng(3))]


def test_constant_is_constant() -> None:
    assert rates(Shape(low=3.0), 0.0, 1e6) == [3.0, 3.0]


def test_a_day_is_highest_at_its_hour_and_lowest_half_a_day_later() -> None:
    day = Shape(kind=ShapeKind.DAY, low=2.0, high=10.0, start_seconds=14 * 3600.0)
    assert rates(day, 14 * 3600.0, 2 * 3600.0, 20 * 3600.0) == [10.0, 2.0, 6.0]


def test_a_ramp_rises_once_and_stays() -> None:
    ramp = Shape(kind=ShapeKind.RAMP, low=1.0, high=5.0, start_seconds=100.0, length_seconds=40.0)
    assert rates(ramp, 0.0, 100.0, 120.0, 140.0, 1e5) == [1.0, 1.0, 3.0, 5.0, 5.0]


def test_a_step_jumps_and_stays() -> None:
    step = Shape(kind=ShapeKind.STEP, low=1.0, high=4.0, start_seconds=10.0)
    assert rates(step, 9.9, 10.0, 1e6) == [1.0, 4.0, 4.0]


def test_a_spike_comes_and_goes_and_may_return() -> None:
    spike = Shape(
        kind=ShapeKind.SPIKE,
        low=1.0,
        high=9.0,
        start_seconds=100.0,
        length_seconds=10.0,
        rise_seconds=4.0,
    )
    instants = (95.0, 98.0, 100.0, 110.0, 112.0, 115.0, 1098.0)
    assert rates(spike, *instants) == [1.0, 5.0, 9.0, 9.0, 5.0, 1.0, 1.0]
    again = replace(spike, period_seconds=1000.0)
    assert rates(again, *instants) == [1.0, 5.0, 9.0, 9.0, 5.0, 1.0, 5.0]


def test_a_sawtooth_climbs_and_falls_at_once() -> None:
    saw = Shape(kind=ShapeKind.SAWTOOTH, low=0.0, high=10.0, period_seconds=100.0)
    assert rates(saw, 0.0, 50.0, 99.0, 100.0, 150.0) == [0.0, 5.0, 9.9, 0.0, 5.0]


def test_arrivals_follow_the_sum_of_the_shapes() -> None:
    step = Shape(kind=ShapeKind.STEP, low=0.0, high=8.0, start_seconds=1000.0)
    load = Workload(shapes=(Shape(low=4.0), step), duration_seconds=2000.0)
    arrivals = [r.arrival_at for r in load.requests(500.0, seed=1)]
    before = sum(at < 1500.0 for at in arrivals)
    assert arrivals == sorted(arrivals)
    assert arrivals[0] >= 500.0
    assert arrivals[-1] < 2500.0
    assert before == pytest.approx(4000, rel=0.05)
    assert len(arrivals) - before == pytest.approx(12_000, rel=0.03)


@pytest.mark.parametrize("cv", [0.5, 1.0, 3.0])
def test_gaps_vary_as_asked(cv: float) -> None:
    load = Workload(shapes=(Shape(low=10.0),), arrival_cv=cv)
    arrivals = [r.arrival_at for r in islice(load.requests(0.0, seed=2), 20_000)]
    gaps = [b - a for a, b in pairwise(arrivals)]
    assert fmean(gaps) == pytest.approx(0.1, rel=0.06)
    assert pstdev(gaps) / fmean(gaps) == pytest.approx(cv, rel=0.06)


@given(st.integers(0, 10**6), st.floats(0.0, 1e9))
def test_the_same_seed_gives_the_same_requests_at_any_begin(seed: int, at: float) -> None:
    load = Workload(shapes=(Shape(low=2.0),))
    first = list(islice(load.requests(0.0, seed=seed), 50))
    again = list(islice(load.requests(0.0, seed=seed), 50))
    moved = list(islice(load.requests(at, seed=seed), 50))
    assert first == again
    assert [r.arrival_at for r in moved] == pytest.approx([at + r.arrival_at for r in first])


def test_another_rate_or_mix_leaves_the_other_lots_as_they_are() -> None:
    """So that two loads are compared on the same requests, as far as they can be."""
    slow = Workload(shapes=(Shape(low=3.0),)).requests(0.0, seed=7)
    fast = Workload(shapes=(Shape(low=30.0),), later_mix=fixed(1, 1)).requests(0.0, seed=7)
    longer = Workload(shapes=(Shape(low=30.0),), mix=Mix(prompt=Lengths(typical=9.0))).requests(
        0.0, seed=7
    )
    outputs = [[r.output_tokens for r in islice(load, 3000)] for load in (slow, longer)]
    assert outputs[0] == outputs[1]
    assert {r[1:] for r in islice(fast, 10)} == {(1, 1)}


def test_a_load_that_falls_silent_ends() -> None:
    assert list(Workload(shapes=(Shape(low=0.0),)).requests(0.0, seed=1)) == []
    spike = Shape(kind=ShapeKind.SPIKE, low=0.0, high=5.0, start_seconds=1000.0)
    step = Shape(kind=ShapeKind.STEP, low=5.0, high=0.0, start_seconds=60.0)
    ramp = Shape(kind=ShapeKind.RAMP, low=5.0, high=0.0)
    for shape in (spike, step, ramp):
        arrivals = list(Workload(shapes=(shape,)).requests(0.0, seed=1))
        assert 100 < len(arrivals) < 400


def test_lengths_have_the_quantiles_asked_for() -> None:
    tokens = drawn(Lengths(typical=1000.0, p95=4000.0))
    assert median(tokens) == pytest.approx(1000, rel=0.05)
    assert quantiles(tokens, n=20)[-1] == pytest.approx(4000, rel=0.05)
    points = ((0.0, 10.0), (0.5, 100.0), (0.9, 1000.0))
    tokens = drawn(Lengths(kind=LengthKind.QUANTILES, points=points))
    assert (min(tokens), max(tokens)) == (10, 1000)
    assert median(tokens) == pytest.approx(100, rel=0.05)


def test_fixed_and_exponential_lengths() -> None:
    assert set(drawn(Lengths(kind=LengthKind.FIXED, typical=64.0), 10)) == {64}
    tokens = drawn(Lengths(kind=LengthKind.EXPONENTIAL, typical=98.0, shortest=4, longest=400))
    assert (min(tokens), max(tokens)) == (4, 400)
    assert fmean(tokens) == pytest.approx(98, rel=0.05)


def fixed(prompt: float, output: float) -> Mix:
    return Mix(
        prompt=Lengths(kind=LengthKind.FIXED, typical=prompt),
        output=Lengths(kind=LengthKind.FIXED, typical=output),
    )


def test_a_mix_can_shift_at_once_or_slowly() -> None:
    load = Workload(
        shapes=(Shape(low=10.0),),
        mix=fixed(100, 10),
        later_mix=fixed(900, 90),
        shift_at_seconds=100.0,
        shift_over_seconds=200.0,
        duration_seconds=400.0,
    )
    requests = list(load.requests(0.0, seed=1))
    assert {r.prompt_tokens for r in requests if r.arrival_at < 100.0} == {100}
    assert {r[1:] for r in requests if r.arrival_at > 300.0} == {(900, 90)}
    halfway = [r.prompt_tokens == 900 for r in requests if 190.0 < r.arrival_at < 210.0]
    assert 0.35 < fmean(halfway) < 0.65


def test_a_workload_survives_json() -> None:
    load = Workload(
        shapes=(Shape(kind=ShapeKind.DAY, low=1.0, high=9.0), Shape()),
        later_mix=Mix(prompt=Lengths(kind=LengthKind.QUANTILES, points=((0.1, 5.0), (1.0, 9.0)))),
    )
    assert decode(Workload, encode(load)) == load


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Shape, {"low": -1.0}),
        (Shape, {"high": float("inf")}),
        (Shape, {"period_seconds": 0.0}),
        (Lengths, {"shortest": 0}),
        (Lengths, {"p95": 1.0}),
        (Lengths, {"kind": LengthKind.EXPONENTIAL, "typical": 0.0}),
        (Lengths, {"kind": LengthKind.QUANTILES}),
        (Lengths, {"kind": LengthKind.QUANTILES, "points": ((0.5, 9.0), (0.9, 3.0))}),
        (Workload, {"shapes": ()}),
        (Workload, {"arrival_cv": 0.0}),
    ],
)
def test_a_load_that_makes_no_sense_is_refused(
    kind: type[Shape] | type[Lengths] | type[Workload], fields: dict[str, object]
) -> None:
    with pytest.raises(BadWorkload):
        kind(**fields)  # type: ignore[arg-type]

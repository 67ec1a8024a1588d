"""The length of a step: the profile's formula, and each knob by itself."""

from itertools import pairwise
from statistics import fmean, pstdev

import pytest
from fleet_stories import H100
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaler.emulator.physics import Physics
from autoscaler.emulator.steptime import MixedStep, StepTime, bend


def timing(**knobs: float) -> StepTime:
    return StepTime(H100, Physics(**knobs), seed=1, origin=0.0)  # type: ignore[arg-type]


def test_a_decode_step_by_hand() -> None:
    """6.405 + .5 + 10 x .00795 + 10 000 x 4.256e-5 = 7.4101 ms; 10 tokens more: + .0004256."""
    pace, growth = timing().pace(10, 10_000, 0.0)
    assert pace == pytest.approx(7.4101e-3)
    assert growth == pytest.approx(10 * 4.256e-8)


def test_a_step_with_a_prompt_by_hand() -> None:
    """10 decode, 990 prompt tokens: 3.989 + 1000 x .017144 + .4256 + .5 + 6.827e-7 x 990^2 ms."""
    load = MixedStep(batch=10, running=11, context=10_000, tokens=990, squares=990 * 990)
    seconds = 3.989 + 17.144 + 0.4256 + 0.5 + 6.827e-7 * 990**2
    assert timing().mixed(load, 0.0, done=0) == pytest.approx(seconds * 1e-3)


def test_a_short_prompt_costs_no_less_than_a_decode_step() -> None:
    load = MixedStep(batch=0, running=1, context=0, tokens=10, squares=100)
    assert timing().mixed(load, 0.0, done=0) == pytest.approx(6.905e-3 + 10 * 7.95e-6 + 6.827e-8)


PLAIN, JITTERY = timing(), timing(step_jitter_ratio=0.1)


@pytest.mark.parametrize("clock", [PLAIN, JITTERY], ids=["plain", "jittery"])
@settings(max_examples=50)
@given(st.floats(1e-4, 0.1), st.floats(0.0, 1e-5), st.floats(1e-6, 50.0))
def test_the_step_an_instant_falls_into_is_found(
    clock: StepTime, pace: float, growth: float, seconds: float
) -> None:
    """The smallest number of steps that take so long, with and without jitter."""
    done = int(seconds * 1e6)
    steps, _ = clock.steps_until(seconds, pace, growth, done=done)
    assert clock.after(steps, pace, growth, done=done) >= seconds
    assert steps == 1 or clock.after(steps - 1, pace, growth, done=done) < seconds


def test_jitter_is_independent_from_step_to_step_and_has_no_bias() -> None:
    ends = [JITTERY.after(k, 0.01, 0.0, done=7) for k in range(20_001)]
    steps = [b - a for a, b in pairwise(ends)]
    assert min(steps) > 0
    assert fmean(steps) == pytest.approx(0.01, rel=0.003)
    assert pstdev(steps) == pytest.approx(0.001, rel=0.03)
    neighbours = fmean((a - 0.01) * (b - 0.01) for a, b in pairwise(steps))
    assert abs(neighbours) < 0.03 * 0.001**2


def test_a_plateau_makes_small_batches_alike_and_leaves_large_ones() -> None:
    flat = timing(plateau_seqs=8)
    alone, eight = flat.pace(1, 1000, 0.0)[0], flat.pace(8, 8000, 0.0)[0]
    assert alone == pytest.approx(eight)
    assert flat.pace(20, 20_000, 0.0) == PLAIN.pace(20, 20_000, 0.0)


def test_drift_swings_all_step_times() -> None:
    """12.5 % up and down: 25 % between the extremes, a quarter and three quarters of a period
    in."""
    drifting = timing(drift_ratio=0.125, drift_period_seconds=3600.0)
    paces = [drifting.pace(1, 100, at)[0] for at in (0.0, 900.0, 2700.0)]
    assert [pace / paces[0] for pace in paces] == pytest.approx([1.0, 1.125, 0.875])
    assert drifting.next_drift_at(904.9) == 910.0


@pytest.mark.parametrize("exponent", [0.5, 0.7, 1.3, 1.6])
def test_the_exponent_bends_the_latency_over_load(exponent: float) -> None:
    """With prompts that are half of the load, 1 - alpha/T = load^(1/exponent), where decoding that
    costs nothing allows it; n = load T / delta is Little's law.
    """
    alpha = H100.decode_seconds + H100.overhead_seconds
    half = H100.decode_seconds_per_sequence + 1000 * H100.decode_seconds_per_context_token
    for running in (1, 5, 20, 60, 128, 1000):
        gain = bend(running, H100, exponent)
        step = alpha + running * half * (1.0 + gain)
        load = running * 2 * half / step
        if gain:
            assert 1.0 - alpha / step == pytest.approx(load ** (1 / exponent), rel=1e-6)
        else:
            assert load < 0.5


@settings(max_examples=40)
@given(st.floats(0.4, 2.0), st.integers(0, 20), st.integers(1, 127))
def test_a_larger_batch_never_takes_a_shorter_step(
    exponent: float, plateau: int, running: int
) -> None:
    bent = timing(exponent=exponent, plateau_seqs=plateau)
    paces = [bent.pace(n, 1000 * n, 0.0)[0] for n in (running, running + 1)]
    assert paces[0] <= paces[1] * (1 + 1e-12)


def test_a_slower_replica_takes_longer_for_everything() -> None:
    load = MixedStep(batch=10, running=11, context=10_000, tokens=990, squares=990 * 990)
    half = timing(speed_ratio=0.5)
    assert half.mixed(load, 0.0, done=0) == pytest.approx(2 * PLAIN.mixed(load, 0.0, done=0))
    assert half.pace(3, 900, 0.0)[0] == pytest.approx(2 * PLAIN.pace(3, 900, 0.0)[0])


@pytest.mark.parametrize(
    "knobs",
    [
        {"max_num_seqs": 0},
        {"prefill_budget_tokens": 128},
        {"step_jitter_ratio": 0.5},
        {"exponent": 0.0},
        {"drift_ratio": 1.0},
        {"speed_ratio": 0.0},
        {"cached_prompt_ratio": 1.5},
    ],
    ids=lambda knobs: next(iter(knobs)),
)
def test_physics_out_of_range_are_refused_by_name(knobs: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(knobs))):
        timing(**knobs)

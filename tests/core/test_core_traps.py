"""What misled the estimator once: a steady fleet, silence, an old bound, one noisy step."""

import math
import random
from dataclasses import replace

import pytest
from core_world import START

from autoscaler.core.counts import AskMark, Counts
from autoscaler.core.hearing import Heard
from autoscaler.core.learned import Learning
from autoscaler.core.learning import lesson
from autoscaler.core.overload import Overload, followed, forgotten, plateau
from autoscaler.core.pairs import Pairs, faded, is_audible, paired, rates_of, reach
from autoscaler.core.trial import Trial, judged, solved_alpha
from autoscaler.core.window import Sample

ALPHA, NU = 0.01, 10.0


def kept_at(low: float, high: float) -> Pairs:
    """Ten hours of a fleet whose latency stays between two multiples of alpha."""
    pairs, lots = Pairs(), random.Random(3)
    for minute in range(600):
        ratio = lots.uniform(low, high)
        rate = NU * (1.0 - 1.0 / ratio)
        events = float(sum(lots.random() < rate / 100.0 for _ in range(400)))
        pairs = paired(pairs, itl=ALPHA * ratio, events=events, seconds=4.0, at=60.0 * minute)
    return pairs


def test_a_fleet_held_at_one_load_is_still_heard() -> None:
    assert is_audible(kept_at(1.9, 2.4))


def test_events_without_any_spread_of_latency_say_nothing() -> None:
    pairs = Pairs()
    for minute in range(50):
        pairs = paired(pairs, itl=0.02, events=9.0, seconds=4.0, at=60.0 * minute)
    assert not is_audible(pairs)


def test_an_old_mix_is_worth_little_however_long_it_was_heard() -> None:
    old = faded(kept_at(1.9, 2.4), 40.0)
    assert sum(events for _, events, _ in old.bins) == pytest.approx(40.0)
    few = Pairs(bins=((90, 5.0, 2.0),))
    assert faded(few, 40.0) == few


def test_reach_leaves_out_odd_minutes_and_is_one_number_for_none() -> None:
    low, high = reach(kept_at(1.9, 2.4))
    assert 1.8 * ALPHA < low < 2.0 * ALPHA
    assert 2.3 * ALPHA < high < 2.6 * ALPHA
    assert reach(Pairs()) == (1.0, 1.0)


def silent(at: float, itl: float) -> tuple[Sample, ...]:
    heard = Heard(slow=0, gaps=60, seconds=60 * itl)
    return tuple(
        Sample(at=at - 55.0 + 7 * n, ended_at=at - 54.0 + 7 * n, replicas=1, itl=itl, heard=heard)
        for n in range(8)
    )


def test_silence_at_a_raised_latency_is_not_idleness() -> None:
    """Prompts too short to hear: the fleet follows its load and has never been idle."""
    learning = Learning(pairs=kept_at(1.4, 2.4), audible=True, chunk_from=START)
    for minute in range(1, 10):
        at = START + 60.0 * minute
        learning = lesson(learning, silent(at, 1.4 * ALPHA), now=at)
    assert learning.idle_itl is None


def test_a_quiet_minute_at_the_lowest_latency_of_a_wide_range_is_idle() -> None:
    pairs = kept_at(1.0 + 1e-3, 3.0)
    rates = rates_of(pairs, lambda ratio: NU * (1.0 - 1.0 / ratio), ALPHA)
    learning = Learning(pairs=pairs, rates=rates, audible=True, chunk_from=START, fitted_at=START)
    learning = lesson(learning, silent(START + 60.0, ALPHA), now=START + 60.0)
    assert learning.idle_itl == pytest.approx(ALPHA)


def queued(count: int, *, itl: float) -> tuple[Sample, ...]:
    return tuple(
        Sample(at=START + n, ended_at=START + 5.0 + n, replicas=1, itl=itl, ttft=4.0)
        for n in range(count)
    )


def test_a_plateau_that_was_watched_beats_an_older_bound_from_below() -> None:
    """The mix changed to longer answers: the batch is now full at a lower latency."""
    overload = Overload(highest_itl=0.03)
    overload = followed(overload, queued(8, itl=0.017), threshold=1.0, now=START + 20.0)
    good = Sample(at=START + 60.0, ended_at=START + 61.0, replicas=1, itl=0.012, ttft=0.05)
    overload = followed(overload, (good,), threshold=1.0, now=START + 61.0)
    assert plateau(overload) == pytest.approx(0.017)
    assert overload.highest_itl is None
    assert plateau(forgotten(overload)) is None


def failed_trial(itls: list[float]) -> Trial:
    asked = AskMark(asked_at=START, count=4, from_count=5, refused=False)
    counts = Counts(asks=(asked,), settled_ask_at=START, settled_at=START, ready_count=4)
    trial = Trial(asked_at=START, from_count=5, to_count=4, itl_before=0.012, itl_predicted=0.0125)
    samples = tuple(
        Sample(at=START + 5.0 * n, ended_at=START + 5.0 * n + 1.0, replicas=4, itl=itl)
        for n, itl in enumerate(itls)
    )
    found = judged(trial, counts, samples, now=START + 60.0)
    assert found is not None
    return found


def test_one_noisy_step_moves_alpha_no_further_than_it_must() -> None:
    sharp, blurred = failed_trial([0.0140] * 8), failed_trial([0.0128, 0.0152] * 4)
    assert sharp.failed
    assert blurred.failed
    one, other = solved_alpha(sharp), solved_alpha(blurred)
    assert one is not None
    assert other is not None
    assert other > one
    assert solved_alpha(replace(sharp, itl_after=math.inf)) is not None

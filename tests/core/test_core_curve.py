"""Learning a deployment's own line: pairs, fit, drift, and the load read by it."""

import math
import random
from dataclasses import replace

import pytest
from core_world import START

from autoscaler.core.curve import fitted
from autoscaler.core.estimate import reading
from autoscaler.core.hearing import Ear, Heard, Spans
from autoscaler.core.learned import Learning
from autoscaler.core.learning import TRUSTED_SPAN, lesson
from autoscaler.core.line import Line, Objectives
from autoscaler.core.pairs import Pairs, is_audible, log_ratio_at, paired, rate_at, span
from autoscaler.core.quantile import LowQuantile, added
from autoscaler.core.window import Sample

ALPHA, NU = 0.01, 10.0


def itl_at(rate: float, exponent: float) -> float:
    return ALPHA / (1.0 - math.pow(rate / NU, exponent))


def minute(lots: random.Random, at: float, rate: float, exponent: float) -> tuple[Sample, ...]:
    samples = []
    for number in range(8):
        itl = itl_at(rate, exponent) * lots.gauss(1.0, 0.03)
        slow = sum(lots.random() < 1.0 - math.exp(-rate * itl) for _ in range(60))
        heard = Heard(slow=slow, gaps=60, seconds=60 * itl)
        when = at - 60.0 + 7.0 * number
        samples.append(Sample(at=when, ended_at=when + 1.0, replicas=1, itl=itl, heard=heard))
    return tuple(samples)


def taught(exponent: float, rates: list[float], *, seed: int = 1) -> Learning:
    lots, learning = random.Random(seed), Learning(chunk_from=START)
    for number, rate in enumerate(rates, start=1):
        at = START + 60.0 * number
        learning = lesson(learning, minute(lots, at, rate, exponent), now=at)
    return learning


def day(minutes: int = 240) -> list[float]:
    return [4.2 - 4.0 * math.cos(2.0 * math.pi * n / minutes) for n in range(minutes)]


@pytest.mark.parametrize("exponent", [0.625, 1.0, 2.0])
def test_the_line_is_learned_from_ordinary_operation(exponent: float) -> None:
    learning = taught(exponent, day())
    assert learning.audible
    assert learning.curve is not None
    for rate in (1.0, 3.0, 5.0, 7.0):
        ratio = math.log(itl_at(rate, exponent) / ALPHA)
        drift = math.log((learning.alpha or learning.curve.alpha) / ALPHA)
        assert rate_at(learning.rates, ratio - drift) == pytest.approx(rate, rel=0.15, abs=0.1 * NU)


def test_what_a_young_ear_counted_is_void_once_it_knows_better() -> None:
    """It takes jitter for prompts: 100 and more at the lowest latency outweighed the true ones on
    two live llama-servers, and nothing was ever audible.
    """
    lots, learning = random.Random(2), Learning(chunk_from=START)
    for number, rate in enumerate([0.2, 0.2, *day(30)], start=1):
        at, young = START + 60.0 * number, number <= 2
        ear = Ear(base=0.01, limit=0.0015 if young else 0.012)
        samples = minute(lots, at, rate, 1.0)
        if young:
            samples = tuple(
                replace(one, heard=Heard(slow=9, gaps=60, seconds=0.6)) for one in samples
            )
        learning = lesson(replace(learning, ear=ear), samples, now=at)
    assert learning.audible
    lowest = learning.pairs.bins[0]
    assert lowest[1] / lowest[2] < 2.0  # arrivals a second; the young ear counted 16


def test_an_idle_hour_fixes_alpha() -> None:
    learning = taught(1.0, day() + [0.02] * 60)
    assert learning.alpha == pytest.approx(ALPHA, rel=0.03)
    assert learning.curve is not None
    assert learning.curve.alpha_sigma < 0.06


def test_an_alpha_that_is_given_is_what_the_line_goes_through() -> None:
    learning, given = taught(1.0, day()), 1.2 * ALPHA
    again = fitted(learning.pairs, given_alpha=given)
    assert again is not None
    assert again.alpha == pytest.approx(given)
    assert again.alpha_sigma < 0.01


def test_counts_that_do_not_follow_latency_are_not_believed() -> None:
    pairs = Pairs()
    for number in range(200):
        itl = 0.01 * (1.0 + (number % 10) / 5.0)
        pairs = paired(pairs, itl=itl, events=3.0, seconds=10.0, at=START + 60.0 * number)
    assert not is_audible(pairs)


def test_a_drift_of_all_latencies_is_followed() -> None:
    learning = taught(1.0, day())
    lots, at = random.Random(5), learning.chunk_from
    for _ in range(30):
        at += 60.0
        slower = tuple(replace(s, itl=(s.itl or 0.0) * 1.15) for s in minute(lots, at, 2.0, 1.0))
        learning = lesson(learning, slower, now=at)
    assert 0.05 < learning.drift < 0.2


def test_another_mix_is_noticed_and_the_old_pairs_forgotten() -> None:
    learning = taught(1.0, day())
    before = sum(seconds for _, _, seconds in learning.pairs.bins)
    lots, at = random.Random(6), learning.chunk_from
    for _ in range(6):
        at += 60.0
        other = tuple(replace(s, itl=(s.itl or 0.0) * 2.2) for s in minute(lots, at, 2.0, 1.0))
        learning = lesson(learning, other, now=at)
    assert sum(seconds for _, _, seconds in learning.pairs.bins) < 0.5 * before


def test_a_fit_through_nothing_is_none() -> None:
    assert fitted(Pairs()) is None


def line(learning: Learning, cap: float = 0.75) -> Line:
    assert learning.curve is not None
    return Line(
        alpha=learning.curve.alpha,
        cap=cap,
        rates=learning.rates,
        full_rate=learning.full_rate(cap),
        sigma=0.2,
        idle_ttft=0.05,
        objectives=Objectives(itl=3.0 * learning.curve.alpha, ttft=1.0),
    )


def test_latency_and_arrivals_together_read_the_load_closer_than_either() -> None:
    learning = taught(1.0, day())
    found = line(learning)
    samples = minute(random.Random(8), START, 4.0, 1.0)
    both = reading(samples, found, ear=Spans())
    alone = reading(samples, found, ear=None)
    assert both is not None
    assert alone is not None
    assert both.spread < alone.spread
    assert both.load == pytest.approx(4.0 / (NU * 0.75), abs=0.12)


def test_a_line_goes_there_and_back() -> None:
    found = line(taught(1.0, day()))
    for rho in (0.05, 0.3, 0.6, 0.9):
        assert found.rho(found.itl(rho)) == pytest.approx(rho, abs=1e-6)
    assert found.itl(0.0) == found.alpha
    assert found.rho(0.5 * found.alpha) == 0.0
    assert found.ttft(1.0) is None
    assert not found.meets(1.0)


def test_log_ratio_is_the_inverse_of_rate() -> None:
    rates = taught(1.0, day()).rates
    for rate in (0.2, 1.0, 4.0, 7.5):
        assert rate_at(rates, log_ratio_at(rates, rate)) == pytest.approx(rate, rel=1e-6)


def test_a_low_quantile_drifts_up_slowly_and_jumps_down_at_once() -> None:
    low = LowQuantile()
    for number in range(300):
        low = added(low, 0.02, at=60.0 * number, half_life=3e5, jump_ratio=0.9)
    low = added(low, 0.015, at=2e4, half_life=3e5, jump_ratio=0.9)
    assert low.value(0.05) == pytest.approx(0.015, rel=0.02)
    for number in range(10):
        low = added(low, 0.03, at=2e4 + number, half_life=3e5, jump_ratio=0.9)
    assert low.value(0.05) == pytest.approx(0.015, rel=0.02)
    assert LowQuantile().value(0.05) is None


def test_hours_of_one_load_do_not_undo_trust_and_another_mix_does() -> None:
    wide = [1.0 + 7.0 * (n % 60) / 60.0 for n in range(120)]
    learning = taught(1.0, [*wide, *([4.0] * 2400)])
    assert span(learning.pairs) < TRUSTED_SPAN
    assert learning.fixes_alpha
    lots, at = random.Random(2), START + 60.0 * (len(wide) + 2400)
    for number in range(1, 6):  # the same arrivals at three times the latency
        slow = tuple(
            replace(s, itl=3.0 * s.itl) for s in minute(lots, at + 60.0 * number, 4.0, 1.0) if s.itl
        )
        learning = lesson(learning, slow, now=at + 60.0 * number)
    assert learning.mixes == 1
    assert not learning.fixes_alpha


def test_a_load_that_never_moved_fixes_nothing() -> None:
    assert not taught(1.0, [4.0] * 600).fixes_alpha


def test_a_faint_ear_follows_no_drift_and_bends_no_line() -> None:
    """It hears only when several prompts join at once: its counts grow with the square."""
    learning = taught(1.0, [1.0 + 6.0 * (n % 60) / 60.0 for n in range(240)])
    faint = replace(learning, faint=True, drift=0.1)
    lots, at = random.Random(3), START + 60.0 * 240
    for number in range(1, 61):
        samples = minute(lots, at + 60.0 * number, 3.0, 1.0)
        few = tuple(
            replace(s, heard=replace(s.heard, slow=s.heard.slow // 2)) for s in samples if s.heard
        )
        faint = replace(lesson(faint, few, now=at + 60.0 * number), faint=True)
    assert abs(faint.drift) < 0.06
    assert faint.mixes == 0

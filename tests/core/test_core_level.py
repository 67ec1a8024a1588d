"""Latency followed from minute to minute, and what it is worth to the line."""

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core.chunk import Chunk
from autoscaler.core.learned import Learning
from autoscaler.core.learning import lesson, taught
from autoscaler.core.level import LONGEST_GAP_SECONDS, Level, followed

MINUTE = 60.0
ALPHA = 0.007


def chunk(itl: float, *, prompts: float = 60.0, replicas: int = 1, noise: float = 0.04**2) -> Chunk:
    return Chunk(itl=itl, prompts=prompts, seconds=10.0, noise=noise, replicas=replicas)


def level_of(itls: list[float]) -> Level:
    level = Level()
    for number, itl in enumerate(itls, start=1):
        level = followed(level, chunk(itl), drift=0.0, now=number * MINUTE)
    return level


def test_scatter_about_one_level_is_averaged() -> None:
    lots = random.Random(1)
    found = [
        level_of([0.02 * math.exp(lots.gauss(0.0, 0.04)) for _ in range(30)]).mean
        for _ in range(200)
    ]
    error = math.sqrt(sum((mean - math.log(0.02)) ** 2 for mean in found) / len(found))
    assert error < 0.85 * 0.04


def test_a_step_is_followed_at_once() -> None:
    assert level_of([0.01] * 20 + [0.02]).mean == math.log(0.02)


def test_another_count_or_a_long_silence_begins_anew() -> None:
    before = level_of([0.01] * 20)
    other = followed(before, chunk(0.0104, replicas=2), drift=0.0, now=before.at + MINUTE)
    late = followed(before, chunk(0.0104), drift=0.0, now=before.at + LONGEST_GAP_SECONDS + 1.0)
    assert other.mean == late.mean == math.log(0.0104)


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=60))
def test_a_level_stays_within_what_was_seen(itls: list[float]) -> None:
    mean = level_of(itls).mean
    assert math.log(min(itls)) - 1e-9 <= mean <= math.log(max(itls)) + 1e-9


def _alpha_after(scatter: float, *, followed_on: bool = True) -> float:
    """Alpha by the line, in units of the true one, after hours at rho 0.3 and half an hour at 0.7.

    `followed_on`: False = each minute begins anew, as if there were no level.
    """
    lots, learning, now = random.Random(5), Learning(), 0.0
    for number, rho in enumerate([0.3] * 240 + [0.7] * 30):
        now += MINUTE
        itl = ALPHA / (1.0 - 0.75 * rho) * math.exp(lots.gauss(0.0, scatter))
        due = 10.0 * 20.0 * rho
        heard = sum(1 for _ in range(400) if lots.random() < due / 400)
        replicas = 1 if followed_on else 1 + number % 2
        one = chunk(itl, prompts=float(heard), replicas=replicas, noise=scatter**2)
        learning = taught(learning, one, now=now, given_alpha=None)
    assert learning.curve is not None
    return learning.curve.alpha / ALPHA


def test_scatter_pulls_alpha_down_less() -> None:
    """Minutes of 5 % scatter, hours of them at one load: a quarter less off than paired as such."""
    exact = _alpha_after(0.0)
    off, plainly = exact - _alpha_after(0.05), exact - _alpha_after(0.05, followed_on=False)
    assert 0.0 < off < 0.75 * plainly


def test_no_minute_runs_across_a_queues_beginning_or_end() -> None:
    """Half a minute of full replicas and half of another load is a pair of neither."""
    calm = Learning(chunk_from=60.0)
    begun = lesson(calm, (), now=90.0, queueing=True)
    assert begun.chunk_from == 90.0
    assert lesson(begun, (), now=105.0, queueing=True) is begun
    assert lesson(begun, (), now=135.0).chunk_from == 135.0

"""Invented services, as traces: what public traces show little of, and no constant was fitted to.

Each is Poisson at a rate that a person can describe, with log-normal lengths (median and 95 %).
They were written down before the policy had seen them; what was changed because of one is told in
docs/policy-bench.md.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
HOUR = 3600.0
HALF_DAY = 12.0 * HOUR
Z95 = 1.645
"""95 % of a normal distribution lie below."""


@dataclass(frozen=True, slots=True)
class Requests:
    """Arrivals (s) and lengths (tokens), in order of arrival."""

    arrivals: Floats
    prompts: Ints
    outputs: Ints

    def write(self, path: Path) -> None:
        """Write the columns that `read_trace` reads."""
        columns = (self.arrivals, self.prompts, self.outputs)
        rows = [f"{at:.3f},{prompt},{output}" for at, prompt, output in zip(*columns, strict=True)]
        path.write_text("\n".join(["arrival_s,prompt_tokens,output_tokens", *rows, ""]))


def _arrivals(rate: Callable[[Floats], Floats], seconds: float, rng: np.random.Generator) -> Floats:
    at = np.arange(0.0, seconds)
    counts = rng.poisson(rate(at))
    return np.sort(np.repeat(at, counts) + rng.uniform(0.0, 1.0, int(counts.sum())))


def _lengths(median: float, p95: float, count: int, rng: np.random.Generator) -> Ints:
    sigma = math.log(p95 / median) / Z95
    drawn = np.exp(rng.normal(math.log(median), sigma, count))
    return np.clip(drawn, 8, 100_000).astype(np.int64)


def _service(
    rate: Callable[[Floats], Floats],
    prompt: tuple[float, float],
    output: tuple[float, float],
    *,
    rng: np.random.Generator,
    seconds: float = HALF_DAY,
) -> Requests:
    arrivals = _arrivals(rate, seconds, rng)
    count = len(arrivals)
    return Requests(arrivals, _lengths(*prompt, count, rng), _lengths(*output, count, rng))


def _day(at: Floats, low: float, high: float) -> Floats:
    return low + (high - low) * (0.5 - 0.5 * np.cos(2.0 * np.pi * at / (24.0 * HOUR)))


def documents(rng: np.random.Generator) -> Requests:
    """Long prompts (7,000 tokens) on a half day's curve."""
    return _service(lambda t: _day(t + 4 * HOUR, 0.6, 3.2), (7000, 20_000), (250, 700), rng=rng)


def reasoning(rng: np.random.Generator) -> Requests:
    """Short prompts, very long outputs, and levels that change at once."""
    ends, levels = np.array([2.5, 3.2, 6.0, 6.4, 9.0]), np.array([1.0, 3.2, 1.2, 2.6, 0.8, 2.0])

    def rate(at: Floats) -> Floats:
        return levels[np.searchsorted(ends, at / HOUR, side="right")]

    return _service(rate, (300, 1200), (1800, 6000), rng=rng)


def bursty(rng: np.random.Generator) -> Requests:
    """Two to four times the load for two to ten minutes, every 25 minutes or so, by chance."""
    factor, at = np.ones(int(HALF_DAY)), 0.0
    while at < HALF_DAY:
        at += rng.exponential(1500.0)
        factor[int(at) : int(at + rng.uniform(120.0, 600.0))] *= rng.uniform(2.0, 4.0)

    def rate(at: Floats) -> Floats:
        wave = 3.0 + 1.5 * np.sin(2.0 * np.pi * at / (8.0 * HOUR))
        rated: Floats = wave * factor[at.astype(int)]
        return rated

    return _service(rate, (600, 2500), (250, 900), rng=rng)


def batches(rng: np.random.Generator) -> Requests:
    """A chat, and every 45 minutes eight minutes of long prompts with short answers."""
    chat = _service(lambda t: _day(t, 2.0, 5.0), (500, 2000), (250, 800), rng=rng)
    jobs = _service(
        lambda t: np.where(t % 2700.0 < 480.0, 3.0, 0.0), (3000, 5000), (60, 120), rng=rng
    )
    order = np.argsort(np.concatenate([chat.arrivals, jobs.arrivals]))
    return Requests(
        np.concatenate([chat.arrivals, jobs.arrivals])[order],
        np.concatenate([chat.prompts, jobs.prompts])[order],
        np.concatenate([chat.outputs, jobs.outputs])[order],
    )


def wandering(rng: np.random.Generator) -> Requests:
    """A level that wanders (log Ornstein-Uhlenbeck), and some very long prompts."""
    level = np.zeros(int(HALF_DAY / 60.0))
    for minute in range(1, len(level)):
        level[minute] = 0.995 * level[minute - 1] + rng.normal(0.0, 0.05)
    return _service(
        lambda t: 4.0 * np.exp(level[(t / 60.0).astype(int)]), (320, 4700), (200, 900), rng=rng
    )


def office(rng: np.random.Generator) -> Requests:
    """Idle nights, a morning of twenty minutes, a lunch."""

    def rate(at: Floats) -> Floats:
        hours = at / HOUR
        there = np.clip((hours - 2.0) / 0.35, 0.0, 1.0) * np.clip((11.0 - hours) / 0.7, 0.0, 1.0)
        return 0.15 + 6.0 * there * (1.0 - 0.35 * np.exp(-(((hours - 6.0) / 0.5) ** 2)))

    return _service(rate, (900, 3500), (350, 1000), rng=rng)


def growing(rng: np.random.Generator) -> Requests:
    """A constant rate whose answers grow to three times their length."""
    plain = _service(lambda t: np.full_like(t, 3.0), (800, 3000), (200, 600), rng=rng)
    factor = 1.0 + 2.0 * plain.arrivals / HALF_DAY
    return Requests(plain.arrivals, plain.prompts, (plain.outputs * factor).astype(np.int64))


def office_week(rng: np.random.Generator) -> Requests:
    """Five office days and a weekend, each a little different."""
    share = np.array([1.0, 1.05, 0.95, 1.1, 1.0, 0.35, 0.3])

    def rate(at: Floats) -> Floats:
        hours = (at % (24.0 * HOUR)) / HOUR
        there = np.clip((hours - 8.5) / 0.5, 0.0, 1.0) * np.clip((19.0 - hours) / 1.5, 0.0, 1.0)
        lunch = 1.0 - 0.3 * np.exp(-(((hours - 13.0) / 0.6) ** 2))
        rated: Floats = (0.12 + 2.2 * there * lunch) * share[(at // (24.0 * HOUR)).astype(int)]
        return rated

    return _service(rate, (900, 3500), (350, 1000), rng=rng, seconds=7.0 * 24.0 * HOUR)


HALF_DAYS = (documents, reasoning, bursty, batches, wandering, office, growing)

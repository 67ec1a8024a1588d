"""The background load of a fleet: seeded, lazy streams of requests.

Arrivals are a renewal process in operational time: gaps of mean 1 and the wanted variation, laid
out along the integral of the rate. With Gamma gaps of variation 1 that is a Poisson process of the
given rate; above 1 it comes in bursts, below it is more even. Two workloads of the same seed
differ only where their figures do: gaps, prompts and outputs draw from lots of their own.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from autoscaler.emulator.shapes import (
    BadWorkload,
    Counts,
    Floats,
    LengthKind,
    Lengths,
    Shape,
    ShapeKind,
)

__all__ = [
    "BadWorkload", "LengthKind", "Lengths", "Mix", "Request", "Shape", "ShapeKind", "Workload",
]  # fmt: skip

BLOCK_SECONDS = 300
"""Requests are made for so many seconds at a time, on a grid of one second: an abrupt change of
rate is spread over the second in which it falls."""

GAPS = 1024
"""Gaps that are drawn at a time."""


class Request(NamedTuple):
    """One request of the background load. A named tuple, not a dataclass: a day has millions."""

    arrival_at: float
    prompt_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """What kind of requests come: prompt and output lengths, independent of each other."""

    prompt: Lengths = field(default_factory=lambda: Lengths(typical=1020.0, p95=4083.0))
    """Default: median and 95 % quantile of a public trace of conversations (Azure, 2023)."""
    output: Lengths = field(default_factory=lambda: Lengths(typical=129.0, p95=451.0))
    """Default: likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A recipe for background load; `requests` cooks it."""

    shapes: tuple[Shape, ...] = (Shape(),)
    """Their rates add up: a day curve and a spike make a bad day."""
    arrival_cv: float = 1.0
    """Standard deviation of the gaps over their mean, at constant rate: 1 is Poisson, 3 bursty."""
    mix: Mix = field(default_factory=Mix)
    later_mix: Mix | None = None
    """The mix after a shift; None: no shift."""
    shift_at_seconds: float = 0.0
    """When the shift begins."""
    shift_over_seconds: float = 0.0
    """How long it takes; in between the share of the later mix grows evenly. 0: at once."""
    duration_seconds: float | None = None
    """None: for ever."""

    def __post_init__(self) -> None:
        if not self.shapes:
            raise BadWorkload("a workload needs at least one shape")
        if not 0.0 < self.arrival_cv <= 20.0:
            raise BadWorkload("a workload's arrival_cv must be above 0 and at most 20")

    def rate(self, seconds: Floats) -> Floats:
        """Return requests a second at these instants, counted from the begin."""
        total: Floats = np.sum([shape.rate(seconds) for shape in self.shapes], axis=0)
        return total

    def held_as_begun(self) -> "Workload":
        """Return the same mix, for ever at the rate with which it begins."""
        begun = Shape(kind=ShapeKind.CONSTANT, low=float(self.rate(np.zeros(1))[0]))
        return replace(self, shapes=(begun,), later_mix=None, duration_seconds=None)

    def requests(self, at: float, *, seed: int) -> Iterator[Request]:
        """Yield its requests in order, the workload beginning at `at`."""
        gaps, *lots = (np.random.default_rng([seed, use]) for use in range(6))
        for arrivals in self._arrivals(gaps):
            prompts, outputs = self._lengths(arrivals, lots)
            yield from map(Request, (at + arrivals).tolist(), prompts.tolist(), outputs.tolist())

    def _arrivals(self, lots: np.random.Generator) -> Iterator[Floats]:
        """Yield the arrivals of one block after the other, in seconds from the begin."""
        end = min(
            math.inf if self.duration_seconds is None else self.duration_seconds,
            max(shape.silent_after() for shape in self.shapes),
        )
        left = np.empty(0)
        begin = work = 0.0
        while begin < end:
            grid = begin + np.arange(BLOCK_SECONDS + 1, dtype=np.float64)
            sums = np.concatenate(([work], work + np.cumsum(self.rate(grid[:-1] + 0.5))))
            while not len(left) or left[-1] <= sums[-1]:
                left = np.concatenate((left, self._gaps(left[-1] if len(left) else 0.0, lots)))
            now, left = left[left <= sums[-1]], left[left > sums[-1]]
            arrivals = np.interp(now, sums, grid)
            yield arrivals[arrivals < end]
            begin, work = float(grid[-1]), float(sums[-1])

    def _gaps(self, after: float, lots: np.random.Generator) -> Floats:
        """Return the next arrivals in operational time."""
        variance = self.arrival_cv**2
        return after + np.cumsum(lots.gamma(1.0 / variance, variance, GAPS))

    def _lengths(
        self, arrivals: Floats, lots: Sequence[np.random.Generator]
    ) -> tuple[Counts, Counts]:
        """Return prompt and output tokens of each arrival, each from lots of its own."""
        count = len(arrivals)
        prompts, outputs = (
            self.mix.prompt.draw(count, lots[0]),
            self.mix.output.draw(count, lots[1]),
        )
        if self.later_mix is None:
            return prompts, outputs
        later_prompts = self.later_mix.prompt.draw(count, lots[2])
        later_outputs = self.later_mix.output.draw(count, lots[3])
        share = (arrivals - self.shift_at_seconds) / max(self.shift_over_seconds, 1e-9)
        shifted = lots[4].random(count) < share
        return np.where(shifted, later_prompts, prompts), np.where(shifted, later_outputs, outputs)

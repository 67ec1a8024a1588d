"""Recorded and synthetic load, as arrays: when each request arrived, and how long it is.

A trace is multiplied by superposing copies of itself, each shifted by up to one slot, so that more
load keeps its shape and does not turn into bursts of identical requests (SEMANTICS 7).
"""

import gzip
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SLOT_SECONDS = 15.0
"""Length of a slot: one decision of ours, and of the HPA."""

DAY = 86400.0


class BadTrace(ValueError):
    """A trace file that cannot be used; the text says what, where and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Requests in order of arrival."""

    name: str
    arrival: Floats
    """Seconds since the trace's start, ascending."""
    prompt: Floats
    """Prompt tokens."""
    output: Floats
    """Output tokens."""

    @property
    def seconds(self) -> float:
        """Length, to the last arrival."""
        return float(self.arrival[-1]) if len(self.arrival) else 0.0

    def between(self, start: float, end: float) -> "Trace":
        """Return the requests that arrive in [start, end), counted from `start`."""
        inside = (self.arrival >= start) & (self.arrival < end)
        return Trace(
            name=self.name,
            arrival=self.arrival[inside] - start,
            prompt=self.prompt[inside],
            output=self.output[inside],
        )

    def multiplied(self, factor: float, *, seed: int) -> "Trace":
        """Return the trace with `factor` times the requests; the last copy is thinned."""
        rng = np.random.default_rng(seed)
        pieces = []
        for copy in range(math.ceil(factor)):
            kept = np.ones(len(self.arrival), dtype=bool)
            if factor - copy < 1.0:
                kept = rng.random(len(self.arrival)) < factor - copy
            shift = 0.0 if copy == 0 else rng.uniform(0.0, SLOT_SECONDS)
            pieces.append((self.arrival[kept] + shift, self.prompt[kept], self.output[kept]))
        arrival, prompt, output = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
        order = np.argsort(arrival, kind="stable")
        return Trace(
            name=self.name, arrival=arrival[order], prompt=prompt[order], output=output[order]
        )


def read_trace(path: Path) -> Trace:
    """Read a CSV(.gz) of `arrival_s,prompt_tokens,output_tokens`; more columns are ignored."""
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            header = lines.readline().strip().split(",")
            wanted = [header.index(c) for c in ("arrival_s", "prompt_tokens", "output_tokens")]
            with warnings.catch_warnings():  # an empty file is named below, not warned of
                warnings.simplefilter("ignore", UserWarning)
                table = np.loadtxt(lines, delimiter=",", usecols=wanted, ndmin=2)
    except FileNotFoundError as fault:
        raise BadTrace(f"{path}: there is no such file") from fault
    except (ValueError, OSError) as fault:
        raise BadTrace(
            f"{path}: {fault}. A trace is a CSV whose header names arrival_s, prompt_tokens and "
            "output_tokens, with one number in each"
        ) from fault
    if not len(table):
        raise BadTrace(f"{path}: holds no request")
    if not np.isfinite(table).all() or (table < 0).any():
        row = int(np.flatnonzero(~np.isfinite(table).all(axis=1) | (table < 0).any(axis=1))[0])
        raise BadTrace(f"{path}: row {row + 2} holds a number that is negative or not finite")
    table = table[np.argsort(table[:, 0], kind="stable")]
    return Trace(
        name=path.name.split(".")[0],
        arrival=table[:, 0] - table[0, 0],
        prompt=np.maximum(table[:, 1], 1.0),
        output=np.maximum(table[:, 2], 1.0),
    )


def _flat(at: Floats, rng: np.random.Generator) -> Floats:
    del rng
    return np.ones_like(at)


def _day(at: Floats, rng: np.random.Generator) -> Floats:
    del rng
    return 0.55 - 0.45 * np.cos(2 * np.pi * (at / DAY - 4 / 24))


def _bursts(at: Floats, rng: np.random.Generator) -> Floats:
    """The day with three bursts of x1.6 to x2.5, ramps of 1 to 4 min, 5 to 20 min long."""
    shape = _day(at, rng)
    for _ in range(max(1, round(3 * float(at[-1]) / DAY))):
        start = rng.uniform(0, float(at[-1]))
        ramp, length = rng.uniform(60, 240), rng.uniform(300, 1200)
        rise = np.clip((at - start) / ramp, 0, 1) * np.clip((start + length - at) / ramp, 0, 1)
        shape = shape * (1 + rng.uniform(0.6, 1.5) * rise)
    return shape


def _step(at: Floats, rng: np.random.Generator) -> Floats:
    """A quarter of the load, then all of it for a third of the time, then a quarter again."""
    del rng
    third = float(at[-1]) / 3
    return np.where((at > third) & (at < 2 * third), 1.0, 0.25)


def _sawtooth(at: Floats, rng: np.random.Generator) -> Floats:
    """A period of twice the hold of 10 min: the killer of anti-flap rules."""
    del rng
    return 0.3 + 0.7 * (at % 1200.0) / 1200.0


SHAPES: dict[str, Callable[[Floats, np.random.Generator], Floats]] = {
    "steady": _flat,
    "day": _day,
    "bursts": _bursts,
    "step4": _step,
    "sawtooth": _sawtooth,
    "mixshift": _day,
}
"""Synthetic families by name; each is a rate over time, relative to its peak."""


def synthetic(name: str, *, days: float, peak_rate: float, seed: int) -> Trace:
    """Return Poisson arrivals of a named shape, lengths log-normal: 1000 in, 250 out on average.

    `mixshift` turns from 1000/250 to 200/600 halfway, which costs a replica the same for other
    reasons.
    """
    rng = np.random.default_rng(seed)
    edges = np.arange(0.0, days * DAY, 1.0)
    rate = SHAPES[name](edges, rng)
    counts = rng.poisson(peak_rate * rate / rate.max())
    arrival = np.sort(np.repeat(edges, counts) + rng.random(int(counts.sum())))
    late = (arrival > days * DAY / 2) & (name == "mixshift")
    return Trace(
        name=name,
        arrival=arrival,
        prompt=_lengths(rng, np.where(late, 200.0, 1000.0), sigma=0.8),
        output=_lengths(rng, np.where(late, 600.0, 250.0), sigma=0.7),
    )


def _lengths(rng: np.random.Generator, mean: Floats, *, sigma: float) -> Floats:
    drawn = rng.lognormal(np.log(mean) - sigma * sigma / 2, sigma)
    return np.maximum(1.0, np.rint(drawn))

"""From windows of probes to the load, always with its uncertainty.

Two routes lead to the share of capacity in use: iteration time (E1, shaped by the deployment's own
line) and arrivals heard (E8, scaled by it). They are combined by precision; in overload the slope
of TTFT takes over (E2). Samples of different counts are brought to load, which a change of the
count leaves as it was.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, median, pvariance

from autoscaler.core.line import Line, shape_uncertainty
from autoscaler.core.window import Sample

INTERVAL = 1.28
"""Half width in standard deviations: one-sided 90 %."""
LEAST_VARIANCE_RATIO = 0.02**2
"""A mean of ITLs is never known better than to 2 %: the probe's own share, the clock."""
CORRELATION = 1.5
"""Probes a few seconds apart see the same batch: fewer independent ones than there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Load over one window, in replicas' worth of work, with standard deviations."""

    load: float
    spread: float
    """Standard deviation from sampling, same unit."""
    itl: float
    """Mean ITL, seconds."""
    samples: int


def reading(samples: Iterable[Sample], line: Line) -> Reading | None:
    """Read iteration time over a window; None if no sample has an ITL."""
    eras: dict[int, list[float]] = {}
    for sample in samples:
        if sample.itl is not None:
            eras.setdefault(sample.replicas, []).append(sample.itl)
    if not eras:
        return None
    count = sum(len(itls) for itls in eras.values())
    load = variance = 0.0
    for replicas, itls in eras.items():
        share = len(itls) / count
        mean = fmean(itls)
        load += share * replicas * line.rho(mean)
        variance += (share * replicas * _slope(line, mean)) ** 2 * _variance_of_mean(itls, mean)
    itl = fmean(itl for itls in eras.values() for itl in itls)
    return Reading(load=load, spread=math.sqrt(variance), itl=itl, samples=count)


def _variance_of_mean(itls: list[float], mean: float) -> float:
    floor = LEAST_VARIANCE_RATIO * mean * mean
    prior = (0.15 * mean) ** 2  # one probe's spread before several were seen
    spread = (pvariance(itls, mean) * len(itls) + prior) / len(itls)
    return floor + spread * CORRELATION / len(itls)


def _slope(line: Line, itl: float) -> float:
    """d rho / d ITL: how much an error of the mean matters."""
    step = 0.02 * itl
    return (line.rho(itl + step) - line.rho(itl - step)) / (2.0 * step)


def need_interval(
    load: float, spread: float, *, capacity: float, replicas: int, sigma: float
) -> tuple[float, float]:
    """Lower and upper end of the load: sampling, and the shape of the line between it and the SLO."""
    shape = shape_uncertainty(load / (replicas * capacity), sigma) * replicas * capacity
    half = INTERVAL * math.hypot(spread, shape)
    return max(0.0, load - half), load + half


def median_ttft(samples: Iterable[Sample]) -> float | None:
    """Median TTFT of a window, seconds; None if none succeeded."""
    values = [sample.ttft for sample in samples if sample.ttft is not None]
    return median(values) if values else None

"""From a window of probes to the load, always with its uncertainty.

Two routes lead to the load. Iteration time: the line says at which share of its capacity a replica
shows this latency (E1, bent as the deployment's pairs bend it). Arrivals heard: their rate over the
rate at which a replica is full (E8). They are combined by precision. Samples of different counts
are brought to load, which a change of the count leaves as it was.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import median

from autoscaler.core.chunk import CORRELATION
from autoscaler.core.counters import Counted
from autoscaler.core.hearing import Spans, pooled, prompts
from autoscaler.core.line import MODEL_SIGMA, Line
from autoscaler.core.window import Sample

INTERVAL = 1.0
"""Half width of the interval in standard deviations: one-sided 84 %, and it must hold at every step
of a hold before anything goes down.
"""
LEAST_VARIANCE_RATIO = 0.02**2
"""A mean of ITLs is never known better than to 2 %: the probe's own share, the clock."""
PRIOR_SPREAD_RATIO = 0.15
"""One probe's spread before several were seen."""


CONTRADICTION = 2.0
"""Standard deviations by which what is counted may lie off what latencies say."""
LEAST_TRUSTED = 0.01
"""Weight below which what is counted has no part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Load over one window, in replicas' worth of work, with its standard deviation."""

    load: float
    spread: float
    """From sampling and from what the line does not know, same unit as the load."""
    itl: float
    """Mean ITL, seconds."""
    samples: int
    rate: float | None = None
    """Arrivals a second heard or counted, all replicas together; None where nothing can be heard.
    """
    counted: float = 0.0
    """Requests that the engine counted and that have a part in it."""


def reading(samples: Iterable[Sample], line: Line, *, ear: Spans | None) -> Reading | None:
    """Read one window; None if no sample has an ITL. `ear` None: what is heard is not used."""
    eras: dict[int, list[Sample]] = {}
    for sample in samples:
        if sample.itl is not None:
            eras.setdefault(sample.replicas, []).append(sample)
    if not eras:
        return None
    count = sum(len(era) for era in eras.values())
    load = variance = rate = 0.0
    for replicas, era in eras.items():
        share = len(era) / count
        one, spread, heard = _read(era, replicas, line, ear)
        load += share * one
        variance += (share * spread) ** 2
        rate += share * heard
    itl = sum(sum(_itls(era)) for era in eras.values()) / count
    return Reading(
        load=load,
        spread=math.sqrt(variance),
        itl=itl,
        samples=count,
        rate=None if ear is None else rate,
    )


def joined(probed: Reading, came: Counted, line: Line) -> Reading:
    """Combine what probes say with what the engine counted, by precision; `line` in its units.

    Counters sharpen and never contradict: from CONTRADICTION standard deviations apart they fade
    out, for one that stands still, has lost a replica or counts another mix of requests errs
    without bound, and latencies do not. So they move the load by no more than that many of the
    probes' own deviations.
    """
    load = came.rate / line.full_rate
    spread = load * math.hypot(came.sigma, MODEL_SIGMA)
    apart = (load - probed.load) / math.hypot(spread, probed.spread)
    trusted = math.exp(-0.5 * max(0.0, apart * apart - CONTRADICTION**2))
    if trusted < LEAST_TRUSTED:
        return replace(probed, rate=None)
    both = _combined((probed.load, probed.spread), (load, spread))
    return replace(
        probed,
        load=probed.load + trusted * (both[0] - probed.load),
        spread=probed.spread + trusted * (both[1] - probed.spread),
        rate=came.rate,
        counted=came.events,
    )


def _read(
    era: list[Sample], replicas: int, line: Line, ear: Spans | None
) -> tuple[float, float, float]:
    """Load, its deviation and the arrivals heard over samples of one count."""
    rho, spread = _by_latency(_itls(era), line)
    heard = pooled(sample.heard for sample in era)
    if ear is None or heard.seconds <= 0.0:
        return replicas * rho, replicas * spread, 0.0
    counted = prompts(heard, ear)
    rate = counted / heard.seconds
    rho, spread = _combined((rho, spread), _by_arrivals(counted, heard.seconds, line))
    return replicas * rho, replicas * spread, replicas * rate


def _itls(era: list[Sample]) -> list[float]:
    return [sample.itl for sample in era if sample.itl is not None]


def _by_latency(itls: list[float], line: Line) -> tuple[float, float]:
    mean = sum(itls) / len(itls)
    rho, step = line.rho(mean), 0.02 * mean
    above = max(mean, line.alpha + step)  # an idle mean may lie below alpha, where the line is flat
    slope = (line.rho(above + step) - line.rho(above - step)) / (2.0 * step)
    prior = (PRIOR_SPREAD_RATIO * mean) ** 2
    spread = (sum((itl - mean) ** 2 for itl in itls) + prior) / len(itls)
    sampling = spread * CORRELATION / len(itls) + LEAST_VARIANCE_RATIO * mean * mean
    shape = rho * line.uncertainty(rho, line.capacity)
    return rho, math.hypot(slope * math.sqrt(sampling), shape)


def _by_arrivals(counted: float, seconds: float, line: Line) -> tuple[float, float]:
    rho = counted / seconds / line.full_rate
    poisson = math.sqrt(counted + 1.0) / seconds / line.full_rate
    return rho, math.hypot(poisson, MODEL_SIGMA * rho)


def _combined(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """Two readings of the same thing, weighted by precision."""
    first = 1.0 / (one[1] ** 2 + 1e-6)
    second = 1.0 / (other[1] ** 2 + 1e-6)
    both = first + second
    return (one[0] * first + other[0] * second) / both, math.sqrt(1.0 / both)


def median_ttft(samples: Iterable[Sample]) -> float | None:
    """Median TTFT of a window, seconds; None if none succeeded."""
    values = [sample.ttft for sample in samples if sample.ttft is not None]
    return median(values) if values else None

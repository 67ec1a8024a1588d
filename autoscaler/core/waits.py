"""Time to first token over latency, as it was seen: a curve of its own.

Where prompts are short TTFT follows the iteration time, and idle TTFT x ITL/alpha is right. Long
prompts of others make a queue for the prefill long before the batch is full: at three quarters of
the load TTFT was ten times that (docs/how-it-decides.md). So the formula is only the prior: over
bins of ITL the TTFTs of probes are summed, the mean at each latency is a posterior around the
prior, neighbours lend to one another, and the whole is made monotone. As ITL is a monotone function
of the arrivals (pairs.py), so is TTFT. Beyond what was seen the last ratio to the prior goes on.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass, replace

from autoscaler.core.pairs import BINS, FINE, HALF_LIFE_SECONDS, REACH, SMALLEST, WIDTH, monotone
from autoscaler.core.window import Sample

LOOK_SECONDS, LONGEST_LOOK_SECONDS = 60.0, 180.0
"""Probes of a minute share one latency; where they are rare, those of three."""
FIT_SECONDS = 300.0
LEAST_SAMPLES = 3
PRIOR_PROBES = 4.0
"""Probes that the prior is worth at each latency: the formula, times what it was off a step below.
"""
LEAST_WEIGHT = 0.05
"""A bin with fewer probes left is dropped."""
FORGOTTEN_PROBES = 12.0
"""What the old mix's probes are worth after the mix has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Sums per bin of ITL, newest weight 1, and the curve through them."""

    bins: tuple[tuple[int, float, float], ...] = ()
    """(bin of ln ITL, probes, sum of their TTFT in seconds), lowest ITL first."""
    at: float = 0.0
    fitted_at: float = 0.0
    steps: tuple[float, ...] = ()
    """TTFT in units of the idle one at each step of the line (pairs.py), rising; empty = never
    fitted.
    """


def is_due(waits: Waits, samples: tuple[Sample, ...], now: float) -> bool:
    """True once a minute is over and some probes have ended in it."""
    if now - waits.at < LOOK_SECONDS or len(samples) < LEAST_SAMPLES:
        return False
    return samples[-LEAST_SAMPLES].ended_at > waits.at


def waited(waits: Waits, samples: tuple[Sample, ...], *, now: float, longest: float) -> Waits:
    """Take in the probes since the last time. `longest`: seconds beyond which a wait is a queue and
    one odd answer would outweigh all others.
    """
    since = max(waits.at, now - LONGEST_LOOK_SECONDS)
    seen = [
        (sample.itl, min(sample.ttft, longest))
        for sample in samples
        if sample.ended_at > since and sample.itl is not None and sample.ttft is not None
    ]
    if len(seen) < LEAST_SAMPLES:
        return _faded(waits, now)
    waits = _faded(waits, now)
    itl = sum(one for one, _ in seen) / len(seen)
    index = int(math.log(max(itl, SMALLEST) / SMALLEST) / FINE)
    sums = {place: (count, total) for place, count, total in waits.bins}
    count, total = sums.get(index, (0.0, 0.0))
    sums[index] = (count + len(seen), total + sum(ttft for _, ttft in seen))
    return replace(waits, bins=tuple((i, *sums[i]) for i in sorted(sums)))


def _faded(waits: Waits, now: float) -> Waits:
    fade = 0.5 ** (max(0.0, now - waits.at) / HALF_LIFE_SECONDS)
    bins = tuple(
        (i, count * fade, total * fade)
        for i, count, total in waits.bins
        if count * fade > LEAST_WEIGHT
    )
    return replace(waits, bins=bins, at=now)


def forgotten(waits: Waits) -> Waits:
    """Weigh down what was seen: the traffic's mix has changed."""
    share = min(1.0, FORGOTTEN_PROBES / max(1e-9, sum(count for _, count, _ in waits.bins)))
    bins = tuple((i, count * share, total * share) for i, count, total in waits.bins)
    return replace(waits, bins=bins, fitted_at=0.0)


def fitted(waits: Waits, *, alpha: float, idle_ttft: float, now: float) -> Waits:
    """Fit the curve anew where it is due."""
    if now - waits.fitted_at < FIT_SECONDS or not waits.bins:
        return waits
    counts, totals = [0.0] * BINS, [0.0] * BINS
    for index, count, total in waits.bins:
        there = math.log(SMALLEST / alpha) + (index + 0.5) * FINE
        ratio = total / (idle_ttft * math.exp(max(0.0, there)))
        first, last = (int((there + end * REACH) / WIDTH) for end in (-3.0, 3.0))
        for step in range(max(0, first), min(BINS, last + 1)):
            distance = ((step + 0.5) * WIDTH - there) / REACH
            lent = math.exp(-0.5 * distance * distance)
            counts[step] += lent * count
            totals[step] += lent * ratio
    values, ratio = [], 1.0
    for step, (count, total) in enumerate(zip(counts, totals, strict=True)):
        ratio = (PRIOR_PROBES * ratio + total) / (PRIOR_PROBES + count)
        values.append(ratio * math.exp((step + 0.5) * WIDTH))
    weights = [PRIOR_PROBES + count for count in counts]
    return replace(waits, steps=monotone(values, weights), fitted_at=now)


def ratio_at(steps: tuple[float, ...], log_ratio: float) -> float:
    """TTFT over idle TTFT at ln(ITL/alpha): linear between the steps and to 1 at idle; ITL/alpha
    where nothing was seen.
    """
    if not steps:
        return math.exp(max(0.0, log_ratio))
    place = log_ratio / WIDTH - 0.5
    if place <= 0.0:
        return 1.0 + (steps[0] - 1.0) * max(0.0, 1.0 + 2.0 * place)
    index = int(place)
    if index >= BINS - 1:
        return steps[-1]
    return steps[index] + (steps[index + 1] - steps[index]) * (place - index)


def log_ratio_at(steps: tuple[float, ...], wanted: float) -> float:
    """The inverse: the highest ln(ITL/alpha) at which TTFT is `wanted` times the idle one."""
    if not steps:
        return math.log(max(1.0, wanted))
    index = bisect_right(steps, wanted)
    if index == 0:
        return 0.5 * WIDTH * max(0.0, wanted - 1.0) / max(1e-9, steps[0] - 1.0)
    if index >= BINS:
        return BINS * WIDTH
    low, high = steps[index - 1], steps[index]
    return (index - 0.5 + (wanted - low) / (high - low)) * WIDTH

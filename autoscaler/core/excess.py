"""How far gaps of token streams lie off an ordinary iteration: histograms, and the valley in them.

A gap is late by jitter or by somebody's prompt. Over the logarithm of the excess these are two
hills: jitter falls off towards long gaps, prompts rise from the shortest that anybody sends, and
between them lies a valley. Nothing else tells the two apart from outside: how long a prompt takes
differs a hundredfold between engines, and its share of an iteration by as much. Where all gaps are
one falling hill there is no valley, and none is made up.
"""

import math
from collections import Counter
from math import log
from typing import TypeAlias

BIN_RATIO = 1.2
SMALLEST = 1e-4
"""Excess at which bin 0 begins, seconds; below it nothing is heard."""
FADE = 0.995
"""Weight left of older streams at each new one: about 200 streams are remembered."""
REACH = 2
"""Bins to either side that speak for a bin: five together, a factor of 2.5 wide."""
EVEN = 0.5
"""Gaps by which neighbouring bins may differ and still be one bottom."""
RISE = 2.0
"""A hill holds this many times what the bottom before it does ..."""
SURE = 9.0
"""... and so many gaps more: three standard deviations of nothing."""
LEAST_WEIGHT = 1e-3
"""A bin with less left is dropped."""
_LOG_BIN = math.log(BIN_RATIO)

Histogram: TypeAlias = tuple[tuple[int, float], ...]
"""(bin, weight), lowest bin first; bin -1 holds all that is below SMALLEST."""


def added(histogram: Histogram, values: list[float]) -> Histogram:
    """Add one stream's values, seconds."""
    weights = {index: here * FADE for index, here in histogram if here > LEAST_WEIGHT}
    heard = [value for value in values if value > SMALLEST]
    bins = Counter([int(log(value / SMALLEST) / _LOG_BIN) for value in heard])
    bins[-1] = len(values) - len(heard)
    for index, count in bins.items():
        weights[index] = weights.get(index, 0.0) + count
    return tuple(sorted(weights.items()))


def weight(histogram: Histogram) -> float:
    """Gaps in it, the newest stream's counting 1 each."""
    return sum([share for _, share in histogram])


def quantile(histogram: Histogram, share: float) -> float:
    """Excess below which this share of the gaps lies, seconds; the upper edge of its bin."""
    wanted = share * weight(histogram)
    for index, here in histogram:
        wanted -= here
        if wanted <= 0.0:
            return _top(index)
    return _top(histogram[-1][0])


def middle(histogram: Histogram, limit: float) -> float:
    """Excess of the middle one of the gaps beyond `limit`, seconds; `limit` itself for none."""
    first = _bin(limit)
    beyond = [(index, here) for index, here in histogram if index > first]
    half = sum([here for _, here in beyond]) / 2.0
    for index, here in beyond:
        half -= here
        if half <= 0.0:
            return _top(index)
    return limit


def valley(histogram: Histogram, low: float) -> float | None:
    """Excess at the bottom of the first valley above `low`, seconds; None if there is none.

    From `low` upwards the bottom is where fewest gaps lie, until they rise again for sure. What
    lies beyond must be more than the tail of one falling hill would hold.
    """
    first, last = _bin(low), histogram[-1][0]
    dense = [0.0] * (max(0, last - first) + 2 * REACH + 1)
    for index, here in histogram:
        if index >= first - REACH:
            dense[index - first + REACH] = here
    around = sum(dense[: 2 * REACH])
    least, begin, end = math.inf, first, first
    for index in range(first, last + 1):
        place = index - first
        around += dense[place + 2 * REACH]
        if around > RISE * least + SURE:
            break
        if around < least - EVEN:
            least, begin, end = around, index, index
        elif around <= least + EVEN and end == index - 1:
            least, end = min(least, around), index
        around -= dense[place]
    beyond = sum([here for index, here in histogram if index > end])
    if beyond <= RISE * least + SURE:
        return None
    return max(low, SMALLEST * math.exp((0.5 * (begin + end) + 0.5) * _LOG_BIN))


def _bin(excess: float) -> int:
    return int(math.log(max(excess, SMALLEST) / SMALLEST) / _LOG_BIN)


def _top(index: int) -> float:
    return SMALLEST * math.exp((index + 1) * _LOG_BIN)

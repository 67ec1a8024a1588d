"""Pairs of latency and arrivals: what a replica carries at each latency, as it was seen.

Real engines bend the line of curve.py in ways of their own, so its rate is only the prior here: in
bins of ITL/alpha the arrivals heard and the seconds listened are summed, each bin's rate is a gamma
posterior around the prior, neighbours lend to one another, and the whole is made monotone (pool
adjacent violators). Old pairs fade; a changed mix makes them fade at once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

BINS = 26
WIDTH = 0.1
"""Of a bin, in ln(ITL/alpha): the last one holds all beyond a factor of 12."""
PRIOR_EVENTS = 4.0
"""Arrivals that the prior line is worth in each bin."""
LENDING = (1.0, 0.5, 0.25)
"""What bins at a distance of 0, 1, 2 lend."""
HALF_LIFE_SECONDS = 2 * 86_400.0
LEAST_EVENTS = 12.0
"""Arrivals in the upper half below which nothing is said."""
AUDIBLE_LOG, AUDIBLE_SIGMAS = 0.2, 1.0
"""The upper half must be heard more often by a fifth, and by a standard deviation more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Sums per bin, newest weight 1."""

    events: tuple[float, ...] = (0.0,) * BINS
    seconds: tuple[float, ...] = (0.0,) * BINS
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Rates:
    """Arrivals per replica and second at each bin's middle, rising, and what they stand on."""

    rates: tuple[float, ...]
    weights: tuple[float, ...]
    """Arrivals behind each rate, the prior's included."""


def paired(pairs: Pairs, *, itl_ratio: float, events: float, seconds: float, at: float) -> Pairs:
    """Add one chunk."""
    fade = 0.5 ** (max(0.0, at - pairs.at) / HALF_LIFE_SECONDS)
    index = bin_of(itl_ratio)
    counted = [value * fade for value in pairs.events]
    listened = [value * fade for value in pairs.seconds]
    counted[index] += events
    listened[index] += seconds
    return Pairs(events=tuple(counted), seconds=tuple(listened), at=at)


def faded(pairs: Pairs, share: float) -> Pairs:
    """Keep only a share of the weight: the traffic's mix has changed."""
    return replace(
        pairs,
        events=tuple(value * share for value in pairs.events),
        seconds=tuple(value * share for value in pairs.seconds),
    )


def bin_of(itl_ratio: float) -> int:
    """Bin of an ITL in units of alpha."""
    return min(BINS - 1, max(0, int(math.log(max(1.0, itl_ratio)) / WIDTH)))


def middle(index: int) -> float:
    """ITL in units of alpha at a bin's middle."""
    return math.exp((index + 0.5) * WIDTH)


def is_audible(pairs: Pairs) -> bool:
    """True if more is heard where latency is higher: else what is heard is not the load.

    Prompts too short to hear, cached ones and mere jitter give counts that do not follow latency.
    """
    half, seen = sum(pairs.seconds) / 2.0, 0.0
    low = [0.0, 0.0]
    for events, seconds in zip(pairs.events, pairs.seconds, strict=True):
        if seen + seconds > half and seen > 0.0:
            break
        seen += seconds
        low = [low[0] + events, low[1] + seconds]
    high = [sum(pairs.events) - low[0], sum(pairs.seconds) - low[1]]
    if high[0] < LEAST_EVENTS or high[1] <= 0.0 or low[1] <= 0.0:
        return False
    # variance of a logarithm of a Poisson rate: 1 / events
    ratio = math.log(high[0] / high[1]) - math.log((low[0] + 0.5) / low[1])
    return ratio > AUDIBLE_LOG + AUDIBLE_SIGMAS * math.sqrt(1.0 / high[0] + 1.0 / (low[0] + 0.5))


def rates_of(pairs: Pairs, prior: Callable[[float], float]) -> Rates:
    """Posterior rates per bin; `prior` gives the line's rate at an ITL in units of alpha."""
    rates, weights = [], []
    for index in range(BINS):
        events, seconds = PRIOR_EVENTS, PRIOR_EVENTS / prior(middle(index))
        for other in range(max(0, index - 2), min(BINS, index + 3)):
            lent = LENDING[abs(other - index)]
            # what a neighbour saw, moved along the prior line to this bin
            lean = prior(middle(other)) / prior(middle(index))
            events += lent * pairs.events[other]
            seconds += lent * pairs.seconds[other] * lean
        rates.append(events / seconds)
        weights.append(events)
    return Rates(rates=_monotone(rates, weights), weights=tuple(weights))


def _monotone(values: list[float], weights: list[float]) -> tuple[float, ...]:
    """Pool adjacent violators: the closest rising sequence, by weight."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        pool = (value, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, heavy, size = pools.pop()
            both = heavy + pool[1]
            pool = ((mean * heavy + pool[0] * pool[1]) / both, both, size + pool[2])
        pools.append(pool)
    return tuple(value for value, _, size in pools for _ in range(size))

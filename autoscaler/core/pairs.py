"""Pairs of latency and arrivals: what a replica carries at each latency, as it was seen.

Real engines bend the plain line (curve.py) in ways of their own, so its rate is only the prior
here: over bins of ITL the arrivals heard and the seconds listened are summed, the rate at each
latency is a gamma posterior around the prior, neighbours lend to one another, and the whole is made
monotone (pool adjacent violators). Old pairs fade; a changed mix makes them fade at once.
"""

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

BINS = 26
WIDTH = 0.1
"""Of a step of the learned line, in ln(ITL/alpha): the last one holds all beyond a factor of 12."""
FINE = 0.05
"""Width of a bin in which pairs are kept, in ln(ITL)."""
SMALLEST = 1e-4
"""ITL at which bin 0 begins, seconds."""
PRIOR_EVENTS = 4.0
"""Arrivals that the prior line is worth at each latency."""
REACH = 0.12
"""Distance in ln(ITL) over which a pair speaks for its neighbours (standard deviation)."""
HALF_LIFE_SECONDS = 2 * 86_400.0
LEAST_SECONDS = 0.05
"""A bin with less listening left is dropped."""
LEAST_EVENTS = 12.0
"""Arrivals below which nothing is said."""
AUDIBLE_SLOPE, AUDIBLE_SIGMAS = 0.25, 1.0
"""What is heard must rise with latency by this power of it, and by a standard deviation more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Sums per bin of ITL, newest weight 1."""

    bins: tuple[tuple[int, float, float], ...] = ()
    """(bin, arrivals, seconds listened), lowest ITL first."""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Rates:
    """Arrivals per replica and second at each step of the line, rising, and what they stand on."""

    rates: tuple[float, ...]
    weights: tuple[float, ...]
    """Arrivals behind each rate, the prior's included."""


def paired(pairs: Pairs, *, itl: float, events: float, seconds: float, at: float) -> Pairs:
    """Add one chunk."""
    fade = 0.5 ** (max(0.0, at - pairs.at) / HALF_LIFE_SECONDS)
    sums = {index: (e * fade, s * fade) for index, e, s in pairs.bins if s * fade > LEAST_SECONDS}
    index = int(math.log(max(itl, SMALLEST) / SMALLEST) / FINE)
    old = sums.get(index, (0.0, 0.0))
    sums[index] = (old[0] + events, old[1] + seconds)
    return Pairs(bins=tuple((i, *sums[i]) for i in sorted(sums)), at=at)


def faded(pairs: Pairs, most_events: float) -> Pairs:
    """Weigh down to so many arrivals: the traffic's mix has changed."""
    share = min(1.0, most_events / max(1e-9, sum(events for _, events, _ in pairs.bins)))
    return Pairs(bins=tuple((i, e * share, s * share) for i, e, s in pairs.bins), at=pairs.at)


def itl_of(index: int) -> float:
    """ITL at the middle of a bin, seconds."""
    return SMALLEST * math.exp((index + 0.5) * FINE)


def middle(index: int) -> float:
    """ITL in units of alpha at the middle of a step of the line."""
    return math.exp((index + 0.5) * WIDTH)


def is_audible(pairs: Pairs) -> bool:
    """True if more is heard where latency is higher: else what is heard is not the load.

    Prompts too short to hear, cached ones and mere jitter give counts that do not follow latency.
    The slope of ln(arrivals) over ln(ITL), weighted by the arrivals: the plain line has
    1 / (ITL/alpha - 1), so 1 at half the capacity and 0.5 at two thirds, however little of the line
    a steady fleet shows.
    """
    seen = [
        (index * FINE, math.log(events / seconds), events)
        for index, events, seconds in pairs.bins
        if events >= 1.0
    ]
    total = sum(events for _, _, events in seen)
    if total < LEAST_EVENTS:
        return False
    middle_itl = sum(itl * events for itl, _, events in seen) / total
    middle_rate = sum(rate * events for _, rate, events in seen) / total
    spread = sum(events * (itl - middle_itl) ** 2 for itl, _, events in seen)
    if spread <= 0.0:
        return False
    together = sum(e * (itl - middle_itl) * (rate - middle_rate) for itl, rate, e in seen)
    # the variance of the logarithm of a Poisson rate is 1 / events
    return together / spread > AUDIBLE_SLOPE + AUDIBLE_SIGMAS * math.sqrt(1.0 / spread)


def span(pairs: Pairs) -> float:
    """How far latency went: its 95 % quantile over its 5 % one, by time listened; 1 for none."""
    low, high = reach(pairs, share=0.05)
    return high / low


def reach(pairs: Pairs, *, share: float = 0.02) -> tuple[float, float]:
    """Lowest and highest ITL, seconds, less this share of the time listened at either end; the
    same number twice for none.
    """
    total = sum(seconds for _, _, seconds in pairs.bins)
    low = high = None
    seen = 0.0
    for index, _, seconds in pairs.bins:
        seen += seconds
        if low is None and seen >= share * total:
            low = index
        if high is None and seen >= (1.0 - share) * total:
            high = index
    return (1.0, 1.0) if low is None or high is None else (itl_of(low), itl_of(high))


def rates_of(pairs: Pairs, prior: Callable[[float], float], alpha: float) -> Rates:
    """Posterior rates; `prior` gives the plain line's rate at an ITL in units of alpha."""
    seen = [
        (math.log(itl_of(index) / alpha), events, seconds * prior(itl_of(index) / alpha))
        for index, events, seconds in pairs.bins
    ]
    rates, weights = [], []
    for index in range(BINS):
        here = (index + 0.5) * WIDTH
        events = expected = PRIOR_EVENTS
        for there, counted, due in seen:
            distance = (there - here) / REACH
            if -3.0 < distance < 3.0:
                lent = math.exp(-0.5 * distance * distance)
                events += lent * counted
                expected += lent * due
        rates.append(prior(middle(index)) * events / expected)
        weights.append(events)
    return Rates(rates=monotone(rates, weights), weights=tuple(weights))


def monotone(values: list[float], weights: list[float]) -> tuple[float, ...]:
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


def rate_at(rates: Rates, log_ratio: float) -> float:
    """Arrivals per replica at ln(ITL/alpha): linear between the steps, to zero below the first."""
    place = log_ratio / WIDTH - 0.5
    values = rates.rates
    if place <= 0.0:
        return values[0] * max(0.0, 1.0 + 2.0 * place)
    index = int(place)
    if index >= BINS - 1:
        return values[-1]
    return values[index] + (values[index + 1] - values[index]) * (place - index)


def log_ratio_at(rates: Rates, rate: float) -> float:
    """The inverse: ln(ITL/alpha) at which a replica carries this rate."""
    values = rates.rates
    if rate <= values[0]:
        return 0.5 * WIDTH * max(0.0, rate) / values[0]
    index = bisect_left(values, rate)
    if index >= BINS:
        return (BINS - 0.5) * WIDTH
    low, high = values[index - 1], values[index]
    return (index - 0.5 + (rate - low) / (high - low)) * WIDTH

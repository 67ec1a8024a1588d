"""Whether the replicas behind the balancer are clearly unequal, as single probes see them.

A probe meets one replica. Where one is slower or gets more than its share, latencies fall into two
groups, and which group comes next is a matter of chance: a probe tells nothing of the next one. A
load that comes and goes makes two groups as well, but neighbours in time are then alike. So the
variance of neighbours (von Neumann's ratio) parts the two, as far as probes are close enough:
bursts shorter than the distance of two probes look like unequal replicas, and with slow probing
nothing is said at all.

The limits are from emulated fleets (docs/how-it-decides.md): at most 0.22 of scatter where
replicas are equal, up to 0.93 of capacity; 0.32 and more where one of two to four has twice the
load of the others.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

from autoscaler.core.window import Sample

LOOK_SECONDS = 60.0
LEAST_PROBES = 48
"""Of the window of samples (six minutes), all at one count and about 5 s apart."""
NEAR_SECONDS = 7.0
"""Neighbours further apart say nothing: a load may have come and gone between them."""
LEAST_SCATTER = 0.22
"""Deviation of ln ITL between neighbours, over the root of 2, below which batches that come and go
explain it.
"""
LEAST_CHANCE, MOST_CHANCE = 0.85, 1.25
"""Variance of neighbours over that of all: 1 where the order is chance; less where load comes in
waves, more where waves are as short as the distance of two probes.
"""
LEAST_RATIO = 1.5
"""Latency of the slower group over that of the faster one: clearly different."""
LEAST_PARTED = 3.2
"""Distance of the groups in their own deviations (Ashman's D); a bell cut in two has 2.7."""
LEAST_SHARE = 0.08
"""Of the probes, in the smaller group."""
SHOWN_AFTER = 10
"""Looks, a minute apart: nearly two windows that share no probe."""
MISS = 2
"""Looks that one without groups takes back: with 72 probes the order of chance itself strays from
1 by 0.12, so that one look in ten misses what is there.
"""
MOST_SEEN = 14
"""Looks counted at most: so many misses later it is over."""
KEPT_SECONDS = 1800.0
"""How long a verdict is kept that can be neither confirmed nor refuted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Two groups of latencies."""

    low: float
    """ITL of the faster group (geometric mean), seconds."""
    high: float
    share: float
    """Share of the probes in the slower group."""
    probes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What is remembered of the replicas' equality."""

    groups: Groups | None = None
    """As last seen; None = never, or nothing is known."""
    seen: int = 0
    """Looks that saw groups, less MISS for each that saw none."""
    looked_at: float = 0.0
    told_at: float = 0.0
    """Instant of the last look that could tell."""

    def shown(self, now: float) -> Groups | None:
        """The groups, once they were seen for long enough."""
        shown = self.seen >= SHOWN_AFTER and now - self.told_at <= KEPT_SECONDS
        return self.groups if shown else None


def looked(balance: Balance, samples: tuple[Sample, ...], *, replicas: int, now: float) -> Balance:
    """Look once a minute at the newest samples."""
    if now - balance.looked_at < LOOK_SECONDS:
        return balance
    balance = replace(balance, looked_at=now)
    if replicas < 2 or any(sample.replicas != replicas for sample in samples):
        return Balance(looked_at=now)
    points = [(s.at, math.log(s.itl)) for s in samples if s.itl is not None]
    near = [
        (later[1] - one[1]) ** 2
        for one, later in pairwise(points)
        if later[0] - one[0] <= NEAR_SECONDS
    ]
    if len(near) < LEAST_PROBES:
        return balance
    groups = groups_of([value for _, value in points], sum(near) / len(near) / 2.0)
    if groups is None:
        return replace(balance, seen=max(0, balance.seen - MISS), told_at=now)
    return replace(balance, groups=groups, seen=min(balance.seen + 1, MOST_SEEN), told_at=now)


def groups_of(logs: list[float], near: float) -> Groups | None:
    """Part ln ITLs into two groups; None where chance or load explains them.

    `near`: variance as neighbours show it.
    """
    count = len(logs)
    mean = sum(logs) / count
    variance = sum((value - mean) ** 2 for value in logs) / (count - 1)
    if near < LEAST_SCATTER**2 or not LEAST_CHANCE <= near / variance <= MOST_CHANCE:
        return None
    ordered = sorted(logs)
    least = max(2, math.ceil(LEAST_SHARE * count))
    cuts = range(least, count - least + 1)
    inside, cut = min((_inside(ordered, cut), cut) for cut in cuts)
    low, high = sum(ordered[:cut]) / cut, sum(ordered[cut:]) / (count - cut)
    parted = (high - low) / math.sqrt(max(1e-9, inside / (count - 2)))
    if high - low < math.log(LEAST_RATIO) or parted < LEAST_PARTED:
        return None
    return Groups(low=math.exp(low), high=math.exp(high), share=(count - cut) / count, probes=count)


def _inside(ordered: list[float], cut: int) -> float:
    """Sum of squares within the two parts."""
    total = 0.0
    for part in (ordered[:cut], ordered[cut:]):
        mean = sum(part) / len(part)
        total += sum((value - mean) ** 2 for value in part)
    return total

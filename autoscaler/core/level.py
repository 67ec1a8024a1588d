"""The latency that a replica shows, followed from minute to minute without the probes' scatter.

A dozen probes scatter by some per cent about what their minute truly had. Paired as they are with
what arrived, hours of one load become many latencies with the same arrivals: the line through them
is too flat, alpha too low, and the load after a step too high (regression dilution). So a minute's
mean is weighed against what was known, by their variances (a Kalman filter of ln ITL that walks at
random), and what comes as no chance begins anew.
"""

import math
from dataclasses import dataclass, replace

from autoscaler.core.chunk import Chunk

WALK_SIGMA = 0.04
"""How far ln ITL may walk in a minute: loads that follow a day, or wander by some per cent."""
LEAST_VARIANCE = 0.01**2
"""A minute's mean is never known better: the probes' own share, the clock."""
MOST_SURPRISE = 6.0
"""Squared deviation, in variances, from which it is another level: once in 70 minutes by chance."""
LONGEST_GAP_SECONDS = 300.0
"""Without a minute for so long, it begins anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What is known of ln ITL, without its drift."""

    mean: float = 0.0
    variance: float = 0.0
    at: float = 0.0
    """Instant of the newest minute; 0 before the first."""
    replicas: int = 0
    """The count it was seen at."""


def followed(level: Level, chunk: Chunk, *, drift: float, now: float) -> Level:
    """Take in one minute, less its drift (a logarithm)."""
    found, scatter = math.log(chunk.itl) - drift, chunk.noise + LEAST_VARIANCE
    anew = Level(mean=found, variance=scatter, at=now, replicas=chunk.replicas)
    if chunk.replicas != level.replicas or now - level.at > LONGEST_GAP_SECONDS:
        return anew
    before, gap = level.variance + WALK_SIGMA**2, found - level.mean
    if gap * gap > MOST_SURPRISE * (before + scatter):
        return anew
    gain = before / (before + scatter)
    return replace(level, mean=level.mean + gain * gap, variance=(1.0 - gain) * before, at=now)

"""The slope of TTFT under a queue: how fast it grows tells the load (E2, policy.md §5.1).

Probes wait in the same queue as everybody, so TTFT grows by lambda/mu - 1 seconds a second. A probe
that timed out waiting is a lower bound, not a missing value; and of a jump so steep that hardly one
answer comes before the deadline, the onset is unknown and all the rest follows from it.
"""

import math
from dataclasses import dataclass

from autoscaler.core.overload import WAITING, Overload
from autoscaler.core.window import Sample, within

SLOPE_SECONDS = 300.0
"""Window of the slope: within 10 % over 300 s (policy.md §5.2)."""
SLOPE_ANSWERED = 20
"""Newest answers that enter: pairs grow with the square."""
SLOPE_WAITING = 5
"""Time-outs that enter, from either end: the first ones say how soon the deadline was passed, the
newest that the queue is still there.
"""
FLOOR_SECONDS = 15.0
"""Shortest time since the last probe without a queue over which a wait makes a slope."""
LEAST_KNOWN = 4
"""Answers from which their order tells the slope; of fewer, time-outs tell more."""
LEAST_GROWTH_SECONDS = 5.0
"""The same where later time-outs say that the queue began later than that."""
LIKELY_RATIO = math.sqrt(2.0)
"""Median over lower bound of a slope that one answer shows: the queue began at any time since the
last probe without one, and jumps of so many times the load are rarer with the square. Then the
slope's chance to be over x is (bound / x) squared.
"""
MOST_SLOPE = 20.0
"""Steepest slope that is told apart: 21 times of capacity is beyond use."""
ONE_SIDED = 1.64
"""Standard deviations of the ends of an interval: 95 % of a normal distribution lie below."""

_Point = tuple[float, float, bool]
"""(instant of sending, wait in seconds, whether that is only a lower bound)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """Growth of TTFT, seconds per second, with the lower and upper end of its interval."""

    value: float
    low: float
    high: float


def slope_of(
    samples: tuple[Sample, ...], overload: Overload, *, now: float, same_count: bool
) -> Slope | None:
    """Theil-Sen slope of TTFT over the time of sending, with censored probes; None if unknown.

    The slope b is the one at which Kendall's S between time and TTFT - b x time vanishes. A pair
    whose later member timed out counts only where its lower bound already decides. `same_count`:
    the count has not changed since the last probe without a queue; from there on, whoever waits w
    after t seconds proves a slope of w / t or more, however few have answered.
    """
    if overload.shown_since is None:
        return None
    since = max(now - SLOPE_SECONDS, overload.good_before or 0.0)
    recent = [s for s in within(samples, now=now, seconds=SLOPE_SECONDS) if s.at > since]
    answered = [(s.at, s.ttft, False) for s in recent if s.ttft is not None]
    waiting = [(s.at, s.ended_at - s.at, True) for s in recent if s.failure in WAITING]
    floor = _floor(answered + waiting, overload) if same_count else -1.0
    if len(waiting) > 2 * SLOPE_WAITING:
        waiting = waiting[:SLOPE_WAITING] + waiting[-SLOPE_WAITING:]
    points = sorted(answered[-SLOPE_ANSWERED:] + waiting)
    known = [index for index, point in enumerate(points) if not point[2]]
    if 0 < len(known) < LEAST_KNOWN:
        floor = max(floor, _by_deadline(points[known[0] :], overload if same_count else None))
    if len(known) == 1 and floor > 0.0:
        return Slope(value=min(MOST_SLOPE, LIKELY_RATIO * floor), low=floor, high=MOST_SLOPE)
    if len(points) < 3 or not known or known[0] == len(points) - 1:
        # nothing is known to come after a known one: only bounds, no order
        return Slope(value=floor, low=floor, high=MOST_SLOPE) if floor > 0.0 else None
    count = len(points)
    spread = ONE_SIDED * math.sqrt(count * (count - 1) * (2 * count + 5) / 18.0)
    return Slope(
        value=max(floor, _crossing(points, 0.0)),
        low=max(floor, _crossing(points, spread)),
        high=max(floor, _crossing(points, -spread)),
    )


def both(told: Slope | None, counted: Slope | None) -> Slope | None:
    """Combine TTFT's slope with the growth of the queue that the engine counts, by precision.

    A counter alone may call for more and never for less, and one that contradicts the probes is
    set aside.
    """
    if counted is None or told is None:
        return counted if told is None and counted is not None and counted.low > 0.0 else told
    sigmas = [max(1e-3, (one.high - one.low) / (2.0 * ONE_SIDED)) for one in (told, counted)]
    if not told.low <= counted.value <= told.high:
        return told
    first, second = (1.0 / sigma**2 for sigma in sigmas)
    value = (first * told.value + second * counted.value) / (first + second)
    half = ONE_SIDED / math.sqrt(first + second)
    return Slope(value=value, low=max(told.low, value - half), high=min(told.high, value + half))


def _floor(points: list[_Point], overload: Overload) -> float:
    """Least slope that the waits since the last probe without a queue prove; -1 for none."""
    if overload.good_before is None:
        return -1.0
    slopes = [
        (wait - overload.good_ttft) / (at - overload.good_before)
        for at, wait, _ in points
        if at - overload.good_before >= FLOOR_SECONDS
    ]
    return max(slopes, default=-1.0)


def _by_deadline(points: list[_Point], overload: Overload | None) -> float:
    """Least slope by the first answer and the time-outs after it; -1 where they say nothing.

    From the answer to a time-out the wait grew to the deadline at least. And a queue that grows
    evenly from an unknown instant on and let the answer wait w at t lets a later probe wait that
    long only if it began late enough, and then it grew to w in the rest (`overload` None: the count
    has changed since, so nothing is known of its beginning). Worked: 10.5 s at 28 s, a time-out of
    30 s at 45 s: begun after 19 s, so 1.15 s a second or more.
    """
    at, wait, _ = points[0]
    late = [(sent, bound) for sent, bound, timed in points[1:] if timed and sent > at]
    since = max(((bound - wait) / (sent - at) for sent, bound in late), default=-1.0)
    if overload is None or overload.good_before is None:
        return since
    good, base = overload.good_before, overload.good_ttft
    begun = max(
        (
            ((bound - base) * (at - good) - (wait - base) * (sent - good)) / (bound - wait)
            for sent, bound in late
            if bound > wait
        ),
        default=0.0,
    )
    growing = max(LEAST_GROWTH_SECONDS, at - good - max(0.0, begun))
    return max(since, (wait - base) / growing)


def _crossing(points: list[_Point], wanted: float) -> float:
    low, high = -1.0, MOST_SLOPE  # a queue drains at most in real time
    for _ in range(14):  # halvings of 21: to 0.0013
        middle = (low + high) / 2.0
        if _kendall(points, middle) > wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def _kendall(points: list[_Point], slope: float) -> int:
    total = 0
    for index, (at, value, censored) in enumerate(points):
        for later_at, later_value, later_censored in points[index + 1 :]:
            rise = later_value - value - slope * (later_at - at)
            if censored and later_censored:
                continue
            if (rise > 0.0 and not censored) or (rise < 0.0 and not later_censored):
                total += 1 if rise > 0.0 else -1
    return total

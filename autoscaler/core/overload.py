"""Overload: what may be called one, how long it stays shown, and how fast the queue grows.

Once users queue, inter-token latency stands still at its plateau and only the slope of TTFT tells
the load (E2): probes wait in the same queue, so TTFT grows by lambda/mu - 1 seconds a second. A
probe that timed out waiting is a lower bound, not a missing value. Failures alone begin nothing
(SEMANTICS §3.4).
"""

import math
from dataclasses import dataclass, replace
from statistics import median

from autoscaler.core.window import Sample, within
from autoscaler.core.words import FailureReason

QUEUE_RATIO = 5.0
"""TTFT above this multiple of the idle one is a queue (policy.md §5.1 E3) ..."""
QUEUE_SECONDS = 1.0
"""... and not below a second, where a long prompt of somebody else suffices."""
SHOWN_BY = 2
"""Successful probes in a row that show a queue, before it is called overload: one may be luck."""
LONGEST_SECONDS = 1800.0
"""Without a successful probe overload is believed this long, no longer."""
SLOPE_SECONDS = 300.0
"""Window of the slope: within 10 % over 300 s (policy.md §5.2)."""
SLOPE_ANSWERED = 20
"""Newest answers that enter: pairs grow with the square."""
SLOPE_WAITING = 5
"""Time-outs that enter, from either end: the first ones say how soon the deadline was passed, the
newest that the queue is still there.
"""
WAITING = frozenset({FailureReason.TIMEOUT_HEADERS, FailureReason.TIMEOUT_TTFT})
"""Failures that support an overload which successful probes have shown."""
REFUSED = frozenset({FailureReason.HTTP_429, FailureReason.HTTP_503})
"""Failures that neither begin nor end one."""
KEPT_PLATEAUS = 5
LEAST_WATCHED = 12
"""Probes without a queue from which their highest latency says something ..."""
LEAST_HIGH, HIGH_SHARE = 3, 0.08
"""... less so many of the highest, or this share where that is more: a pause is not a batch."""
FLOOR_SECONDS = 15.0
"""Shortest time since the last probe without a queue over which a wait makes a slope."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Overload:
    """The memory of queues."""

    streak: int = 0
    """Successful probes in a row that showed a queue."""
    shown_since: float | None = None
    """When the first of them was sent; None = no overload is shown."""
    supported_at: float = 0.0
    """When a successful probe last showed it."""
    good_before: float | None = None
    """When the last probe without a queue was sent: the queue began after that."""
    good_ttft: float = 0.0
    """Its TTFT, seconds: no more than that waited then."""
    itls: tuple[float, ...] = ()
    """ITLs of this spell's successful probes: its plateau."""
    plateaus: tuple[float, ...] = ()
    """Median ITL of past spells, seconds, oldest first: the batch is full there (E3)."""
    highest_itl: float | None = None
    """Highest ITL, seconds, that was seen without a queue since the last plateau (`watched`)."""
    load: float | None = None
    """Load that this spell's slope told last, replicas' worth; None = none yet."""
    backlog: float = 0.0
    """Work that waits by what the slope told, replica-seconds."""
    backlog_at: float | None = None
    """When `backlog` was last brought up to date; None = no load was told in this spell."""
    ended_at: float | None = None
    """When the last spell ended; None if none ended yet."""

    @property
    def is_suspected(self) -> bool:
        """True while the newest probe that tells showed a queue."""
        return self.streak > 0

    @property
    def is_shown(self) -> bool:
        """True while an overload counts as shown."""
        return self.shown_since is not None and self.streak >= SHOWN_BY


_Point = tuple[float, float, bool]
"""(instant of sending, wait in seconds, whether that is only a lower bound)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """Growth of TTFT, seconds per second, with the lower and upper end of its interval."""

    value: float
    low: float
    high: float


def queue_threshold(idle_ttft: float | None) -> float:
    """Seconds of TTFT from which a probe shows a queue."""
    return max(QUEUE_SECONDS, QUEUE_RATIO * (idle_ttft or 0.0))


def followed(
    overload: Overload, fresh: tuple[Sample, ...], *, threshold: float, now: float
) -> Overload:
    """Take in fresh samples in the order in which they ended."""
    for sample in sorted(fresh, key=lambda s: s.ended_at):
        overload = _with(overload, sample, threshold)
    waited_out = overload.shown_since is not None and (
        now - overload.supported_at >= LONGEST_SECONDS
    )
    return _ended(overload, now) if waited_out else overload


def _with(overload: Overload, sample: Sample, threshold: float) -> Overload:
    if sample.ok:
        if sample.ttft is None:
            return overload
        if sample.ttft < threshold:
            ended = _ended(overload, sample.ended_at)
            return replace(ended, good_before=sample.at, good_ttft=sample.ttft)
        itls = overload.itls if sample.itl is None else (*overload.itls, sample.itl)[-40:]
        return replace(
            overload,
            streak=overload.streak + 1,
            shown_since=overload.shown_since or sample.at,
            supported_at=sample.ended_at,
            itls=itls,
        )
    if sample.failure in WAITING:
        began = overload.shown_since is not None
        return replace(overload, streak=overload.streak + 1) if began else overload
    return overload if sample.failure in REFUSED else _ended(overload, sample.ended_at)


def _ended(overload: Overload, at: float) -> Overload:
    if overload.shown_since is None:
        return overload
    plateaus, highest = overload.plateaus, overload.highest_itl
    if overload.is_shown and len(overload.itls) >= 3:
        plateaus = (*plateaus, median(overload.itls))[-KEPT_PLATEAUS:]
        highest = None  # an older bound from below does not beat a plateau that was watched
    ended_at = at if overload.is_shown else overload.ended_at
    return replace(
        overload,
        streak=0,
        shown_since=None,
        itls=(),
        plateaus=plateaus,
        highest_itl=highest,
        load=None,
        backlog=0.0,
        backlog_at=None,
        ended_at=ended_at,
    )


def watched(overload: Overload, samples: tuple[Sample, ...]) -> Overload:
    """Take in the highest latency that replicas carried without a queue.

    Single probes see single replicas at single moments, so they reach further than the mean: a
    batch that was this slow and let a probe in at once was not full.
    """
    since = overload.ended_at or 0.0
    itls = sorted(s.itl for s in samples if s.itl is not None and s.ended_at > since)
    if len(itls) < LEAST_WATCHED:
        return overload
    highest = itls[-max(LEAST_HIGH, round(HIGH_SHARE * len(itls)))]
    if highest <= (overload.highest_itl or 0.0):
        return overload
    return replace(overload, highest_itl=highest)


def told(overload: Overload, load: float | None, *, replicas: int, at: float) -> Overload:
    """Take in the load that the slope told (None: nothing new), and let the backlog grow by it."""
    load = overload.load if load is None else load
    if load is None or overload.shown_since is None:
        return overload
    since = overload.shown_since if overload.backlog_at is None else overload.backlog_at
    backlog = max(0.0, overload.backlog + (load - replicas) * (at - since))
    return replace(overload, load=load, backlog=backlog, backlog_at=at)


def forgotten(overload: Overload) -> Overload:
    """Forget where the batch was full: the traffic's mix has changed, and with it its lengths."""
    return replace(overload, plateaus=(), highest_itl=None)


def plateau(overload: Overload) -> float | None:
    """ITL at which the batch is full, seconds; None if no queue was ever watched."""
    spells = overload.plateaus
    if overload.is_shown and len(overload.itls) >= 3:
        spells = (*spells, median(overload.itls))
    return median(spells) if spells else None


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
    if same_count and len(known) == 1 and floor > 0.0:
        least = max(floor, _by_onset(points[known[0] :], overload))
        return Slope(value=min(MOST_SLOPE, LIKELY_RATIO * least), low=least, high=MOST_SLOPE)
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


def _by_onset(points: list[_Point], overload: Overload) -> float:
    """Least slope by one answer and the time-outs after it: -1 where they say nothing.

    A queue that grows evenly from an unknown instant on and let the answer wait w at t lets a later
    probe wait the deadline only if it began late enough, and then it grew to w in the rest. Worked:
    10.5 s at 28 s, a time-out of 30 s at 45 s: begun after 19 s, so 1.15 s a second or more.
    """
    at, wait, _ = points[0]
    if overload.good_before is None:
        return -1.0
    at, wait = at - overload.good_before, wait - overload.good_ttft
    begun = 0.0
    for later, bound, _ in points[1:]:
        later, bound = later - overload.good_before, bound - overload.good_ttft
        if bound > wait:
            begun = max(begun, (bound * at - wait * later) / (bound - wait))
    return wait / max(LEAST_GROWTH_SECONDS, at - begun)


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

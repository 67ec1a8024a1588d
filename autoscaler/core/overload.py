"""Overload: what may be called one, how long it stays shown, and what it leaves behind.

Once users queue, inter-token latency stands still at its plateau, and that fixes the cap; how fast
the queue grows tells the load (slope.py). Failures alone begin nothing (SEMANTICS §3.4).
"""

from dataclasses import dataclass, replace
from statistics import median

from autoscaler.core.window import Sample
from autoscaler.core.words import FailureReason

QUEUE_RATIO = 5.0
"""TTFT above this multiple of the idle one is a queue (policy.md §5.1 E3) ..."""
QUEUE_SECONDS = 1.0
"""... and not below a second, where a long prompt of somebody else suffices."""
SHOWN_BY = 2
"""Successful probes in a row that show a queue, before it is called overload: one may be luck."""
LONGEST_SECONDS = 1800.0
"""Without a successful probe overload is believed this long, no longer."""
WAITING = frozenset({FailureReason.TIMEOUT_HEADERS, FailureReason.TIMEOUT_TTFT})
"""Failures that support an overload which successful probes have shown."""
REFUSED = frozenset({FailureReason.HTTP_429, FailureReason.HTTP_503})
"""Failures that neither begin nor end one."""
LONE_BEFORE = 2
"""Time-outs in a row after a failure of another kind that make it one by itself, as a connection
lost on the way is, and the overload shown again. Until then nothing is asked for; a second such
failure before ends it. One lost probe in a hundred would else end half of the overloads that last
for twenty minutes, and leave the users in their queue.
"""
KEPT_PLATEAUS = 5
LEAST_WATCHED = 12
"""Probes without a queue from which their highest latency says something ..."""
LEAST_HIGH, HIGH_SHARE = 3, 0.08
"""... less so many of the highest, or this share where that is more: a pause is not a batch."""


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
    doubted: int | None = None
    """Time-outs since a failure of another kind; None = there was none, or it was one by itself."""
    itls: tuple[float, ...] = ()
    """ITLs of this spell's successful probes: its plateau."""
    plateaus: tuple[float, ...] = ()
    """Median ITL of past spells, seconds, oldest first: the batch is full there (E3)."""
    highest_itl: float | None = None
    """Highest ITL, seconds, that was seen without a queue since the last plateau (`watched`)."""
    load: float | None = None
    """Load that this spell's slope told last, replicas' worth; None = none yet."""
    asked: tuple[float, float] | None = None
    """Instant and load of the last ask in this spell; None = none yet."""
    backlog: float = 0.0
    """Work that waits by what the slope told, replica-seconds; below 0, what could have been done
    besides since it ought to be gone.
    """
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
        return self.was_shown and self.doubted is None

    @property
    def ends_at(self) -> float | None:
        """Instant at which it ends if no probe succeeds; None = none is shown."""
        return None if self.shown_since is None else self.supported_at + LONGEST_SECONDS

    @property
    def was_shown(self) -> bool:
        """The same, whatever failed since."""
        return self.shown_since is not None and self.streak >= SHOWN_BY


def queue_threshold(idle_ttft: float | None) -> float:
    """Seconds of TTFT from which a probe shows a queue."""
    return max(QUEUE_SECONDS, QUEUE_RATIO * (idle_ttft or 0.0))


def followed(
    overload: Overload, fresh: tuple[Sample, ...], *, threshold: float, now: float
) -> Overload:
    """Take in fresh samples in the order in which they ended."""
    for sample in sorted(fresh, key=lambda s: s.ended_at):
        overload = _with(overload, sample, threshold)
    ends_at = overload.ends_at
    return _ended(overload, now) if ends_at is not None and now >= ends_at else overload


def _with(overload: Overload, sample: Sample, threshold: float) -> Overload:
    if sample.ok:
        return _answered(overload, sample, threshold)
    if sample.failure in WAITING:
        return overload if overload.shown_since is None else _waited(overload)
    if sample.failure in REFUSED:
        return overload
    return replace(overload, doubted=0) if overload.is_shown else _ended(overload, sample.ended_at)


def _answered(overload: Overload, sample: Sample, threshold: float) -> Overload:
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
        doubted=None,
        itls=itls,
    )


def _waited(overload: Overload) -> Overload:
    """One more probe that waited in vain; two of them make a failure before them one by itself."""
    late = None if overload.doubted is None else overload.doubted + 1
    alone = late is not None and late >= LONE_BEFORE
    return replace(overload, streak=overload.streak + 1, doubted=None if alone else late)


def _ended(overload: Overload, at: float) -> Overload:
    if overload.shown_since is None:
        return overload
    plateaus, highest = overload.plateaus, overload.highest_itl
    if overload.was_shown and len(overload.itls) >= 3:
        plateaus = (*plateaus, median(overload.itls))[-KEPT_PLATEAUS:]
        highest = None  # an older bound from below does not beat a plateau that was watched
    ended_at = at if overload.was_shown else overload.ended_at
    return replace(
        overload,
        streak=0,
        shown_since=None,
        doubted=None,
        itls=(),
        plateaus=plateaus,
        highest_itl=highest,
        load=None,
        asked=None,
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
    grown = (load - replicas) * (at - since)
    backlog = (max(0.0, overload.backlog) if grown > 0.0 else overload.backlog) + grown
    return replace(overload, load=load, backlog=backlog, backlog_at=at)


def piled_up(overload: Overload, load: float, *, at: float) -> Overload:
    """A load that was told has proved too small: what it has grown by since the last ask, evenly,
    has piled up unseen.
    """
    if overload.asked is None:
        return overload
    since, before = overload.asked
    more = 0.5 * max(0.0, load - before) * (at - since)
    return replace(overload, backlog=max(0.0, overload.backlog) + more)


def forgotten(overload: Overload) -> Overload:
    """Forget where the batch was full: the traffic's mix has changed, and with it its lengths."""
    return replace(overload, plateaus=(), highest_itl=None)


def plateau(overload: Overload) -> float | None:
    """ITL at which the batch is full, seconds; None if no queue was ever watched."""
    spells = overload.plateaus
    if overload.is_shown and len(overload.itls) >= 3:
        spells = (*spells, median(overload.itls))
    return median(spells) if spells else None

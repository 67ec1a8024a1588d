"""Hearing the other users in a probe's own stream (estimator E8, real-engines.md §7.1-2, §8b).

Every prompt that joins the batch makes one iteration slow, and a probe's token gaps show it.
Counting such gaps gives other users' arrivals, from outside and without any calibration:

    q = slow gaps / gaps,  arrivals a second = -ln(1 - q) / mean gap

The logarithm counts several prompts that join in one iteration. What is slow is learned per
deployment: its gaps make two hills, jitter and prompts, and the valley between them parts the two
(excess.py); a young ear says nothing before that shows. The first gap of a probe is left out
(prompts that arrive during its own prefill land there), and a read that carries several tokens is
one event at most. What a stream cannot carry is refused with a reason, never guessed.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from autoscaler.core.excess import FADE, Histogram, added, middle, quantile, valley, weight
from autoscaler.core.model import ProbeResult

LEAST_READS = 6
"""Distinct reads below which a stream is a buffer's, not the engine's (real-engines.md §8b.3)."""
ONE_READ_SECONDS = 0.001
"""Reads closer than this came as one."""
JITTER_SHARE = 0.99
"""Quantile of the jitter below which nothing counts as slow. A late read is followed by an early
one, so how much gaps fall short in quiet streams tells the jitter of engine and network ...
"""
JITTER_MARGIN = 1.5
"""... with head-room: a quantile of few gaps, and late reads have the longer tail."""
QUIET_RATIO = 1.1
"""Jitter is learned from streams whose iterations are within a tenth of the fastest known: in a
busy one the batch itself changes from iteration to iteration.
"""
EVENT_SHARE = 0.2
"""Threshold at least, in units of the middle slow gap's excess: a prompt that is computed in parts
leaves remainders of any size, and they fill the valley's far side.
"""
LEAST_RATIO = 0.15
"""Smallest threshold in units of an iteration: less is jitter wherever it was looked at."""
PRIOR_RATIO = 0.5
"""Gaps longer by this share of an iteration do not count as ordinary ones in a young ear."""
YOUNG = 2000.0
"""Gaps (weight) after which an ear that found no valley says what it can: one of no prompts at all,
or of prompts as short as the jitter.
"""
UNTOLD = "it has not yet told prompts from jitter"
LEAST_LEARNED = 40.0
"""Gaps (weight) from which a quantile is believed."""
QUIET_SLOW_SHARE = 0.1
"""Slow gaps in a stream up to which two in a row are one prompt rather than two."""
SPAN_PRIOR = 20.0
"""Slow gaps that are taken not to go on, before any were seen."""
MOST_SPAN = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one stream told of other users' prompts; sums, so that streams pool."""

    slow: int
    """Slow gaps."""
    gaps: int
    seconds: float
    """Of all gaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """How often a slow gap follows another in quiet streams; weights that fade."""

    slow: float = 0.0
    """Slow gaps that have a successor."""
    again: float = 0.0
    """Those whose successor is slow as well."""
    chance: float = 0.0
    """Those whose successor would be slow by chance: the sum of their streams' slow shares."""

    @property
    def share(self) -> float:
        """Share of slow gaps that go on with a prompt that a gap before began, 0..1."""
        beyond = max(0.0, self.again - self.chance)
        return min(MOST_SPAN, beyond / (self.slow + SPAN_PRIOR))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ear:
    """What was learned of one deployment's streams."""

    base: float | None = None
    """Fastest iteration known, seconds; rises slowly. None before the first stream."""
    every: Histogram = ()
    """The excess of gaps over an ordinary iteration."""
    jitter: Histogram = ()
    """How much gaps fall short of one."""
    limit: float | None = None
    """Excess from which a gap counts as slow in an idle stream, seconds; None = young."""
    stands_out: bool = False
    """True once a valley was seen. Its limit holds while none shows: at night nobody asks, and what
    is forgotten then is the prompts, not what they sound like.
    """
    spans: Spans = Spans()
    refused: str = ""
    """Why the newest stream could not carry arrivals; empty if it could."""


def prompts(heard: Heard, spans: Spans) -> float:
    """Prompts behind the slow gaps: several may join in one gap, one may span several."""
    if heard.gaps <= 0:
        return 0.0
    share = min(heard.slow / heard.gaps, 1.0 - 0.5 / heard.gaps)
    return -math.log(1.0 - share) * heard.gaps * (1.0 - spans.share)


def pooled(streams: Iterable[Heard | None]) -> Heard:
    """Add streams up; those that could not be heard are left out."""
    heard = [one for one in streams if one is not None]
    return Heard(
        slow=sum(one.slow for one in heard),
        gaps=sum(one.gaps for one in heard),
        seconds=sum(one.seconds for one in heard),
    )


def threshold(ear: Ear, base: float) -> float:
    """Excess from which a gap counts as slow in a stream of this iteration, seconds."""
    if ear.limit is None:
        return PRIOR_RATIO * base
    return max(LEAST_RATIO * base, ear.limit)


def sensitivity(ear: Ear) -> float:
    """Return the threshold in an idle stream, seconds; 0 while the ear is young."""
    return ear.limit or 0.0


def is_faint(ear: Ear) -> bool:
    """True if slow gaps do not stand out of the jitter: then only the longest prompts are heard.

    The threshold is the jitter's, not the prompts', so short ones are lost below it. And where
    many arrive, several that join in one iteration rise above it together: what is heard grows
    faster than the load does.
    """
    return ear.limit is not None and not ear.stands_out


def listened(ear: Ear, probe: ProbeResult) -> tuple[Ear, Heard | None]:
    """Listen to one successful probe; returns what was learned and what was heard, or None."""
    if not probe.times_trusted:
        because = probe.times_refused_because or "its stream carries no usable times"
        return _refusing(ear, because), None
    gaps = gaps_of(probe.token_times)
    if len(gaps) < LEAST_READS - 1:
        return _refusing(ear, f"its stream came in {len(gaps) + 1} reads, 6 are wanted"), None
    base = base_of(gaps, threshold(ear, ear.base or median(dt / k for dt, k in gaps)))
    excess, seconds = [dt - k * base for dt, k in gaps], [dt for dt, _ in gaps]
    learned = _learned(ear, excess, base=base)
    if ear.limit is None:
        return _refusing(learned, UNTOLD if learned.limit is None else ""), None
    limit = threshold(ear, base)
    slow = [value > limit for value in excess]
    heard = Heard(slow=sum(slow), gaps=len(gaps), seconds=sum(seconds))
    return replace(learned, spans=_spanned(ear.spans, slow, seconds), refused=""), heard


def _refusing(ear: Ear, because: str) -> Ear:
    return ear if ear.refused == because else replace(ear, refused=because)


def gaps_of(times: tuple[tuple[float, int], ...]) -> list[tuple[float, int]]:
    """Return (seconds, tokens) between distinct reads, without the first gap."""
    reads: list[tuple[float, int]] = []
    for at, tokens in times:
        if reads and at - reads[-1][0] < ONE_READ_SECONDS:
            reads[-1] = (reads[-1][0], tokens)
        else:
            reads.append((at, tokens))
    return [
        (later - at, more - tokens)
        for (at, tokens), (later, more) in pairwise(reads[1:])
        if more > tokens
    ]


def base_of(gaps: list[tuple[float, int]], limit: float) -> float:
    """Seconds of an ordinary iteration: the median of the gaps that are not slow, in 4 rounds."""
    each = sorted([dt / k for dt, k in gaps])
    base = _median(each, len(each))
    for _ in range(4):
        again = _median(each, bisect_left(each, base + limit) or len(each))
        if again == base:
            break
        base = again
    return base


def _median(ordered: list[float], count: int) -> float:
    """Median of the first `count`."""
    half, odd = divmod(count, 2)
    return ordered[half] if odd else (ordered[half - 1] + ordered[half]) / 2.0


def _learned(ear: Ear, excess: list[float], *, base: float) -> Ear:
    lowest = base if ear.base is None else min(base, ear.base * 1.0005)
    jitter = ear.jitter
    if base <= QUIET_RATIO * lowest:
        jitter = added(jitter, [-value for value in excess if value < 0.0])
    every = added(ear.every, excess)
    limit, stands_out = _limit(ear, every, jitter, lowest)
    return replace(ear, base=lowest, every=every, jitter=jitter, limit=limit, stands_out=stands_out)


def _limit(ear: Ear, every: Histogram, jitter: Histogram, base: float) -> tuple[float | None, bool]:
    """Return the limit by all that was heard so far, and whether prompts stand out."""
    if weight(jitter) < LEAST_LEARNED:
        return ear.limit, ear.stands_out
    floor = max(LEAST_RATIO * base, JITTER_MARGIN * quantile(jitter, JITTER_SHARE))
    bottom = valley(every, floor)
    if bottom is not None:
        return max(bottom, EVENT_SHARE * middle(every, bottom)), True
    if ear.stands_out or weight(every) < YOUNG:
        return ear.limit, ear.stands_out
    return floor, False


def _spanned(old: Spans, slow: list[bool], seconds: list[float]) -> Spans:
    """Count slow gaps that follow slow ones, and how many would by chance.

    By chance: other prompts arrive while a slow gap lasts, and a long one gathers many of them.
    """
    if sum(slow) > QUIET_SLOW_SHARE * len(slow):
        return old  # in a busy stream one slow gap follows another by chance
    followed = [index for index in range(len(slow) - 1) if slow[index]]
    again = sum(slow[index + 1] for index in followed)
    rate = max(0, sum(slow) - 1) / sum(seconds)
    return Spans(
        slow=old.slow * FADE + len(followed),
        again=old.again * FADE + again,
        chance=old.chance * FADE + sum(-math.expm1(-rate * seconds[index]) for index in followed),
    )

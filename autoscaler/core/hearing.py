"""Hearing the other users in a probe's own stream (estimator E8, real-engines.md §7.1-2, §8b).

Every prompt that joins the batch makes one iteration slow, and a probe's token gaps show it.
Counting such gaps gives other users' arrivals, from outside and without any calibration:

    q = slow gaps / gaps,  arrivals a second = -ln(1 - q) / mean gap - rate that jitter alone gives

The logarithm counts several prompts that join in one iteration. What is slow is learned per
deployment: a late read is followed by an early one, so how much gaps fall short tells the jitter of
engine and network without a look at idle streams, which a busy deployment has none of. The first gap of a probe is left
out (prompts that arrive during its own prefill land there), and a read that carries several tokens
is one event at most. What a stream cannot carry is refused with a reason, never guessed.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from autoscaler.core.model import ProbeResult

LEAST_READS = 6
"""Distinct reads below which a stream is a buffer's, not the engine's (real-engines.md §8b.3)."""
ONE_READ_SECONDS = 0.001
"""Reads closer than this came as one."""
BIN_RATIO = 1.2
SMALLEST = 1e-4
"""Excess at which bin 0 begins, seconds; below it nothing is heard."""
_LOG_BIN = math.log(BIN_RATIO)
FADE = 0.995
"""Weight left of older streams at each new one: about 200 streams are remembered."""
JITTER_SHARE = 0.99
"""Quantile of the jitter below which nothing counts as slow ..."""
JITTER_MARGIN = 1.5
"""... with head-room: a quantile of few gaps, and late reads have the longer tail."""
QUIET_RATIO = 1.1
"""Jitter is learned from streams whose iterations are within a tenth of the fastest known: in a
busy one the batch itself changes from iteration to iteration.
"""
EVENT_SHARE = 0.25
"""Threshold in units of a typical slow gap's excess: a quarter of a typical prompt's prefill."""
LEAST_RATIO = 0.15
"""Smallest threshold in units of an iteration: less is jitter wherever it was looked at."""
PRIOR_RATIO = 0.5
"""Threshold in units of an iteration before anything was learned."""
LEAST_LEARNED = 40.0
"""Gaps (weight) from which a quantile is believed."""
SPAN_RATIO = 2.0
"""Prompts span iterations if a slow gap follows a slow one at more than this multiple of chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one stream told of other users' prompts; sums, so that streams pool."""

    starts: int
    """Slow iterations that begin a run: one per prompt, however many iterations it spans."""
    at_risk: int
    """Gaps in which a run could have begun."""
    seconds: float
    """Seconds of iterations during which such a prompt would have arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """How often a slow gap follows a fast one and a slow one; weights that fade."""

    fast_gaps: float = 0.0
    fast_slow: float = 0.0
    fast_seconds: float = 0.0
    slow_gaps: float = 0.0
    slow_slow: float = 0.0
    slow_seconds: float = 0.0

    @property
    def spans(self) -> bool:
        """True if one prompt makes several iterations in a row slow."""
        if self.slow_gaps < LEAST_LEARNED or self.fast_slow < 1.0:
            return False
        after_fast = hazard(self.fast_slow, self.fast_gaps, self.fast_seconds)
        after_slow = hazard(self.slow_slow, self.slow_gaps, self.slow_seconds)
        return after_slow > SPAN_RATIO * after_fast


@dataclass(frozen=True, slots=True, kw_only=True)
class Ear:
    """What was learned of one deployment's streams."""

    base: float | None = None
    """Fastest iteration known, seconds; rises slowly. None before the first stream."""
    every: tuple[tuple[int, float], ...] = ()
    """Histogram of the excess of gaps over an ordinary iteration: (bin, weight); bin -1 is none."""
    jitter: tuple[tuple[int, float], ...] = ()
    """The same of how much gaps fall short."""
    chances: Chances = Chances()
    refused: str = ""
    """Why the newest stream could not carry arrivals; empty if it could."""


def hazard(starts: float, at_risk: float, seconds: float) -> float:
    """Arrivals a second from pooled sums; 0 where nothing was at risk."""
    if at_risk <= 0.0 or seconds <= 0.0:
        return 0.0
    share = min(starts / at_risk, 1.0 - 0.5 / max(1.0, at_risk))
    return -math.log(1.0 - share) * at_risk / seconds


def threshold(ear: Ear, base: float) -> float:
    """Excess from which a gap counts as slow, seconds."""
    floor = LEAST_RATIO * base
    if _weight(ear.jitter) < LEAST_LEARNED:
        return PRIOR_RATIO * base
    floor = max(floor, JITTER_MARGIN * _quantile(ear.jitter, JITTER_SHARE))
    found = floor
    for _ in range(2):
        typical = _median_above(ear.every, found)
        found = floor if typical is None else max(floor, EVENT_SHARE * typical)
    return found


def jitter_rate(ear: Ear, base: float) -> float:
    """Slow gaps a second that jitter alone gives: as many as fall short by as much."""
    weight = _weight(ear.every)
    if weight < LEAST_LEARNED:
        return 0.0
    limit = threshold(ear, base)
    short = sum(w for index, w in ear.jitter if _top(index) > limit)
    return short / weight / base


def listened(ear: Ear, probe: ProbeResult) -> tuple[Ear, Heard | None]:
    """Listen to one successful probe; returns what was learned and what was heard, or None."""
    if not probe.times_trusted:
        because = probe.times_refused_because or "its stream carries no usable times"
        return _refusing(ear, because), None
    gaps = gaps_of(probe.token_times)
    if len(gaps) < LEAST_READS - 1:
        return _refusing(ear, f"its stream came in {len(gaps) + 1} reads, 6 are wanted"), None
    base = base_of(gaps, threshold(ear, ear.base or median(dt / k for dt, k in gaps)))
    ear = _learned(ear, gaps, base)
    return ear, _counted(ear, gaps, base)


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
    each = sorted(dt / k for dt, k in gaps)
    base = median(each)
    for _ in range(4):
        kept = [value for value in each if value < base + limit] or each
        again = median(kept)
        if again == base:
            break
        base = again
    return base


def _counted(ear: Ear, gaps: list[tuple[float, int]], base: float) -> Heard:
    limit = threshold(ear, base)
    slow = [dt - k * base > limit for dt, k in gaps]
    if not ear.chances.spans:
        return Heard(starts=sum(slow), at_risk=len(gaps), seconds=sum(dt for dt, _ in gaps))
    risky = [index for index in range(1, len(gaps)) if not slow[index - 1]]
    return Heard(
        starts=sum(slow[index] for index in risky),
        at_risk=len(risky),
        seconds=sum(gaps[index - 1][0] for index in risky),
    )


def _learned(ear: Ear, gaps: list[tuple[float, int]], base: float) -> Ear:
    lowest = base if ear.base is None else min(base, ear.base * 1.0005)
    excess = [dt - k * base for dt, k in gaps]
    limit = threshold(ear, base)
    return replace(
        ear,
        base=lowest,
        every=_added(ear.every, excess),
        jitter=_added(ear.jitter, [-value for value in excess if value < 0.0])
        if base <= QUIET_RATIO * lowest
        else ear.jitter,
        chances=_chanced(ear.chances, gaps, [value > limit for value in excess]),
        refused="",
    )


def _chanced(old: Chances, gaps: list[tuple[float, int]], slow: list[bool]) -> Chances:
    sums = [0.0] * 6
    for index in range(1, len(gaps)):
        at = 3 if slow[index - 1] else 0
        sums[at] += 1.0
        sums[at + 1] += slow[index]
        sums[at + 2] += gaps[index - 1][0]
    return Chances(
        fast_gaps=old.fast_gaps * FADE + sums[0],
        fast_slow=old.fast_slow * FADE + sums[1],
        fast_seconds=old.fast_seconds * FADE + sums[2],
        slow_gaps=old.slow_gaps * FADE + sums[3],
        slow_slow=old.slow_slow * FADE + sums[4],
        slow_seconds=old.slow_seconds * FADE + sums[5],
    )


_Histogram = tuple[tuple[int, float], ...]


def _added(histogram: _Histogram, values: list[float]) -> _Histogram:
    weights = {index: weight * FADE for index, weight in histogram if weight > 1e-3}
    for value in values:
        index = int(math.log(value / SMALLEST) / _LOG_BIN) if value > SMALLEST else -1
        weights[index] = weights.get(index, 0.0) + 1.0
    return tuple(sorted(weights.items()))


def _weight(histogram: _Histogram) -> float:
    return sum(weight for _, weight in histogram)


def _top(index: int) -> float:
    return SMALLEST * math.exp((index + 1) * _LOG_BIN)


def _quantile(histogram: _Histogram, share: float) -> float:
    wanted = share * _weight(histogram)
    for index, weight in histogram:
        wanted -= weight
        if wanted <= 0.0:
            return _top(index)
    return _top(histogram[-1][0])


def _median_above(histogram: _Histogram, limit: float) -> float | None:
    above = tuple(entry for entry in histogram if _top(entry[0]) > limit)
    return _quantile(above, 0.5) if above else None

"""A deployment's line learned from requests that its engine counted, in place of heard ones.

The same pairs, curve and drift as learning.py, fed by a better ear: every request, whatever its
length or how much of its prompt is cached, and exactly so many. It is kept beside the ear's own
line, because what is heard and what is counted are different scales, and either may fall silent.
"""

from dataclasses import dataclass, replace

from autoscaler.core.chunk import LEAST_SAMPLES, Chunk, noise_of
from autoscaler.core.counters import Counted, Counters, counted
from autoscaler.core.learned import Learning
from autoscaler.core.learning import CHUNK_SECONDS, LONGEST_CHUNK_SECONDS, filled, taught
from autoscaler.core.window import Sample, within

LATENCY_SECONDS = 180.0
"""Longest time that one pair is the mean of."""
MINUTE_EVENTS = 12.0
"""Requests that a minute's pair is worth at most: many more are counted, but its latency is the
mean of some probes, and half of a minute may have had another load.
"""


def counting() -> Learning:
    """Return the empty memory."""
    return Learning(exact=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What the engine's counters and our probes say of one moment."""

    counters: Counters
    samples: tuple[Sample, ...]
    now: float
    suspected: bool
    """The newest probe saw a queue: what came now belongs to no latency."""
    full_since: float | None
    """Users were seen to wait since then, so what was served since is what full replicas serve;
    None = they are not.
    """

    def came(self, seconds: float) -> Counted | None:
        """Other users' requests of the last `seconds`; None where the counters are no evidence."""
        recent = within(self.samples, now=self.now, seconds=seconds)
        if not recent:
            return None
        return counted(
            self.counters,
            now=self.now,
            seconds=seconds,
            own_rate=len(recent) / seconds,
            replicas=max(1, recent[-1].replicas),
        )


def counted_lesson(learning: Learning, engine: Engine, *, given_alpha: float | None) -> Learning:
    """Teach one minute once it is over and was counted; else return what was."""
    since, now = learning.chunk_from, engine.now
    if now - since < CHUNK_SECONDS:
        return learning
    if engine.suspected:
        return _filled(learning, engine)
    seconds = min(now - since, LATENCY_SECONDS)
    recent = [s for s in within(engine.samples, now=now, seconds=seconds) if s.itl is not None]
    came = engine.came(seconds)
    if came is None or len(recent) < LEAST_SAMPLES or len({s.replicas for s in recent}) > 1:
        return (
            learning if now - since < LONGEST_CHUNK_SECONDS else replace(learning, chunk_from=now)
        )
    itls = [sample.itl for sample in recent if sample.itl is not None]
    chunk = _chunk(itls, came, recent[-1].replicas)
    return taught(learning, chunk, now=now, given_alpha=given_alpha)


def _filled(learning: Learning, engine: Engine) -> Learning:
    """Take in what was served in a minute all of which users had to wait; wait for it to be one."""
    if engine.full_since is None:
        return replace(learning, chunk_from=engine.now)
    seconds = engine.now - max(learning.chunk_from, engine.full_since)
    came = engine.came(seconds) if CHUNK_SECONDS <= seconds <= LONGEST_CHUNK_SECONDS else None
    if came is not None:
        return filled(learning, events=came.served, seconds=came.seconds, now=engine.now)
    return learning if seconds < LONGEST_CHUNK_SECONDS else replace(learning, chunk_from=engine.now)


def _chunk(itls: list[float], came: Counted, replicas: int) -> Chunk:
    return Chunk(
        itl=sum(itls) / len(itls),
        prompts=came.events,
        seconds=came.seconds,
        noise=noise_of(itls),
        replicas=replicas,
        weight=min(1.0, MINUTE_EVENTS / max(1.0, came.events)),
    )

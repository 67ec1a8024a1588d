"""What a deployment teaches about itself, minute by minute: its ear, its line, its pairs.

Samples of a minute at one count make a chunk; a chunk teaches the line (curve.py) and is put down
as a pair (pairs.py). Everything is bounded and is part of the State.
"""

from dataclasses import dataclass, field, replace

from autoscaler.core.curve import CHUNK_SECONDS, Chunk, Curve, chunk_of, prompts, taught
from autoscaler.core.hearing import Ear
from autoscaler.core.pairs import Pairs, Rates, faded, is_audible, paired, rates_of
from autoscaler.core.window import Sample


def _plain(ratio: float) -> float:
    return 1.0 - 1.0 / ratio


PLAIN = rates_of(Pairs(), _plain)
"""E1's own line, in units of its own: what is used where nothing is heard."""
LONGEST_CHUNK_SECONDS = 180.0
"""A chunk that did not fill by then is given up: the load was another one at its beginning."""
CHANGED = 3
"""Surprising chunks in a row after which the mix counts as changed."""
FORGOTTEN_SHARE = 0.2
"""Weight left of the old mix's pairs."""
SURE_SIGMA = 0.15
"""Deviation of ln alpha from which the line's alpha is used at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """The memory of what was learned."""

    ear: Ear = field(default_factory=Ear)
    curve: Curve = field(default_factory=Curve)
    pairs: Pairs = field(default_factory=Pairs)
    chunk_from: float = 0.0
    """Instant from which samples wait for the next chunk; 0 before the first."""

    audible: bool = False
    """True if what is heard follows the load."""
    rates: Rates = PLAIN
    """Arrivals per replica over latency, as learned; E1's own where nothing is heard."""

    @property
    def alpha(self) -> float | None:
        """Alpha by the line, seconds; None where the line does not fix it well enough to use."""
        if self.curve.alpha is None or self.curve.sigma(2) > SURE_SIGMA or not self.audible:
            return None
        return self.curve.alpha


def lesson(
    learning: Learning, samples: tuple[Sample, ...], *, now: float, alpha: float, queued: bool
) -> Learning:
    """Teach one chunk once a minute's samples are there; else return what was."""
    since = learning.chunk_from or now
    if now - since < CHUNK_SECONDS:
        return learning if learning.chunk_from else replace(learning, chunk_from=now)
    recent = tuple(sample for sample in samples if sample.ended_at > since and sample.ok)
    replicas = recent[-1].replicas if recent else 0
    chunk = chunk_of(tuple(sample for sample in recent if sample.replicas == replicas))
    if chunk is None:
        waited = now - since >= LONGEST_CHUNK_SECONDS
        return replace(learning, chunk_from=now) if waited else learning
    return _with_chunk(learning, chunk, now, alpha, queued=queued)


def _with_chunk(
    learning: Learning, chunk: Chunk, now: float, alpha: float, *, queued: bool
) -> Learning:
    curve = taught(learning.curve, chunk, at=now, saturated=queued)
    pairs = learning.pairs
    if curve.surprised >= CHANGED:
        pairs, curve = faded(pairs, FORGOTTEN_SHARE), replace(curve, surprised=0)
    if chunk.heard is not None:
        pairs = paired(
            pairs,
            itl_ratio=chunk.itl / alpha,
            events=prompts(chunk.heard),
            seconds=chunk.heard.seconds,
            at=now,
        )
    audible = is_audible(pairs)
    return replace(
        learning,
        curve=curve,
        pairs=pairs,
        chunk_from=now,
        audible=audible,
        rates=_known_rates(curve, pairs) if audible else PLAIN,
    )


def _known_rates(curve: Curve, pairs: Pairs) -> Rates:
    return rates_of(pairs, lambda ratio: curve.rate_at(1.0 - 1.0 / ratio)[0])

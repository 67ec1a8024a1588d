"""What a deployment teaches about itself, minute by minute: ear, pairs, line, drift.

Samples of a minute at one count make a chunk. A chunk is put down as a pair (pairs.py), the plain
line is fitted through the pairs now and then (curve.py), and in between one number follows how much
all latencies have drifted since. A chunk that is far off is a surprise: three in a row are another
mix of traffic, and the old pairs are forgotten. Everything is bounded and part of the State.
"""

import math
from dataclasses import replace

from autoscaler.core.chunk import Chunk, chunk_of
from autoscaler.core.curve import TRUSTED_SIGMA, Curve, fitted
from autoscaler.core.hearing import is_faint, sensitivity
from autoscaler.core.learned import PLAIN, Learning
from autoscaler.core.level import followed
from autoscaler.core.pairs import (
    Pairs,
    faded,
    is_audible,
    log_ratio_at,
    paired,
    rate_at,
    rates_of,
    reach,
    span,
)
from autoscaler.core.window import Sample

CHUNK_SECONDS = 60.0
"""One pair a minute: long enough to hear some prompts, short enough for one load."""
LONGEST_CHUNK_SECONDS = 180.0
"""A chunk that did not fill by then is given up: the load was another one at its beginning."""
MOST_SLOW = 0.5
"""Share of slow gaps above which single prompts are no longer told apart: each iteration of a full
replica computes a part of somebody's prompt.
"""
FULL_FADE = 0.9
"""Weight left of older such minutes at each new one."""
IDLE_SHARE = 0.1
"""A minute is idle if even the upper end of what was heard is below this share of the rate at three
times the idle latency.
"""
IDLE_EVENTS = 1.5
"""Arrivals added for that upper end."""
IDLE_RATIO = 1.1
"""... and only within a tenth of the lowest latency known ..."""
IDLE_SPAN = 2.0
"""... where latency has gone up to this multiple of it: another mix of traffic may be too quiet to
hear, and a fleet that follows its load is never idle. Silence alone is not idleness.
"""
IDLE_WEIGHT = 0.2
"""Weight of a new idle minute in the mean of them."""
FIT_SECONDS = 300.0
"""The line is fitted anew this often; the drift is followed at every chunk."""
DRIFT_FADE = 0.5 ** (1.0 / 60.0)
"""A minute's pull of the drift back to nothing: halved in an hour, while the pairs take over."""
DRIFT_SIGMA = 0.008
"""Random walk of the drift, per root of a minute: engines drifted by 25 % in half an hour."""
MOST_DRIFT = 0.7
"""Largest drift, as a logarithm: beyond a factor of 2 it is another engine."""
LATENCY_SIGMA = 0.03
"""Scatter of a chunk's ITL about the line, as a logarithm."""
FAINT_SIGMA = 0.15
"""The same where the ear is faint: what it misses changes with the load."""
SURPRISE = 9.0
"""Squared deviation, in variances, from which a chunk is not drift."""
CHANGED = 3
"""Surprises in a row from which the mix counts as changed."""
TRUSTED_SPAN = 1.25
"""How far latency must have gone for the line to fix alpha. At a constant load the scatter of
minutes gives a line as well, and it is none; but there what is heard does not follow it either.
"""
OTHER_EAR = 2.0
"""While nothing is audible: factor by which the ear's threshold moves until what was counted before
is void. A young ear counts mere jitter, and hundreds of such counts at the lowest latency would
outweigh days of true ones (two live llama-servers: 164 in two minutes that had 10 prompts).
"""
FORGOTTEN_EVENTS = 40.0
"""Arrivals that the old mix's pairs are worth from then on: enough to start from, soon outweighed.
"""


def lesson(
    learning: Learning,
    samples: tuple[Sample, ...],
    *,
    now: float,
    given_alpha: float | None = None,
    queueing: bool = False,
) -> Learning:
    """Teach one chunk once a minute's samples are there; else return what was.

    `given_alpha`: alpha by a person's word, seconds; the line is then fitted through it.
    `queueing`: users queue; there a faint ear hears far too much, and nothing is learned by it.
    """
    if queueing != learning.queueing:  # no minute may run across a queue's beginning or end
        return replace(learning, queueing=queueing, chunk_from=now)
    if now - learning.chunk_from < CHUNK_SECONDS:
        return learning
    if queueing and is_faint(learning.ear):
        return replace(learning, chunk_from=now)
    if _hears_otherwise(learning):
        return _begun_anew(learning, now)
    return _minute(learning, samples, now=now, given_alpha=given_alpha)


def _minute(
    learning: Learning, samples: tuple[Sample, ...], *, now: float, given_alpha: float | None
) -> Learning:
    since = learning.chunk_from
    recent = [sample for sample in samples if sample.ended_at > since and sample.ok]
    chunk = chunk_of(recent, learning.ear.spans)
    if chunk is None:
        waited = now - since >= LONGEST_CHUNK_SECONDS
        return replace(learning, chunk_from=now) if waited else learning
    if chunk.slow_share > MOST_SLOW:
        return filled(learning, events=chunk.prompts, seconds=chunk.seconds, now=now)
    return taught(learning, chunk, now=now, given_alpha=given_alpha)


def filled(learning: Learning, *, events: float, seconds: float, now: float) -> Learning:
    """Take in what full replicas served."""
    return replace(
        learning,
        chunk_from=now,
        full_prompts=learning.full_prompts * FULL_FADE + events,
        full_seconds=learning.full_seconds * FULL_FADE + seconds,
    )


def taught(learning: Learning, chunk: Chunk, *, now: float, given_alpha: float | None) -> Learning:
    """Put one chunk down as a pair, follow the drift by it, and fit the line when it is due."""
    learning = _drifted(replace(learning, chunk_from=now), chunk)
    level = followed(learning.level, chunk, drift=learning.drift, now=now)
    pairs = paired(
        learning.pairs,
        itl=chunk.itl * math.exp(-learning.drift) if learning.exact else math.exp(level.mean),
        events=chunk.prompts * chunk.weight,
        seconds=chunk.seconds * chunk.weight,
        at=now,
    )
    above = learning.counted_above or sensitivity(learning.ear)
    learning = _with_idle(learning, chunk, now)
    learning = replace(learning, pairs=pairs, level=level, counted_above=above)
    is_due = now - learning.fitted_at >= FIT_SECONDS
    return _fitted(learning, now, given_alpha) if is_due else learning


def _hears_otherwise(learning: Learning) -> bool:
    """True if what was counted so far was counted by quite another ear, and is not the load."""
    before, after = learning.counted_above, sensitivity(learning.ear)
    if learning.audible or before <= 0.0 or after <= 0.0:
        return False
    return not before / OTHER_EAR < after < before * OTHER_EAR


def _begun_anew(learning: Learning, now: float) -> Learning:
    return replace(
        learning,
        pairs=Pairs(),
        curve=None,
        full_prompts=0.0,
        full_seconds=0.0,
        fixes_alpha=False,
        counted_above=0.0,
        chunk_from=now,
    )


def _with_idle(learning: Learning, chunk: Chunk, now: float) -> Learning:
    if not learning.audible:
        return learning
    most = (chunk.prompts + IDLE_EVENTS) / chunk.seconds
    itl = chunk.itl * math.exp(-learning.drift)
    low, high = reach(learning.pairs)
    if itl > IDLE_RATIO * low or high < IDLE_SPAN * low:
        return learning
    if most > IDLE_SHARE * rate_at(learning.rates, math.log(3.0)):
        return learning
    if learning.idle_itl is not None:
        itl = learning.idle_itl + IDLE_WEIGHT * (itl - learning.idle_itl)
    return replace(learning, idle_itl=itl, idle_at=now)


def _fitted(learning: Learning, now: float, given_alpha: float | None) -> Learning:
    curve = fitted(learning.pairs, idle_itl=learning.idle_itl, given_alpha=given_alpha)
    audible = curve is not None and is_audible(learning.pairs)
    faint = audible and is_faint(learning.ear)
    rates = PLAIN
    if curve is not None and audible:
        rates = rates_of(Pairs() if faint else learning.pairs, curve.rate, curve.alpha)
    return replace(
        learning,
        curve=curve,
        audible=audible,
        fixes_alpha=audible and _fixes_alpha(learning, curve),
        faint=faint,
        rates=rates,
        fitted_at=now,
    )


def _fixes_alpha(learning: Learning, curve: Curve | None) -> bool:
    if curve is None or curve.alpha_sigma >= TRUSTED_SIGMA:
        return False
    return learning.fixes_alpha or span(learning.pairs) >= TRUSTED_SPAN


def _drifted(learning: Learning, chunk: Chunk) -> Learning:
    """Follow the drift: how far this minute's latency is off what its arrivals would give.

    At low load the line is flat and an error of the count does not matter; near full load it is
    steep, so such a chunk says little of drift.
    """
    curve = learning.curve
    if curve is None or not learning.audible:
        return learning
    rate = (chunk.prompts + 0.5) / chunk.seconds
    step = math.sqrt(chunk.prompts + 0.5) / (chunk.prompts + 0.5)
    high = log_ratio_at(learning.rates, rate * math.exp(step))
    low = log_ratio_at(learning.rates, rate * math.exp(-step))
    expected = 0.5 * (high + low)
    scatter = chunk.noise if learning.exact else 0.0  # else that of the count outweighs it
    own = FAINT_SIGMA if learning.faint else LATENCY_SIGMA
    noise = (0.5 * (high - low)) ** 2 + own**2 + scatter
    before = learning.drift * DRIFT_FADE
    gap = math.log(chunk.itl / curve.alpha) - before - expected
    spread = learning.drift_variance + DRIFT_SIGMA**2
    if gap * gap > SURPRISE * (spread + noise):
        return _surprised(learning)
    if learning.faint:  # the line went through the same counts, and would follow its own error
        return replace(learning, drift=before, surprises=0)
    gain = spread / (spread + noise)
    drift = max(-MOST_DRIFT, min(MOST_DRIFT, before + gain * gap))
    return replace(learning, drift=drift, drift_variance=(1.0 - gain) * spread, surprises=0)


def _surprised(learning: Learning) -> Learning:
    if learning.surprises + 1 < CHANGED:
        return replace(learning, surprises=learning.surprises + 1)
    return replace(
        learning,
        pairs=faded(learning.pairs, FORGOTTEN_EVENTS),
        full_prompts=0.0,
        full_seconds=0.0,
        fixes_alpha=False,
        mixes=learning.mixes + 1,
        surprises=0,
        fitted_at=0.0,
    )

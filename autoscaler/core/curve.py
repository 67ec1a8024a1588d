"""Learning the deployment's own line from what is heard and how long iterations take.

The line is  1 - alpha/ITL = (arrivals per replica / nu) ** exponent: four unknowns, of which one,
the demand, moves all the time. An extended Kalman filter carries them with their covariance:

    u    ln(demand / nu), demand being all replicas' arrivals     moves fast
    v    ln nu, nu in requests a second per replica               moves with the traffic's mix
    a    ln alpha                                                 drifts
    e    ln exponent, prior 0 +- 0.35 (0.5 to 1.6 and a little more)

Each chunk of a minute is one observation of ITL and, where streams can be heard, one of arrivals.
What the issue asks for follows by itself: an idle hour fixes alpha, a change of the count (the
demand stays) fixes alpha and the exponent, pairs at different loads fix nu and the exponent, deaf
streams leave nu unknown and the rest as good as E1. Surprises widen what they call in question, so
that a new mix or engine is learned at the speed at which it shows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from autoscaler.core.hearing import Heard
from autoscaler.core.window import Sample

CHUNK_SECONDS = 60.0
"""One observation a minute: independent enough, and few enough to cost nothing."""
LEAST_SAMPLES = 3
"""Probes in a chunk below which it waits for more."""
PRIOR_SIGMA = (1.5, 1.5, 0.5, 0.45)
"""Standard deviations of u, v, a, e before anything was seen."""
PRIOR_RATE = 4.0
"""Requests a second at which a replica is guessed to be full: engines lie between 0.3 and 40."""
DRIFT_SIGMA = (0.25, 0.01, 0.006, 0.002)
"""Random walk of each, per square root of a minute."""
LEAST_SIGMA = (0.02, 0.03, 0.01, 0.05)
"""No unknown is believed to be known better: the line is a model."""
SURPRISE = 6.0
"""Squared surprise (one degree of freedom: 1.4 % by chance) that widens the demand."""
KNEE = 8.0
"""Sharpness with which 1 - alpha/ITL bends towards 1: the plain power below 0.8, smooth beyond."""
PROGRESSIVE = 3
"""Shares in which one latency is taken in: the line is far from straight near full load."""
TRUSTED_SIGMA = 0.06
"""Standard deviation of ln alpha at which the line fixes alpha."""
SATURATED_WEIGHT = 0.5
"""A prompt heard under a queue counts for less: there 15 to 35 % too many are heard on GPU steps."""
MODEL_VARIANCE = 0.02**2
"""Of the logarithm of an ITL: the line is a model, and engines breathe by a few per cent."""
_Vector: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One minute of probes at one count."""

    replicas: int
    itl: float
    """Mean, seconds."""
    itl_variance: float
    """Of the logarithm of the mean."""
    heard: Heard | None
    """Pooled over the streams; None where none could be heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The filter's state."""

    mean: _Vector | None = None
    """u, v, a, e; None before the first chunk."""
    covariance: tuple[_Vector, ...] = ()
    at: float = 0.0
    """Instant of the last chunk."""
    surprised: int = 0
    """Chunks in a row whose arrivals surprised the line: the mix has changed."""
    heard_chunks: int = 0
    """Chunks whose arrivals entered."""

    @property
    def alpha(self) -> float | None:
        """Idle ITL by the line, seconds; None before the first chunk."""
        return None if self.mean is None else math.exp(self.mean[2])

    @property
    def exponent(self) -> float:
        """Exponent of the line; 1 before anything was seen."""
        return 1.0 if self.mean is None else math.exp(self.mean[3])

    def sigma(self, index: int) -> float:
        """Standard deviation of one unknown."""
        if self.mean is None:
            return PRIOR_SIGMA[index]
        return math.sqrt(self.covariance[index][index])

    def rate_at(self, busy: float) -> tuple[float, float]:
        """Arrivals per replica at 1 - alpha/ITL = `busy`, and the deviation of its logarithm."""
        if self.mean is None:
            return 1.0, PRIOR_SIGMA[1]
        busy = min(0.99, max(1e-3, busy))
        log_busy = -math.log(busy**-KNEE - 1.0) / KNEE
        exponent = self.exponent
        lever = -log_busy / exponent
        cov = self.covariance
        variance = cov[1][1] + 2.0 * lever * cov[1][3] + lever * lever * cov[3][3]
        return math.exp(self.mean[1] + log_busy / exponent), math.sqrt(max(0.0, variance))


def chunk_of(samples: tuple[Sample, ...]) -> Chunk | None:
    """Pool samples of one count; None if they are too few."""
    itls = [sample.itl for sample in samples if sample.itl is not None]
    if len(itls) < LEAST_SAMPLES:
        return None
    mean = sum(itls) / len(itls)
    streams = [sample.heard for sample in samples if sample.heard is not None]
    heard = None
    if streams:
        heard = Heard(
            starts=sum(one.starts for one in streams),
            at_risk=sum(one.at_risk for one in streams),
            seconds=sum(one.seconds for one in streams),
        )
    spread = sum((itl - mean) ** 2 for itl in itls) / len(itls) + (0.05 * mean) ** 2
    variance = spread / (len(itls) * mean * mean) + MODEL_VARIANCE
    return Chunk(replicas=samples[-1].replicas, itl=mean, itl_variance=variance, heard=heard)


def taught(curve: Curve, chunk: Chunk, *, at: float, saturated: bool) -> Curve:
    """Take in one chunk. A saturated one is a pair like any other, of what is served; the count of
    arrivals is less sure there (real-engines.md §7.3).
    """
    if curve.mean is None:
        curve = _begun(chunk, at)
    minutes = min(60.0, max(0.0, at - curve.at) / 60.0)
    filtered = _Filter(curve)
    filtered.drift(minutes)
    if chunk.heard is not None:
        weight = SATURATED_WEIGHT if saturated else 1.0
        odd = filtered.see_arrivals(chunk, chunk.heard, weight, surprised=curve.surprised)
        curve = replace(
            curve,
            surprised=curve.surprised + 1 if odd else 0,
            heard_chunks=curve.heard_chunks + 1,
        )
    filtered.see_itl(chunk)
    return replace(curve, mean=filtered.mean_now(), covariance=filtered.covariance_now(), at=at)


def _begun(chunk: Chunk, at: float) -> Curve:
    """A third busy, as a guess with a wide margin."""
    mean = (math.log(0.3 * chunk.replicas), math.log(PRIOR_RATE), math.log(chunk.itl) - 0.35, 0.0)
    rows = [[0.0] * 4 for _ in range(4)]
    for index, sigma in enumerate(PRIOR_SIGMA):
        rows[index][index] = sigma * sigma
    return Curve(mean=mean, covariance=_frozen(rows), at=at)


def _frozen(rows: list[list[float]]) -> tuple[_Vector, ...]:
    return tuple((row[0], row[1], row[2], row[3]) for row in rows)


class _Filter:
    """Working copy of mean and covariance during one update."""

    def __init__(self, curve: Curve) -> None:
        assert curve.mean is not None, "a curve is begun before it is taught"
        self.mean = list(curve.mean)
        self.rows = [list(row) for row in curve.covariance]

    def drift(self, minutes: float) -> None:
        """Let a stretch of time pass."""
        for index, sigma in enumerate(DRIFT_SIGMA):
            wider = self.rows[index][index] + sigma * sigma * minutes
            self.rows[index][index] = min(wider, PRIOR_SIGMA[index] ** 2)
        self._settle()

    def see_itl(self, chunk: Chunk) -> None:
        """ln ITL = a - ln(1 - x),  x = exp(exponent x (u - ln N)), made linear at the mean."""
        gap, slope = _itl_gap(self.mean, chunk)
        if gap * gap > SURPRISE * (self._spread(slope) + chunk.itl_variance):
            self.rows[0][0] += 1.0  # the demand has jumped: let it
        noise = PROGRESSIVE * chunk.itl_variance
        for _ in range(PROGRESSIVE):  # in shares, each made linear where the last one ended
            gap, slope = _itl_gap(self.mean, chunk)
            column = self._column(slope)
            spread = _dot(slope, column) + noise
            self._correct(column, gap / spread, 1.0 / spread)

    def see_arrivals(self, chunk: Chunk, heard: Heard, weight: float, *, surprised: int) -> bool:
        """Poisson counts of rate exp(u + v) / N, exactly; true if they surprised the line."""
        counted, exposure = weight * prompts(heard), weight * heard.seconds / chunk.replicas
        column = self._column(_RATE)
        prior, before = self.mean[0] + self.mean[1], _dot(_RATE, column)
        expected = exposure * math.exp(min(20.0, prior))
        gap = 2.0 * (math.sqrt(counted + 0.375) - math.sqrt(expected + 0.375))
        odd = gap * gap > SURPRISE * (1.0 + expected * before)
        if odd:
            self.rows[0][0] += 1.0
            if surprised >= 2:
                self.rows[1][1] += 0.3  # thrice in a row is no luck: the mix has changed
            column = self._column(_RATE)
            before = _dot(_RATE, column)
        after = _poisson_mode(prior, before, counted=counted, exposure=exposure)
        variance = 1.0 / (1.0 / before + exposure * math.exp(after))
        self._correct(column, (after - prior) / before, (before - variance) / (before * before))
        return odd

    def _spread(self, slope: _Vector) -> float:
        return _dot(slope, self._column(slope))

    def _column(self, slope: _Vector) -> _Vector:
        rows = self.rows
        return (
            _dot(slope, rows[0]),
            _dot(slope, rows[1]),
            _dot(slope, rows[2]),
            _dot(slope, rows[3]),
        )

    def _correct(self, column: _Vector, shift: float, shrink: float) -> None:
        for i in range(4):
            self.mean[i] += max(-1.5, min(1.5, column[i] * shift))
            row, factor = self.rows[i], column[i] * shrink
            for j in range(4):
                row[j] -= factor * column[j]
        self._settle()

    def _settle(self) -> None:
        """Keep within what the model can mean."""
        for index, sigma in enumerate(LEAST_SIGMA):
            self.rows[index][index] = max(self.rows[index][index], sigma * sigma)
        self.mean[3] = max(math.log(0.4), min(math.log(2.2), self.mean[3]))
        self.mean[0] = max(-7.0, self.mean[0])

    def mean_now(self) -> _Vector:
        """The mean as plain data."""
        return (self.mean[0], self.mean[1], self.mean[2], self.mean[3])

    def covariance_now(self) -> tuple[_Vector, ...]:
        """The covariance as plain data."""
        return _frozen(self.rows)


_RATE: _Vector = (1.0, 1.0, 0.0, 0.0)
"""ln(arrivals per replica) = u + v - ln N."""


def _dot(one: _Vector, other: Sequence[float]) -> float:
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2] + one[3] * other[3]


def _itl_gap(mean: list[float], chunk: Chunk) -> tuple[float, _Vector]:
    u, _, a, e = mean
    exponent = math.exp(e)
    power = exponent * (u - math.log(chunk.replicas))
    bend = math.exp(min(40.0, KNEE * power))
    log_busy = power - math.log1p(bend) / KNEE  # = -ln(1 + exp(-KNEE x power)) / KNEE
    busy = min(1.0 - 1e-9, math.exp(log_busy))
    odds = busy / (1.0 - busy) / (1.0 + bend)
    gap = math.log(chunk.itl) - (a - math.log(1.0 - busy))
    return gap, (exponent * odds, 0.0, 1.0, odds * power)


def _poisson_mode(prior: float, variance: float, *, counted: float, exposure: float) -> float:
    """Mode of ln(rate) given a normal prior and a Poisson count, by Newton's method."""
    found = prior
    for _ in range(12):
        expected = exposure * math.exp(min(20.0, found))
        slope = counted - expected - (found - prior) / variance
        step = slope / (expected + 1.0 / variance)
        found += max(-1.0, min(1.0, step))
        if abs(step) < 1e-9:
            break
    return found


def prompts(heard: Heard) -> float:
    """Prompts behind the slow gaps counted."""
    if heard.at_risk <= 0:
        return 0.0
    share = min(heard.starts / heard.at_risk, 1.0 - 0.5 / heard.at_risk)
    return -math.log(1.0 - share) * heard.at_risk

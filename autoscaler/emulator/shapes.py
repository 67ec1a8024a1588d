"""How many requests a second come, and how long they are: shapes and distributions, as data.

One flat record for all shapes and one for all distributions, so that a scenario file names a kind
and the figures that this kind takes. Evaluated on numpy arrays; lengths draw from a given
generator.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

DAY_SECONDS = 86400.0
Z95 = 1.6448536269514722
"""95 % quantile of the standard normal distribution."""


class BadWorkload(ValueError):
    """A workload that makes no sense; the text says which field and what is allowed."""


class ShapeKind(StrEnum):
    """Course of the rate over time, t counted from the begin of the workload."""

    CONSTANT = "constant"
    """`low` throughout."""
    DAY = "day"
    """A raised cosine from `low` to `high` with `period_seconds`, highest at `start_seconds`."""
    RAMP = "ramp"
    """`low`, then linearly to `high` from `start_seconds` on for `length_seconds`, then `high`."""
    STEP = "step"
    """`low`, and `high` from `start_seconds` on."""
    SPIKE = "spike"
    """`low`, but `high` from `start_seconds` for `length_seconds`, its flanks `rise_seconds` each;
    once, or with every `period_seconds` that is given."""
    SAWTOOTH = "sawtooth"
    """Linearly from `low` to `high` within `period_seconds`, then down at once, for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Requests a second over time. Fields that its kind does not name are ignored."""

    kind: ShapeKind = ShapeKind.CONSTANT
    low: float = 1.0
    """Requests a second."""
    high: float = 1.0
    """Requests a second."""
    start_seconds: float = 0.0
    """When a ramp, step or spike begins, since the emulator did."""
    length_seconds: float = 60.0
    """Of a ramp, or of a spike at `high`."""
    rise_seconds: float = 0.0
    """Of each flank of a spike."""
    period_seconds: float | None = None
    """None: a day, or for a spike: once."""
    sharpness: float = 1.0
    """Power of a day's raised cosine: above 1 the peak is narrower."""

    def __post_init__(self) -> None:
        sizes = (self.low, self.high, self.length_seconds, self.rise_seconds, self.sharpness)
        if not all(0.0 <= size < math.inf for size in sizes):
            raise BadWorkload(
                f"shape {self.kind}: low, high, length_seconds, rise_seconds and sharpness must be "
                "finite and not negative"
            )
        if self.period_seconds is not None and not 0.0 < self.period_seconds < math.inf:
            raise BadWorkload(f"shape {self.kind}: period_seconds must be finite and above 0")

    def rate(self, seconds: Floats) -> Floats:
        """Return requests a second at these instants."""
        return self.low + (self.high - self.low) * self._share(seconds)

    def _share(self, seconds: Floats) -> Floats:
        """How much of the way from low to high, 0..1."""
        since = seconds - self.start_seconds
        period = self.period_seconds or DAY_SECONDS
        match self.kind:
            case ShapeKind.CONSTANT:
                return np.zeros_like(seconds)
            case ShapeKind.DAY:
                cosine: Floats = 0.5 + 0.5 * np.cos(2 * np.pi * since / period)
                return np.power(cosine, self.sharpness)
            case ShapeKind.RAMP:
                return np.clip(since / max(self.length_seconds, 1e-9), 0.0, 1.0)
            case ShapeKind.STEP:
                return np.asarray(since >= 0.0, dtype=np.float64)
            case ShapeKind.SPIKE:
                return self._spike(since)
            case ShapeKind.SAWTOOTH:
                return np.mod(since, period) / period

    def _spike(self, since: Floats) -> Floats:
        if self.period_seconds is not None:
            before = self.rise_seconds
            since = np.mod(since + before, self.period_seconds) - before
        rise = max(self.rise_seconds, 1e-9)
        up = np.clip(1.0 + since / rise, 0.0, 1.0)
        down = np.clip(1.0 - (since - self.length_seconds) / rise, 0.0, 1.0)
        return np.minimum(up, down)

    def silent_after(self) -> float:
        """Seconds after which no request comes any more; infinite if some always do."""
        if self.low == 0.0 and (self.high == 0.0 or self.kind is ShapeKind.CONSTANT):
            return 0.0
        if self.kind is ShapeKind.RAMP and self.high == 0.0:
            return self.start_seconds + self.length_seconds
        if self.kind is ShapeKind.STEP and self.high == 0.0:
            return self.start_seconds
        if self.kind is ShapeKind.SPIKE and self.low == 0.0 and self.period_seconds is None:
            return self.start_seconds + self.length_seconds + self.rise_seconds
        return math.inf


class LengthKind(StrEnum):
    """Distribution of a number of tokens."""

    FIXED = "fixed"
    """Always `typical`."""
    LOGNORMAL = "lognormal"
    """Median `typical`, 95 % quantile `p95`."""
    EXPONENTIAL = "exponential"
    """Mean `typical`."""
    QUANTILES = "quantiles"
    """`points` of (share, tokens), between them linear in the logarithm of the tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Distribution of prompt or output tokens, rounded, and cut to [shortest, longest]."""

    kind: LengthKind = LengthKind.LOGNORMAL
    typical: float = 200.0
    """Tokens."""
    p95: float = 800.0
    """Tokens."""
    points: tuple[tuple[float, float], ...] = ()
    """From share 0 or more, ascending; below the first and above the last, their tokens hold."""
    shortest: int = 1
    longest: int = 100_000

    def __post_init__(self) -> None:
        if not 1 <= self.shortest <= self.longest:
            raise BadWorkload("lengths: shortest must be at least 1 and longest not below it")
        if self.kind is LengthKind.QUANTILES:
            self._check_points()
        elif not 0.0 < self.typical < math.inf:
            raise BadWorkload("lengths: typical must be finite and above 0")
        if self.kind is LengthKind.LOGNORMAL and not self.typical <= self.p95 < math.inf:
            raise BadWorkload("lengths: p95 must not be below typical, which is the median")

    def _check_points(self) -> None:
        shares = [share for share, _ in self.points]
        tokens = [count for _, count in self.points]
        if (
            not shares
            or sorted(set(shares)) != shares
            or sorted(tokens) != tokens
            or shares[0] < 0.0
            or shares[-1] > 1.0
            or tokens[0] <= 0.0
        ):
            raise BadWorkload(
                "lengths: points must be pairs (share, tokens), shares ascending in 0..1, tokens "
                "above 0 and not descending"
            )

    def draw(self, count: int, lots: np.random.Generator) -> Counts:
        """Return so many lengths."""
        tokens = np.clip(np.rint(self._draw(count, lots)), self.shortest, self.longest)
        return tokens.astype(np.int64)

    def _draw(self, count: int, lots: np.random.Generator) -> Floats:
        match self.kind:
            case LengthKind.FIXED:
                return np.full(count, self.typical)
            case LengthKind.LOGNORMAL:
                sigma = math.log(self.p95 / self.typical) / Z95
                return lots.lognormal(math.log(self.typical), sigma, count)
            case LengthKind.EXPONENTIAL:
                return lots.exponential(self.typical, count)
            case LengthKind.QUANTILES:
                shares, tokens = zip(*self.points, strict=True)
                return np.exp(np.interp(lots.random(count), shares, np.log(tokens)))

"""A low quantile over days in bounded storage: a histogram in logarithmic bins that forgets.

For values whose floor matters (idle inter-token latency, idle time to first token): it drifts up
slowly, as old weight fades, and jumps down at once when the newest values are clearly lower.
"""

import math
from dataclasses import dataclass

BIN_RATIO = 1.02
"""Width of a bin: 2 %, well below the noise of a mean of probes."""
_LOG_BIN = math.log(BIN_RATIO)
SMALLEST = 1e-5
"""Seconds at which bin 0 begins: below any latency there is."""
MOST_BINS = 200
"""A factor of 50 between lowest and highest value kept; the highest go first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LowQuantile:
    """Histogram of a positive quantity, newest weight 1, older weight fading."""

    bins: tuple[tuple[int, float], ...] = ()
    """(bin, weight), lowest first."""
    at: float = 0.0
    """Instant to which the weights are faded."""

    @property
    def weight(self) -> float:
        """Values that it stands on, faded ones for less."""
        return sum(weight for _, weight in self.bins)

    def value(self, share: float) -> float | None:
        """Return the quantile at `share` (0..1); None while nothing was added."""
        total = self.weight
        if total <= 0.0:
            return None
        wanted, seen = share * total, 0.0
        for index, weight in self.bins:
            seen += weight
            if seen >= wanted:
                return _middle(index)
        return _middle(self.bins[-1][0])


def added(
    quantile: LowQuantile, value: float, *, at: float, half_life: float, jump_ratio: float
) -> LowQuantile:
    """Add one value; one below `jump_ratio` x the lowest bin seen makes all older ones void."""
    index = int(math.log(max(value, SMALLEST) / SMALLEST) / _LOG_BIN)
    if quantile.bins and value < jump_ratio * _middle(quantile.bins[0][0]):
        return LowQuantile(bins=((index, 1.0),), at=at)
    fade = 0.5 ** (max(0.0, at - quantile.at) / half_life) if quantile.bins else 1.0
    weights = {i: w * fade for i, w in quantile.bins if w * fade > 1e-4}
    weights[index] = weights.get(index, 0.0) + 1.0
    bins = sorted(weights.items())[:MOST_BINS]
    return LowQuantile(bins=tuple(bins), at=at)


def _middle(index: int) -> float:
    return SMALLEST * math.exp((index + 0.5) * _LOG_BIN)

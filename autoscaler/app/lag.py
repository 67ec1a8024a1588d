"""The meter with a memory of the loop's last minute, for the snapshot and the alerts."""

from collections import deque
from collections.abc import Callable

from autoscaler.web import MeterConfig, PrometheusMeter

SAMPLES = 1200
"""A minute of samples, one each 50 ms."""


class LagMeter(PrometheusMeter):
    """Counts like any other, and knows the 99th percentile of the loop's lag."""

    def __init__(self, config: MeterConfig, *, clock: Callable[[], float]) -> None:
        super().__init__(config, clock=clock)
        self._lags: deque[float] = deque(maxlen=SAMPLES)

    def loop_lag(self, seconds: float) -> None:
        """One sample of the event loop's lag."""
        super().loop_lag(seconds)
        self._lags.append(seconds)

    def loop_lag_p99(self) -> float | None:
        """99th percentile over the last minute, seconds; None = nothing was measured."""
        ordered = sorted(self._lags)
        return ordered[int(0.99 * len(ordered))] if ordered else None

"""Token buckets: how often people may ask for what costs something."""

from collections.abc import Callable


class Buckets:
    """One bucket a key, bounded in number; time comes from the caller's clock."""

    def __init__(
        self, *, per_second: float, burst: int, clock: Callable[[], float], max_keys: int = 4096
    ) -> None:
        """`burst` calls at once, then `per_second`; both above 0."""
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._max_keys = max_keys
        self._levels: dict[str, tuple[float, float]] = {}

    def wait_seconds(self, key: str = "") -> float:
        """Take one token. Returns 0 if there was one, else the seconds until there is."""
        now = self._clock()
        level, at = self._levels.pop(key, (float(self._burst), now))
        level = min(float(self._burst), level + (now - at) * self._per_second)
        wait = 0.0 if level >= 1 else (1 - level) / self._per_second
        if len(self._levels) >= self._max_keys:
            self._levels.pop(next(iter(self._levels)))
        self._levels[key] = (level - 1 if wait == 0 else level, now)
        return wait

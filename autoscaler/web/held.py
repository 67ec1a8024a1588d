"""Instants that are computed anew at each reading and jitter by it, held still while they do."""

from collections.abc import Iterable


class Held:
    """One instant a key, replaced only by one that differs by more than the tolerance."""

    def __init__(self, *, tolerance_seconds: float) -> None:
        """`tolerance_seconds` covers the second of rounding and the age of a reading."""
        self._tolerance = tolerance_seconds
        self._values: dict[str, float] = {}

    def value(self, key: str, computed: float) -> float:
        """Return the held instant, or `computed` where it moved."""
        held = self._values.get(key)
        if held is None or abs(held - computed) > self._tolerance:
            self._values[key] = held = computed
        return held

    def keep(self, keys: Iterable[str]) -> None:
        """Forget every other key."""
        wanted = set(keys)
        self._values = {key: at for key, at in self._values.items() if key in wanted}

"""The emulator's one time line: seconds since the epoch that never step back.

Instants begin at the clock's `now` and move with its `monotonic`, so that a stepped system clock
neither ages a token nor stops a stream; on virtual time both are the same.
"""

from autoscaler.ports import Clock


class Timeline:
    """Time as every part of the emulator sees it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.now() - clock.monotonic()
        self.started_at = clock.now()
        """Instant at which the emulator was made; scripted events count from here."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._offset + self._clock.monotonic()

    async def sleep_until(self, at: float) -> None:
        """Wait until `at`; return at once if it is past."""
        await self._clock.sleep(max(0.0, at - self.now()))

"""Time: what o'clock it is, and jobs that come round again."""

from collections.abc import Awaitable, Callable
from typing import Protocol


class Clock(Protocol):
    """Time. `now` for instants, `monotonic` for durations; both follow virtual time in tests."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never steps back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Every(Protocol):
    """Runs a job again and again: APScheduler live, a plain loop on virtual time."""

    def add(
        self,
        name: str,
        seconds: float,
        job: Callable[[], Awaitable[None]],
        *,
        delay_seconds: float = 0.0,
    ) -> None:
        """Register `job` to run every `seconds`, first after `delay_seconds`; runs that would
        overlap are counted as missed. A job of the same name is replaced.
        """
        ...

    async def start(self) -> None:
        """Begin; the first run of each job is at once, or after its delay."""
        ...

    async def stop(self) -> None:
        """Stop and wait for running jobs."""
        ...

"""What the client itself may have spoiled: a busy loop, a stepped clock, its own network.

A monitor that charges its own faults to the server is worse than none. Each check here ends in a
word of `UntrustedReason`; such a probe touches neither SLO nor policy.

Loop lag, in theory: a timer that is due every `QUICK_SECONDS` runs late by as long as the loop was
busy, to within that period. So a reading taken now is late by at most max(lateness of the newest
tick, now - its next due time) + `QUICK_SECONDS`. The quick ticks run only while a probe is in
flight (0.5 % of a core); otherwise a slow one feeds the metric.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

from autoscaler.core.model import ProbeResult
from autoscaler.core.words import UntrustedReason
from autoscaler.ports import Clock, Meter

QUICK_SECONDS: Final = 0.002
"""Period of ticks while probes are in flight: the error of a reading that stays unseen."""
SLOW_SECONDS: Final = 0.05
"""Period of ticks else, and of the samples given to the metric."""
NOTABLE_SECONDS: Final = 0.001
"""Lateness below this is not remembered: timers themselves are no better."""
MEMORY_SECONDS: Final = 120.0
"""Longest look back: twice the longest probe."""
CLOCK_STEP_SECONDS: Final = 0.5
"""Change of wall time against monotonic time during one probe that counts as a step; NTP slews by
less than 1 ms in a second.
"""
CANARY_DEADLINE_SECONDS: Final = 2.0
CANARY_REMEMBERED_SECONDS: Final = 5.0
"""How long one answer of the canaries serves all probes that fail meanwhile."""


class LagSampler:
    """Measures how late the event loop runs. Start it on the loop that it is to measure."""

    def __init__(self, clock: Clock, meter: Meter | None = None) -> None:
        self._clock = clock
        self._meter = meter
        self._loop: asyncio.AbstractEventLoop
        self._handle: asyncio.TimerHandle | None = None
        self._watchers = 0
        self._due = 0.0
        self._late = 0.0
        self._sample_at = 0.0
        self._sample = 0.0
        self._late_ticks: deque[tuple[float, float]] = deque()
        """(ran at, lateness) of the latest ticks that were notably late."""

    def start(self) -> None:
        """Begin to tick."""
        if self._handle is None:
            self._arm()

    def stop(self) -> None:
        """Tick no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def watch(self) -> None:
        """A probe begins: tick quickly until its `unwatch`."""
        self._watchers += 1
        if self._watchers == 1 and self._handle is not None:
            self._handle.cancel()
            self._arm()

    def unwatch(self) -> None:
        """A probe ended."""
        self._watchers -= 1

    def delay(self, now: float) -> float:
        """Seconds by which a reading taken at monotonic `now` may be late, as far as seen."""
        if self._handle is None:
            return 0.0
        return max(self._late, now - self._due, 0.0)

    def worst_since(self, monotonic: float) -> float:
        """Largest lateness seen since then, in seconds."""
        worst = self.delay(self._clock.monotonic())
        for ran_at, late in reversed(self._late_ticks):
            if ran_at < monotonic:
                break
            worst = max(worst, late)
        return worst

    def _arm(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._next(self._clock.monotonic())

    def _next(self, now: float) -> None:
        period = QUICK_SECONDS if self._watchers else SLOW_SECONDS
        self._due = now + period
        self._handle = self._loop.call_later(period, self._tick)

    def _tick(self) -> None:
        now = self._clock.monotonic()
        late = self._late = now - self._due
        if late > NOTABLE_SECONDS:
            self._late_ticks.append((now, late))
            self._sample = max(self._sample, late)
            while now - self._late_ticks[0][0] > MEMORY_SECONDS:
                self._late_ticks.popleft()
        if now >= self._sample_at and self._meter is not None:
            self._meter.loop_lag(max(self._sample, late))
            self._sample, self._sample_at = 0.0, now + SLOW_SECONDS
        self._next(now)


class Canaries:
    """Hosts of others, by which we tell a dead endpoint from a dead network of our own."""

    def __init__(self, targets: Sequence[tuple[str, int]], clock: Clock) -> None:
        self._targets = tuple(targets)
        self._clock = clock
        self._checked_at = float("-inf")
        self._offline = False
        self._running: asyncio.Task[bool] | None = None

    async def is_offline(self) -> bool:
        """True if not one canary can be connected to; False where there is none. One check serves
        all who ask meanwhile.
        """
        if not self._targets:
            return False
        if self._clock.monotonic() - self._checked_at < CANARY_REMEMBERED_SECONDS:
            return self._offline
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._check())
        return await asyncio.shield(self._running)

    async def close(self) -> None:
        """End a check that is under way."""
        if self._running is not None and not self._running.done():
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running

    async def _check(self) -> bool:
        answers = await asyncio.gather(*(_answers(host, port) for host, port in self._targets))
        self._checked_at = self._clock.monotonic()
        self._offline = not any(answers)
        return self._offline


async def _answers(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(CANARY_DEADLINE_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


class UntrustedLedger:
    """Counts what was not counted, so that nothing disappears."""

    def __init__(self) -> None:
        self._counts: Counter[UntrustedReason] = Counter()

    def add(self, result: ProbeResult) -> None:
        """Enter one result under each of its reasons."""
        self._counts.update(result.untrusted)

    def counts(self) -> dict[UntrustedReason, int]:
        """Results by reason since the start."""
        return dict(self._counts)

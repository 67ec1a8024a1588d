"""The periodic jobs' book: what ran, what failed, what was missed; and the one guard.

`guard` is the only place of the daemon that catches `Exception`: around each job, and inside it
around each deployment, so that one bad deployment, item, probe or receiver never stops another.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from autoscaler.core.snapshot import JobView
from autoscaler.ports import Clock, Meter

log = structlog.get_logger()

Job = Callable[[], Awaitable[None]]

SLACK_SECONDS = 30.0
"""A loop that is late by less is not called stuck (monitoring.md 7: liveness)."""


@dataclass(slots=True)
class _Entry:
    """One job's page."""

    allowed_seconds: float
    """Longest time between two ends of this job while it counts as alive."""
    ended: float
    """Monotonic instant of the last end, or of the registration."""
    last_success_at: float | None = None
    last_duration_seconds: float | None = None
    failures: int = 0
    missed: int = 0


class JobBoard:
    """Keeps count of every job."""

    def __init__(self, clock: Clock, meter: Meter) -> None:
        self._clock = clock
        self._meter = meter
        self._entries: dict[str, _Entry] = {}

    def watched(self, name: str, seconds: float, job: Job, *, patience: float = 0.0) -> Job:
        """Return `job` measured and guarded. It counts as stuck when it has not ended for three
        intervals plus `patience` (deadlines of what it waits for) and some slack.
        """
        allowed = 3 * seconds + patience + SLACK_SECONDS
        entry = self._entries.get(name)
        if entry is None:
            self._entries[name] = _Entry(allowed_seconds=allowed, ended=self._clock.monotonic())
        else:
            entry.allowed_seconds = allowed

        async def run() -> None:
            with self._measured(name):
                await job()

        return run

    def missed(self, name: str) -> None:
        """Count one run that did not take place."""
        self._entry(name).missed += 1
        self._meter.job_missed(name)
        log.warning("job_missed", job=name)

    @contextmanager
    def guard(self, job: str, deployment: str = "") -> Iterator[None]:
        """Turn whatever goes wrong inside into a count and a log line, and go on after it."""
        try:
            yield
        except Exception:
            self._entry(job).failures += 1
            self._meter.job(job, 0.0, failed=True)
            log.exception("job_failed", job=job, deployment=deployment or None)

    def views(self) -> tuple[JobView, ...]:
        """All jobs by name, as the snapshot shows them."""
        return tuple(
            JobView(
                name=name,
                last_success_at=entry.last_success_at,
                last_duration_seconds=entry.last_duration_seconds,
                failures=entry.failures,
                missed=entry.missed,
            )
            for name, entry in sorted(self._entries.items())
        )

    def stuck(self) -> str:
        """Return which jobs do not progress, as a sentence; empty while all do."""
        now = self._clock.monotonic()
        late = [
            f"{name} (last ended {now - entry.ended:.0f} s ago)"
            for name, entry in sorted(self._entries.items())
            if now - entry.ended > entry.allowed_seconds
        ]
        return f"These jobs do not progress: {', '.join(late)}." if late else ""

    @contextmanager
    def _measured(self, name: str) -> Iterator[None]:
        entry = self._entry(name)
        started, failures = self._clock.monotonic(), entry.failures
        with self.guard(name):
            yield
        entry.ended = self._clock.monotonic()
        if entry.failures == failures:
            entry.last_success_at = self._clock.now()
            entry.last_duration_seconds = entry.ended - started
            self._meter.job(name, entry.last_duration_seconds, failed=False)

    def _entry(self, name: str) -> _Entry:
        return self._entries.setdefault(
            name, _Entry(allowed_seconds=float("inf"), ended=self._clock.monotonic())
        )

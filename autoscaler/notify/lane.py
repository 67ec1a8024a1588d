"""One receiver's queue: what is due is sent in order per alert, a few alerts at a time.

At least once: a row is marked only after the receiver has answered, so a crash between both repeats
it under the same key. An end never comes without its trigger: where the trigger has not got through
by the time it is over, or never will, one message tells both (`collapsed`), and only then are both
rows closed, the trigger's first.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

import structlog

from autoscaler.core.codec import Undecodable
from autoscaler.core.model import Json
from autoscaler.core.notification import Notification
from autoscaler.core.snapshot import Severity
from autoscaler.notify.receiver import Attempt, FailureKind, NotDelivered, Receiver
from autoscaler.notify.retry import Circuit, backoff_seconds
from autoscaler.ports import Batch, Clock, Meter, Store

AT_ONCE = 4
"""Alerts told to one receiver at the same time (monitoring.md §4)."""
EVERYTHING = 1_000_000
"""Rows asked of the store: a receiver that is down must not crowd others out of a short list."""
LANE_KIND = "outbox"
"""Kind of the document that counts a receiver's dead letters over restarts."""

CrashPoint = Callable[[str], None]
"""Told when a point is reached at which tests let the process die: `before send`, `after send`."""

log = structlog.get_logger("neevscale.notify")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneParts:
    """The seams that all lanes share."""

    store: Store
    clock: Clock
    meter: Meter
    rng: Random
    crash: CrashPoint = lambda _: None


@dataclass(slots=True)
class Lane:
    """The queue of one receiver, and what is known of how it fares."""

    receiver: Receiver
    parts: LaneParts
    circuit: Circuit = field(default_factory=Circuit)
    dead_letters: int = 0
    recovered: bool = False
    """Whether it has just answered after failures: then what waits for a retry waits no longer."""

    async def send_due(self) -> None:
        """Send what is due, row after row, until nothing is left that was not tried in this run."""
        tried: set[str] = set()
        while self.circuit.allows(self.parts.clock.now()):
            rows = [row for row in self._waiting() if row.key not in tried]
            if self.circuit.is_open:
                rows = rows[:1]
            if not rows:
                return
            tried.update(row.key for row in rows)
            await self._send_all(rows)

    def _waiting(self) -> list[Notification]:
        """Return the next row of each alert that may be sent now, critical ones first: in a storm
        they must not wait behind a hundred warnings.
        """
        now = self.parts.clock.now()
        due = self.parts.store.due(now, limit=EVERYTHING)
        rows = {row.fingerprint: row for row in due if row.receiver == self.receiver.name}
        if self.recovered:
            self.recovered = False
            for row in _heads(self._queued()):
                if row.attempts:
                    rows.setdefault(row.fingerprint, row)
        return sorted(rows.values(), key=lambda row: severity_of(row) != Severity.CRITICAL)

    def _queued(self) -> list[Notification]:
        queued = self.parts.store.queued()
        return [row for row in queued if row.receiver == self.receiver.name]

    async def _send_all(self, rows: Sequence[Notification]) -> None:
        queued = self._queued()
        gate = asyncio.Semaphore(AT_ONCE)

        async def send_one(row: Notification) -> None:
            async with gate:
                if self.circuit.allows(self.parts.clock.now()):
                    await self._send(row, queued)

        async with asyncio.TaskGroup() as group:
            for row in rows:
                group.create_task(send_one(row))

    async def _send(self, row: Notification, queued: Iterable[Notification]) -> None:
        now = self.parts.clock.now()
        if row.expires_at <= now:
            self._give_up(row, f"not delivered in time; {row.last_error or 'never tried'}")
            return
        notes = self.parts.store.notes(row.receiver, row.fingerprint, row.episode)
        rows = [row] if notes or not self.receiver.collapses else _with_end(row, queued)
        last = rows[-1]
        collapsed = last.event == "resolve" and not notes and self.receiver.collapses
        try:
            note = await self._attempt(Attempt(row=last, at=now, notes=notes, collapsed=collapsed))
        except NotDelivered as fault:
            self._fail(row, fault)
        else:
            self._succeed(rows, note)

    async def _attempt(self, attempt: Attempt) -> dict[str, Json]:
        self.parts.crash("before send")
        try:
            note = await self.receiver.send(attempt)
        except NotDelivered:
            raise
        except Undecodable as fault:
            raise NotDelivered(FailureKind.TEMPLATE, str(fault), permanent=True) from fault
        except Exception as fault:  # the guard: one bad receiver stops no other
            log.exception("receiver_broken", receiver=self.receiver.name)
            text = f"{type(fault).__name__} in the receiver itself"
            raise NotDelivered(FailureKind.TEMPLATE, text) from fault
        self.parts.crash("after send")
        return note

    def _succeed(self, rows: Sequence[Notification], note: dict[str, Json]) -> None:
        now = self.parts.clock.now()
        self.recovered = self.recovered or self.circuit.failures > 0
        self.circuit.succeed()
        for row in rows:
            told = {**note, "event": row.event}
            self.parts.store.delivered(row.key, at=now, note=told)
            self.parts.meter.notification(
                row.receiver, row.event, failure=None, seconds=now - row.created_at
            )
            log.info("notified", receiver=row.receiver, event_of_alert=row.event, key=row.key)

    def _fail(self, row: Notification, fault: NotDelivered) -> None:
        now = self.parts.clock.now()
        self.parts.meter.notification(
            row.receiver, row.event, failure=fault.kind.value, seconds=now - row.created_at
        )
        if fault.permanent:
            self._give_up(row, str(fault))
            return
        self.circuit.fail(str(fault), now=now, retry_after=fault.retry_after)
        wait = max(backoff_seconds(row.attempts + 1, self.parts.rng), fault.retry_after or 0.0)
        self.parts.store.failed(row.key, next_attempt_at=now + wait, error=str(fault))
        log.warning(
            "notification_failed",
            receiver=row.receiver,
            key=row.key,
            failure=fault.kind.value,
            error=str(fault),
            retry_in_seconds=round(wait, 1),
        )

    def _give_up(self, row: Notification, error: str) -> None:
        """Close a row for good; counted before it is closed, so that a crash counts it twice."""
        self.dead_letters += 1
        self.circuit.last_error = error
        document: Json = {"dead_letters": self.dead_letters, "last_error": error}
        key = (LANE_KIND, self.receiver.name)
        self.parts.store.commit(Batch(documents={key: document}))
        self.parts.store.dead(row.key, at=self.parts.clock.now(), error=error)
        log.error("notification_given_up", receiver=row.receiver, key=row.key, error=error)


def _heads(queued: Iterable[Notification]) -> list[Notification]:
    """Return the first row of each alert."""
    first: dict[str, Notification] = {}
    for row in queued:
        known = first.get(row.fingerprint)
        if known is None or _order(row) < _order(known):
            first[row.fingerprint] = row
    return list(first.values())


def _with_end(row: Notification, queued: Iterable[Notification]) -> list[Notification]:
    """Return the row and what follows it in its episode, if that is over already; else the row."""
    episode = (row.fingerprint, row.episode)
    rest = sorted(
        (
            other
            for other in queued
            if (other.fingerprint, other.episode) == episode and other.sequence > row.sequence
        ),
        key=_order,
    )
    return [row, *rest] if rest and rest[-1].event == "resolve" else [row]


def severity_of(row: Notification) -> Json:
    """Return the word for the severity of a row's alert; None for what is no alert."""
    alert = row.payload.get("alert")
    return alert.get("severity") if isinstance(alert, dict) else None


def _order(row: Notification) -> tuple[int, int]:
    return (row.episode, row.sequence)

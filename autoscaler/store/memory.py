"""State in memory, by the same contract as the file: for the demo, tests and a stateless daemon.

Documents pass through JSON text, so that nothing can be kept here that a file could not keep.
"""

import bisect
import json
from dataclasses import dataclass, field, replace
from typing import cast

from autoscaler.core.codec import encode
from autoscaler.core.model import Json
from autoscaler.core.snapshot import HistoryPoint
from autoscaler.ports import Batch, Notification


@dataclass(slots=True)
class _Row:
    """One outbox row."""

    notification: Notification
    state: str = "queued"
    closed_at: float = 0.0
    note: Json = None

    @property
    def order(self) -> tuple[int, int]:
        return (self.notification.episode, self.notification.sequence)


@dataclass(slots=True)
class _Records:
    """What is kept of one deployment by instant; each list is sorted by it."""

    decisions: list[tuple[float, str]] = field(default_factory=list)
    observations: list[tuple[float, str]] = field(default_factory=list)
    history: dict[float, HistoryPoint] = field(default_factory=dict)


class MemoryStore:
    """A Store that forgets everything with the process."""

    def __init__(self) -> None:
        self._documents: dict[str, dict[str, str]] = {}
        self._records: dict[str, _Records] = {}
        self._outbox: dict[str, _Row] = {}

    def documents(self, kind: str) -> dict[str, Json]:
        """All documents of one kind by id."""
        return {id_: _parse(body) for id_, body in self._documents.get(kind, {}).items()}

    def commit(self, batch: Batch) -> None:
        """Write one batch."""
        for (kind, id_), body in batch.documents.items():
            if body is None:
                self._documents.get(kind, {}).pop(id_, None)
            else:
                self._documents.setdefault(kind, {})[id_] = json.dumps(body)
        for decision in batch.decisions:
            line = (decision.at, json.dumps(encode(decision)))
            _insert(self._of(decision.deployment_id).decisions, line)
        for at, id_, body in batch.observations:
            _insert(self._of(id_).observations, (at, json.dumps(body)))
        for id_, point in batch.history:
            self._of(id_).history[point.at] = point
        for notification in batch.notifications:
            self._outbox.setdefault(notification.key, _Row(notification))

    def decisions(
        self,
        deployment_id: str,
        *,
        since: float = 0.0,
        until: float | None = None,
        limit: int = 100,
    ) -> list[dict[str, Json]]:
        """Decisions as JSON, newest first."""
        found = _between(self._of(deployment_id).decisions, since, until)
        return [cast("dict[str, Json]", body) for body in reversed(found[-limit:])]

    def observations(
        self, deployment_id: str, *, since: float = 0.0, until: float | None = None
    ) -> list[Json]:
        """Recorded observations, oldest first."""
        return _between(self._of(deployment_id).observations, since, until)

    def history(self, deployment_id: str, *, since: float) -> list[HistoryPoint]:
        """Minutes, oldest first."""
        points = self._of(deployment_id).history
        return [points[at] for at in sorted(points) if at >= since]

    def due(self, now: float, *, limit: int = 100) -> list[Notification]:
        """Outbox rows to send now: per receiver and fingerprint only the oldest undelivered one."""
        first: dict[tuple[str, str], _Row] = {}
        for row in self._queued():
            line = (row.notification.receiver, row.notification.fingerprint)
            if line not in first or row.order < first[line].order:
                first[line] = row
        due = [row.notification for row in first.values()]
        return sorted(
            (row for row in due if row.next_attempt_at <= now), key=lambda row: row.created_at
        )[:limit]

    def queued(self) -> list[Notification]:
        """All undelivered rows, oldest first."""
        return sorted((row.notification for row in self._queued()), key=lambda row: row.created_at)

    def delivered(self, key: str, *, at: float, note: Json = None) -> None:
        """Mark one row delivered; `note` is what the receiver wants back later."""
        row = self._outbox[key]
        row.state, row.closed_at, row.note = "delivered", at, note

    def failed(self, key: str, *, next_attempt_at: float, error: str) -> None:
        """Count one failed attempt and say when to try again."""
        row = self._outbox[key]
        row.notification = replace(
            row.notification,
            attempts=row.notification.attempts + 1,
            next_attempt_at=next_attempt_at,
            last_error=error,
        )

    def dead(self, key: str, *, at: float, error: str) -> None:
        """Give one row up."""
        row = self._outbox[key]
        row.state, row.closed_at = "dead", at
        row.notification = replace(row.notification, last_error=error)

    def notes(self, receiver: str, fingerprint: str, episode: int) -> list[Json]:
        """Notes of the delivered rows of one episode, oldest first."""
        rows = [
            row
            for row in self._outbox.values()
            if row.state == "delivered"
            and row.note is not None
            and row.notification.receiver == receiver
            and row.notification.fingerprint == fingerprint
            and row.notification.episode == episode
        ]
        return [row.note for row in sorted(rows, key=lambda row: row.order)]

    def prune(self, *, before: float, observations_before: float | None = None) -> None:
        """Drop what is older than `before`; the bulky observations may go earlier."""
        oldest = before if observations_before is None else observations_before
        for records in self._records.values():
            del records.decisions[: bisect.bisect_left(records.decisions, (before, ""))]
            del records.observations[: bisect.bisect_left(records.observations, (oldest, ""))]
            for at in [at for at in records.history if at < before]:
                del records.history[at]
        for key, row in list(self._outbox.items()):
            if row.state != "queued" and row.closed_at < before:
                del self._outbox[key]

    def close(self) -> None:
        """Nothing to close; what was written stays readable."""

    def _of(self, deployment_id: str) -> _Records:
        return self._records.setdefault(deployment_id, _Records())

    def _queued(self) -> list[_Row]:
        return [row for row in self._outbox.values() if row.state == "queued"]


def _insert(lines: list[tuple[float, str]], line: tuple[float, str]) -> None:
    bisect.insort_right(lines, line, key=lambda known: known[0])


def _between(lines: list[tuple[float, str]], since: float, until: float | None) -> list[Json]:
    start = bisect.bisect_left(lines, since, key=lambda line: line[0])
    end = (
        len(lines) if until is None else bisect.bisect_right(lines, until, key=lambda line: line[0])
    )
    return [_parse(body) for _, body in lines[start:end]]


def _parse(body: str) -> Json:
    return cast("Json", json.loads(body))

"""Durable state in one SQLite file (WAL), called synchronously: a tick's commit takes 0.1 ms.

A killed process loses nothing that `commit` returned for. Against power loss, commits that carry
outbox rows or asks are also synced to disk (`synchronous=FULL`); the others may lose their last
moments, which only costs evidence. One process at a time: a lock on `<path>-lock` holds that.
A file that cannot be read is moved aside and the store starts empty, with a sentence in `warnings`.

It must not know what the documents mean.
"""

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from autoscaler.core.codec import decode, encode
from autoscaler.core.model import Json
from autoscaler.core.snapshot import HistoryPoint
from autoscaler.ports import Batch, Notification
from autoscaler.store.opening import open_file, take_lock

CrashPoint = Callable[[str], None]
"""Called at `before NAME` and `after NAME` of every write; kill tests end the process in it."""

SYNCED_KINDS = frozenset({"ask", "orders", "audit"})
"""Kinds of documents that must outlive a power loss: what we asked, and what persons ordered."""

_INSERT_NOTIFICATION = """
    INSERT OR IGNORE INTO outbox (
        key, receiver, fingerprint, episode, sequence, event, payload, created_at, expires_at,
        attempts, next_attempt_at, last_error
    ) VALUES (
        :key, :receiver, :fingerprint, :episode, :sequence, :event, :payload, :created_at,
        :expires_at, :attempts, :next_attempt_at, :last_error
    )
"""

_DUE = """
    SELECT * FROM outbox AS o
    WHERE state = 'queued' AND next_attempt_at <= ? AND NOT EXISTS (
        SELECT 1 FROM outbox AS p
        WHERE p.state = 'queued' AND p.receiver = o.receiver AND p.fingerprint = o.fingerprint
        AND (p.episode, p.sequence, p.seq) < (o.episode, o.sequence, o.seq)
    )
    ORDER BY created_at, seq LIMIT ?
"""


class SqliteStore:
    """A Store in one file."""

    warnings: tuple[str, ...]
    """Sentences about what was wrong when the file was opened."""

    def __init__(
        self, path: Path, *, moved_aside_at: float = 0.0, crash: CrashPoint = lambda _: None
    ) -> None:
        """Open or create `path`; `moved_aside_at` names a corrupt file's copy. Raises
        StoreUnusable.
        """
        self._crash = crash
        self._lock = take_lock(path)
        try:
            self._db, self.warnings = open_file(path, at=moved_aside_at)
        except BaseException:
            self._lock.close()
            raise
        self._db.row_factory = sqlite3.Row

    # -- documents and records --------------------------------------------------------------------

    def documents(self, kind: str) -> dict[str, Json]:
        """All documents of one kind by id."""
        rows = self._db.execute("SELECT id, body FROM documents WHERE kind = ?", (kind,))
        return {str(id_): _parse(body) for id_, body in rows}

    def commit(self, batch: Batch) -> None:
        """Write one batch in one transaction, durable on return."""
        with self._transaction("commit", synced=_is_synced(batch)) as db:
            for (kind, id_), body in batch.documents.items():
                _write_document(db, kind, id_, body)
            db.executemany(
                "INSERT INTO decisions (deployment_id, at, body) VALUES (?, ?, ?)",
                [(d.deployment_id, d.at, _dump(encode(d))) for d in batch.decisions],
            )
            db.executemany(
                "INSERT INTO observations (deployment_id, at, body) VALUES (?, ?, ?)",
                [(id_, at, _pack(body)) for at, id_, body in batch.observations],
            )
            db.executemany(
                "INSERT OR REPLACE INTO history (deployment_id, at, body) VALUES (?, ?, ?)",
                [(id_, point.at, _dump(encode(point))) for id_, point in batch.history],
            )
            db.executemany(_INSERT_NOTIFICATION, [_outbox_row(n) for n in batch.notifications])

    def decisions(
        self,
        deployment_id: str,
        *,
        since: float = 0.0,
        until: float | None = None,
        limit: int = 100,
    ) -> list[dict[str, Json]]:
        """Decisions as JSON, newest first."""
        rows = self._db.execute(
            "SELECT body FROM decisions WHERE deployment_id = ? AND at >= ? AND at <= ?"
            " ORDER BY at DESC, seq DESC LIMIT ?",
            (deployment_id, since, _end(until), limit),
        )
        return [cast("dict[str, Json]", _parse(body)) for (body,) in rows]

    def observations(
        self, deployment_id: str, *, since: float = 0.0, until: float | None = None
    ) -> list[Json]:
        """Recorded observations, oldest first."""
        rows = self._db.execute(
            "SELECT body FROM observations WHERE deployment_id = ? AND at >= ? AND at <= ?"
            " ORDER BY at, seq",
            (deployment_id, since, _end(until)),
        )
        return [_parse(zlib.decompress(body).decode()) for (body,) in rows]

    def history(self, deployment_id: str, *, since: float) -> list[HistoryPoint]:
        """Minutes, oldest first."""
        rows = self._db.execute(
            "SELECT body FROM history WHERE deployment_id = ? AND at >= ? ORDER BY at",
            (deployment_id, since),
        )
        return [decode(HistoryPoint, _parse(body)) for (body,) in rows]

    # -- outbox -----------------------------------------------------------------------------------

    def due(self, now: float, *, limit: int = 100) -> list[Notification]:
        """Outbox rows to send now: per receiver and fingerprint only the oldest undelivered one."""
        rows = self._db.execute(_DUE, (now, limit))
        return [_notification(row) for row in rows]

    def queued(self) -> list[Notification]:
        """All undelivered rows, oldest first."""
        rows = self._db.execute(
            "SELECT * FROM outbox WHERE state = 'queued' ORDER BY created_at, seq"
        )
        return [_notification(row) for row in rows]

    def delivered(self, key: str, *, at: float, note: Json = None) -> None:
        """Mark one row delivered; `note` is what the receiver wants back later."""
        with self._transaction("delivered", synced=False) as db:
            db.execute(
                "UPDATE outbox SET state = 'delivered', closed_at = ?, note = ? WHERE key = ?",
                (at, None if note is None else _dump(note), key),
            )

    def failed(self, key: str, *, next_attempt_at: float, error: str) -> None:
        """Count one failed attempt and say when to try again."""
        with self._transaction("failed", synced=False) as db:
            db.execute(
                "UPDATE outbox SET attempts = attempts + 1, next_attempt_at = ?, last_error = ?"
                " WHERE key = ?",
                (next_attempt_at, error, key),
            )

    def dead(self, key: str, *, at: float, error: str) -> None:
        """Give one row up; it stays readable as a dead letter until it is pruned."""
        with self._transaction("dead", synced=False) as db:
            db.execute(
                "UPDATE outbox SET state = 'dead', closed_at = ?, last_error = ? WHERE key = ?",
                (at, error, key),
            )

    def notes(self, receiver: str, fingerprint: str, episode: int) -> list[Json]:
        """Notes of the delivered rows of one episode, oldest first."""
        rows = self._db.execute(
            "SELECT note FROM outbox WHERE state = 'delivered' AND receiver = ?"
            " AND fingerprint = ? AND episode = ? AND note IS NOT NULL ORDER BY sequence, seq",
            (receiver, fingerprint, episode),
        )
        return [_parse(note) for (note,) in rows]

    # -- housekeeping -----------------------------------------------------------------------------

    def prune(self, *, before: float, observations_before: float | None = None) -> None:
        """Drop what is older than `before`; the bulky observations may go earlier."""
        with self._transaction("prune", synced=False) as db:
            db.execute("DELETE FROM history WHERE at < ?", (before,))
            oldest = before if observations_before is None else observations_before
            db.execute("DELETE FROM observations WHERE at < ?", (oldest,))
            db.execute("DELETE FROM decisions WHERE at < ?", (before,))
            db.execute("DELETE FROM outbox WHERE state <> 'queued' AND closed_at < ?", (before,))

    def close(self) -> None:
        """Close the file and give the lock back."""
        self._db.close()
        self._lock.close()

    @contextmanager
    def _transaction(self, name: str, *, synced: bool) -> Iterator[sqlite3.Connection]:
        """One write: all of it or nothing, also where the disk is full at its end."""
        self._crash(f"before {name}")
        self._db.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # some faults (disk full, I/O) have undone it already
                self._db.execute("ROLLBACK")
            raise
        self._crash(f"after {name}")


def _is_synced(batch: Batch) -> bool:
    return bool(batch.notifications) or any(kind in SYNCED_KINDS for kind, _ in batch.documents)


def _write_document(db: sqlite3.Connection, kind: str, id_: str, body: Json) -> None:
    if body is None:
        db.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, id_))
    else:
        db.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (kind, id_, _dump(body)))


def _outbox_row(notification: Notification) -> dict[str, Json]:
    row = cast("dict[str, Json]", encode(notification))
    return row | {"payload": _dump(row["payload"])}


def _notification(row: sqlite3.Row) -> Notification:
    fields = cast("dict[str, Json]", dict(row))
    return decode(Notification, fields | {"payload": _parse(str(fields["payload"]))})


def _dump(body: Json) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _parse(body: str) -> Json:
    return cast("Json", json.loads(body))


def _pack(body: Json) -> bytes:
    return zlib.compress(_dump(body).encode(), 1)


def _end(until: float | None) -> float:
    return float("inf") if until is None else until

"""Durable state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from autoscaler.core.model import Decision, Json
from autoscaler.core.notification import Notification
from autoscaler.core.snapshot import HistoryPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is written together or not at all. A tick over a large fleet writes several."""

    documents: Mapping[tuple[str, str], Json] = field(default_factory=dict)
    """(kind, id) to a JSON document, replaced whole; None deletes. Kinds: `state`, `ask`, `orders`,
    `alerts`, …
    """
    decisions: Sequence[Decision] = ()
    observations: Sequence[tuple[float, str, Json]] = ()
    """(at, deployment id, observation as JSON) for replay; kept for the configured days."""
    history: Sequence[tuple[str, HistoryPoint]] = ()
    """(deployment id, point)."""
    notifications: Sequence[Notification] = ()
    """New outbox rows; a row whose key exists already is ignored."""


class Store(Protocol):
    """Durable state. Every method is synchronous and short; one writer."""

    def documents(self, kind: str) -> dict[str, Json]:
        """All documents of one kind by id."""
        ...

    def commit(self, batch: Batch) -> None:
        """Write one batch in one transaction, durable on return."""
        ...

    def decisions(
        self,
        deployment_id: str,
        *,
        since: float = 0.0,
        until: float | None = None,
        limit: int = 100,
    ) -> list[dict[str, Json]]:
        """Decisions as JSON, newest first."""
        ...

    def observations(
        self, deployment_id: str, *, since: float = 0.0, until: float | None = None
    ) -> list[Json]:
        """Recorded observations, oldest first."""
        ...

    def history(self, deployment_id: str, *, since: float) -> list[HistoryPoint]:
        """Minutes, oldest first."""
        ...

    def due(self, now: float, *, limit: int = 100) -> list[Notification]:
        """Outbox rows to send now: per receiver and fingerprint only the oldest undelivered one."""
        ...

    def queued(self) -> list[Notification]:
        """All undelivered rows, oldest first."""
        ...

    def delivered(self, key: str, *, at: float, note: Json = None) -> None:
        """Mark one row delivered; `note` is what the receiver wants back later (Slack ts and the
        like).
        """
        ...

    def failed(self, key: str, *, next_attempt_at: float, error: str) -> None:
        """Count one failed attempt and say when to try again."""
        ...

    def dead(self, key: str, *, at: float, error: str) -> None:
        """Give one row up; it stays readable as a dead letter."""
        ...

    def notes(self, receiver: str, fingerprint: str, episode: int) -> list[Json]:
        """Notes of the delivered rows of one episode, oldest first."""
        ...

    def prune(self, *, before: float, observations_before: float | None = None) -> None:
        """Drop history, decisions and closed outbox rows older than `before`, and observations
        older than `observations_before` (None = also `before`).
        """
        ...

    def close(self) -> None:
        """Close the file."""
        ...

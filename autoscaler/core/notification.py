"""One row of the outbox: what the alert engine writes, the Store keeps and the Notifier sends."""

from dataclasses import dataclass

from autoscaler.core.model import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One outbox row: one event of one alert for one receiver."""

    key: str
    """Deterministic: `fingerprint.episode.sequence.event.receiver`. A repeat under the same key is
    no new one.
    """
    receiver: str
    fingerprint: str
    episode: int
    sequence: int
    """Orders the rows of one receiver and fingerprint."""
    event: str
    """`trigger`, `escalate`, `reminder`, `resolve`, `change`, `test`."""
    payload: dict[str, Json]
    """The alert as data, already redacted."""
    created_at: float
    expires_at: float
    attempts: int = 0
    next_attempt_at: float = 0.0
    last_error: str = ""

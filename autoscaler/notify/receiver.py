"""What a receiver is: it sends one row, and says in one of two ways that it could not.

A receiver knows a protocol and nothing of queues: it never retries, waits or remembers. What it
wants back for a later row of the same episode (Slack's message id) it returns as a note.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from autoscaler.core.alerting.messages import AlertMessage
from autoscaler.core.model import Json
from autoscaler.core.notification import Notification
from autoscaler.core.redaction import safe


class FailureKind(StrEnum):
    """Why a notification was not taken; Alertmanager's set (0.34), so that dashboards match."""

    AUTH = "auth"
    RATE_LIMITED = "rate_limited"
    CLIENT_ERROR = "client_error"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    NETWORK = "network"
    TEMPLATE = "template"


class NotDelivered(Exception):
    """One attempt failed. The text is safe to show: redacted and cut."""

    def __init__(
        self,
        kind: FailureKind,
        text: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(safe(text))
        self.kind = kind
        self.permanent = permanent
        """True if the same row will never be taken: it is given up at once."""
        self.retry_after = retry_after
        """Seconds that the receiver asks to wait; None = it says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One row to send, with what was told before."""

    row: Notification
    at: float
    """The instant of this attempt."""
    notes: Sequence[Json] = ()
    """What the receiver returned for the delivered rows of this episode, oldest first."""
    collapsed: bool = False
    """True if this is an end whose trigger never got through: it tells both at once."""


class Receiver(Protocol):
    """One place that alerts go to."""

    @property
    def name(self) -> str:
        """Name that routes and metrics use."""
        ...

    @property
    def kind(self) -> str:
        """Word for its kind."""
        ...

    @property
    def collapses(self) -> bool:
        """Whether a trigger that waits may be told together with its end. False for services that
        keep incidents of their own: they get both, in order.
        """
        ...

    async def send(self, attempt: Attempt) -> dict[str, Json]:
        """Send one row and return a note for later ones. Raises NotDelivered."""
        ...


@runtime_checkable
class Reconciler(Protocol):
    """A receiver whose own memory is brought in line again and again."""

    @property
    def reconcile_seconds(self) -> float:
        """Between two reconciliations."""
        ...

    async def reconcile(self, told: Sequence[AlertMessage], at: float) -> None:
        """Tell again what fires and what has ended of what it was told. Raises NotDelivered."""
        ...

"""What carries alerts to receivers."""

from typing import Protocol

from autoscaler.core.snapshot import ReceiverView


class Notifier(Protocol):
    """Sends what is due in the outbox."""

    async def send_due(self) -> None:
        """Send each due row once, in order per receiver and alert; records every outcome in the
        Store.
        """
        ...

    def receivers(self) -> tuple[ReceiverView, ...]:
        """State of each receiver's queue."""
        ...

    async def close(self) -> None:
        """Close sessions."""
        ...

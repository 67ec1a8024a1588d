"""A notifier that can be replaced while it runs, because a reload may change the receivers."""

import asyncio

from autoscaler.core.model import Json
from autoscaler.core.snapshot import ReceiverView
from autoscaler.notify.outbox import Outbox


class SwitchedNotifier:
    """Hands everything to the outbox in force. Satisfies `ports.Notifier`."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._closing: set[asyncio.Task[None]] = set()

    def swap(self, outbox: Outbox) -> None:
        """Put another outbox in force; the old one ends what it is sending and closes. Rows that
        it leaves undelivered are in the Store, and the new one sends them under the same keys.
        """
        old, self._outbox = self._outbox, outbox
        task = asyncio.create_task(old.close(), name="close outbox")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def send_due(self) -> None:
        """Send what is due."""
        if self._closing:
            await asyncio.wait(self._closing)
        await self._outbox.send_due()

    def receivers(self) -> tuple[ReceiverView, ...]:
        """State of each receiver's queue."""
        return self._outbox.receivers()

    async def test(self, receiver: str | None, event: str) -> list[dict[str, Json]]:
        """Send a test notification at once."""
        return await self._outbox.test(receiver, event)

    async def close(self) -> None:
        """Close sessions."""
        await asyncio.gather(*self._closing)
        await self._outbox.close()

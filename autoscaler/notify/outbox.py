"""Sends what the alert engine has written, to every receiver on its own.

A receiver that hangs or is down holds up nobody else: each has a lane that runs on in the
background where it needs longer than a moment. All truth is in the Store; what is kept here
(failures in a row, which lanes run) may be lost at any time.
"""

import asyncio
from collections.abc import Sequence
from typing import cast

from autoscaler.core.alerting.messages import AlertMessage, build_message
from autoscaler.core.alerting.rules import AlertRules
from autoscaler.core.alerting.state import STATE_KEY, restore_state
from autoscaler.core.model import Json
from autoscaler.core.notification import Notification
from autoscaler.core.snapshot import ReceiverView, Severity
from autoscaler.notify.http import Http
from autoscaler.notify.lane import EVERYTHING, LANE_KIND, Lane, LaneParts, log, severity_of
from autoscaler.notify.receiver import NotDelivered, Receiver, Reconciler
from autoscaler.notify.testing import send_test

PATIENCE_SECONDS = 0.5
"""How long `send_due` waits for lanes before it lets them run on: alerts of the next tick to other
receivers must not wait for one that hangs.
"""
CLOSING_SECONDS = 5.0
"""How long `close` lets running sends end; what is cut off is repeated after the next start."""


class Outbox:
    """The Notifier: one lane per receiver over the rows of the Store."""

    def __init__(
        self,
        receivers: Sequence[Receiver],
        parts: LaneParts,
        *,
        rules: AlertRules,
        http: Http | None = None,
    ) -> None:
        self._rules = rules
        self._store = parts.store
        self._clock = parts.clock
        self._http = http
        self._lanes = {receiver.name: Lane(receiver, parts) for receiver in receivers}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._reconciled: dict[str, float] = {}
        for name, document in parts.store.documents(LANE_KIND).items():
            if name in self._lanes and isinstance(document, dict):
                self._lanes[name].dead_letters = cast("int", document.get("dead_letters", 0))

    async def send_due(self) -> None:
        """Send each due row once, in order per receiver and alert; records every outcome in the
        Store. Returns after a moment even if a receiver is slow.
        """
        self._reap()
        now = self._clock.now()
        wanted = self._wanted(now)
        for name in wanted:
            if name not in self._running:
                self._running[name] = asyncio.create_task(self._run(self._lanes[name]))
        if self._running:
            await asyncio.wait(self._running.values(), timeout=PATIENCE_SECONDS)
        self._reap()

    async def drain(self) -> None:
        """Wait until no lane is running."""
        while self._running:
            await asyncio.wait(self._running.values())
            self._reap()

    def receivers(self) -> tuple[ReceiverView, ...]:
        """State of each receiver's queue."""
        queued: dict[str, list[Notification]] = {name: [] for name in self._lanes}
        for row in self._store.queued():
            if row.receiver in queued:
                queued[row.receiver].append(row)
        return tuple(_view(lane, queued[name]) for name, lane in sorted(self._lanes.items()))

    async def test(self, receiver: str | None, event: str) -> list[dict[str, Json]]:
        """Send a test notification at once, past the queue; say what each receiver answered."""
        lanes = [lane for name, lane in self._lanes.items() if receiver is None or name == receiver]
        now = self._clock.now()
        return list(
            await asyncio.gather(*(send_test(lane.receiver, event, at=now) for lane in lanes))
        )

    async def close(self) -> None:
        """Let running sends end, cut off what does not, and close sessions."""
        if self._running:
            await asyncio.wait(self._running.values(), timeout=CLOSING_SECONDS)
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        self._running.clear()
        if self._http is not None:
            await self._http.close()

    def _wanted(self, now: float) -> list[str]:
        """Return the receivers that have something to do; rows of unknown ones are given up."""
        names = dict.fromkeys(
            name for name, lane in self._lanes.items() if self._reconcile_due(lane, now)
        )
        for row in self._store.due(now, limit=EVERYTHING):
            if row.receiver in self._lanes:
                names[row.receiver] = None
            else:
                error = f"receiver {row.receiver} is not configured any more"
                self._store.dead(row.key, at=now, error=error)
                log.error("notification_given_up", receiver=row.receiver, key=row.key, error=error)
        return list(names)

    async def _run(self, lane: Lane) -> None:
        await lane.send_due()
        now = self._clock.now()
        receiver = lane.receiver
        if not self._reconcile_due(lane, now) or not isinstance(receiver, Reconciler):
            return
        self._reconciled[receiver.name] = now
        try:
            await receiver.reconcile(self._told(receiver.name), now)
        except NotDelivered as fault:
            log.warning("reconciliation_failed", receiver=receiver.name, error=str(fault))

    def _reconcile_due(self, lane: Lane, now: float) -> bool:
        receiver = lane.receiver
        if not isinstance(receiver, Reconciler) or not lane.circuit.allows(now):
            return False
        last = self._reconciled.get(receiver.name)
        return last is None or now >= last + receiver.reconcile_seconds

    def _told(self, receiver: str) -> list[AlertMessage]:
        """Return the episodes that a receiver was told of and has no undelivered row about."""
        waiting = {row.fingerprint for row in self._store.queued() if row.receiver == receiver}
        state = restore_state(self._store.documents(STATE_KEY[0]), {})
        return [
            build_message(record, "reminder", self._rules)
            for record in state.records.values()
            if receiver in record.told and record.fingerprint not in waiting
        ]

    def _reap(self) -> None:
        """Forget lanes that are done; a broken one (of the Store, say) is raised here."""
        for name, task in list(self._running.items()):
            if task.done():
                del self._running[name]
                task.result()


def _view(lane: Lane, rows: Sequence[Notification]) -> ReceiverView:
    critical = [row for row in rows if severity_of(row) == Severity.CRITICAL]
    return ReceiverView(
        name=lane.receiver.name,
        kind=lane.receiver.kind,
        queued=len(rows),
        oldest_at=min((row.created_at for row in rows), default=None),
        dead_letters=lane.dead_letters,
        circuit_open=lane.circuit.is_open,
        last_error=lane.circuit.last_error,
        oldest_critical_at=min((row.created_at for row in critical), default=None),
    )

"""What one tick writes, and in which transactions.

Deployments are written some at a time, with a turn for others in between: one transaction over a
thousand of them would hold the loop for 170 ms, which probes would measure as latency. What is
written about one deployment is never parted. The last transaction holds the last deployments (all
of them in a small fleet), the alerts' change and its notifications. A process that dies in between
leaves states that are newer than its alerts, as it does between two looks: the next look finds the
same causes.

The notifications must not be parted from the change that they tell: between the end of the look and
the commit nobody else runs, for a silence kept just then would write the one without the other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from autoscaler.actuator import Order
from autoscaler.core.model import Decision, Json
from autoscaler.core.notification import Notification
from autoscaler.core.snapshot import HistoryPoint
from autoscaler.daemon.alerts import AlertDesk
from autoscaler.daemon.config import Parts
from autoscaler.daemon.fleet import Fleet
from autoscaler.daemon.watched import Watched
from autoscaler.ports import Batch

PART = 20
"""Deployments in one transaction: a few milliseconds."""

Look = Callable[[], Awaitable[Sequence[Notification]]]
"""A look at the alerts; returns the notifications of what it changed."""


@dataclass(slots=True)
class Lines:
    """What is written about one deployment, besides the documents that changed."""

    documents: dict[tuple[str, str], Json] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    observations: list[tuple[float, str, Json]] = field(default_factory=list)
    history: list[tuple[str, HistoryPoint]] = field(default_factory=list)


@dataclass(slots=True)
class Writing:
    """What one tick gathers to write, and the calls that may leave once it is written."""

    lines: dict[str, Lines] = field(default_factory=dict)
    """By deployment id."""
    notifications: list[Notification] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)

    def about(self, deployment_id: str) -> Lines:
        """Return what is gathered about one deployment, to add to."""
        return self.lines.setdefault(deployment_id, Lines())


class Writer:
    """Writes what changed since it last did. One at a time: the tick holds the lock."""

    def __init__(self, parts: Parts, fleet: Fleet, *, desk: AlertDesk) -> None:
        self._parts = parts
        self._fleet = fleet
        self._desk = desk

    async def write(
        self, writing: Writing, *, look: Look | None = None, everything: bool = False
    ) -> None:
        """Write it; `look` at the alerts just before the last transaction (None = do not)."""
        fleet = list(self._fleet)
        parts = [fleet[start : start + PART] for start in range(0, len(fleet), PART)]
        last = parts.pop() if parts else []
        for part in parts:
            self._write_part(part, writing, everything=everything)
            await asyncio.sleep(0)
        try:
            if look is not None:
                writing.notifications.extend(await look())
            self._write_last(last, writing, everything=everything)
        except BaseException:
            self._desk.rollback()
            raise
        self._desk.committed()

    def _write_part(self, part: Sequence[Watched], writing: Writing, *, everything: bool) -> None:
        documents = self._documents(part, everything=everything)
        gathered = [w.id for w in part if w.id in writing.lines]
        if documents or gathered:
            self._commit(_batch([writing.lines[id_] for id_ in gathered], documents))
        for watched in part:
            watched.saved(documents)
        for id_ in gathered:
            del writing.lines[id_]

    def _write_last(self, last: Sequence[Watched], writing: Writing, *, everything: bool) -> None:
        """Write the rest: of the last deployments, of those that left meanwhile, of the alerts."""
        documents = self._documents(last, everything=everything)
        outgoing = dict(self._fleet.outgoing)
        alerts = self._desk.documents()
        lines = list(writing.lines.values())
        batch = _batch(lines, {**documents, **outgoing, **alerts}, writing.notifications)
        self._commit(batch)
        for watched in last:
            watched.saved(documents)
        for key in outgoing:
            self._fleet.outgoing.pop(key, None)

    def _documents(
        self, part: Sequence[Watched], *, everything: bool
    ) -> dict[tuple[str, str], Json]:
        now = self._parts.clock.now()
        made = (watched.documents(now, everything=everything) for watched in part)
        return dict(chain.from_iterable(documents.items() for documents in made))

    def _commit(self, batch: Batch) -> None:
        try:
            self._parts.store.commit(batch)
        except Exception:
            self._parts.meter.state_write_failed()
            raise


def _batch(
    lines: Sequence[Lines],
    documents: dict[tuple[str, str], Json],
    notifications: Sequence[Notification] = (),
) -> Batch:
    """Return one transaction; where a document was gathered twice, the one of `documents` holds."""
    gathered = dict(chain.from_iterable(line.documents.items() for line in lines))
    return Batch(
        documents={**gathered, **documents},
        decisions=[decision for line in lines for decision in line.decisions],
        observations=[observation for line in lines for observation in line.observations],
        history=[point for line in lines for point in line.history],
        notifications=notifications,
    )

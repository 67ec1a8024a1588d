"""Keeps the Store small, and what the prober learned in it."""

from autoscaler.core.charging import DAYS_KEPT
from autoscaler.core.model import Json
from autoscaler.daemon.config import DAY_SECONDS, Live, Parts
from autoscaler.daemon.fleet import Fleet
from autoscaler.daemon.watched import ARCHIVED_KINDS
from autoscaler.ports import Batch

PROBER = "prober"
"""Kind of the documents that hold what the prober learned of each deployment."""
AUDIT = "audit"
"""Kind of the documents that hold persons' orders; ids begin with their instant."""
CHECKPOINT = "checkpoint"
"""Kind of the documents that hold a state and policy for `replay`; ids begin with their instant."""
ERA = "era"
"""Kind of the documents that hold the day and policy of a deployment's last checkpoint."""


class Housekeeping:
    """The slow job."""

    def __init__(self, parts: Parts, fleet: Fleet, *, live: Live) -> None:
        self._parts = parts
        self._fleet = fleet
        self._live = live
        self._kept: dict[str, Json] = {}

    async def clean_once(self) -> None:
        """Drop what is older than the configuration wants kept."""
        now, config = self._parts.clock.now(), self._live.config
        self._parts.store.prune(
            before=now - config.keep_seconds,
            observations_before=now - config.keep_observations_seconds,
        )
        self._drop_archives(now - DAYS_KEPT * DAY_SECONDS)
        self._drop_dated(AUDIT, now - config.keep_seconds)
        self._drop_dated(CHECKPOINT, now - config.keep_observations_seconds)
        self._parts.prober.keep(frozenset(self._fleet.watched))
        self.keep_prober_memory()

    def keep_prober_memory(self) -> None:
        """Write what the prober learned, where it changed."""
        memory = self._parts.prober.memory()
        changed = {
            (PROBER, key): memory.get(key)
            for key in memory.keys() | self._kept.keys()
            if memory.get(key) != self._kept.get(key)
        }
        if changed:
            self._parts.store.commit(Batch(documents=changed))
            self._kept = dict(memory)

    def _drop_archives(self, before: float) -> None:
        old = [
            id_
            for id_, watched in self._fleet.gone.items()
            if (watched.sighting.gone_at or 0.0) < before
        ]
        if old:
            documents = {(kind, id_): None for id_ in old for kind in ARCHIVED_KINDS}
            self._parts.store.commit(Batch(documents=documents))
        for id_ in old:
            del self._fleet.gone[id_]

    def _drop_dated(self, kind: str, before: float) -> None:
        old = [key for key in self._parts.store.documents(kind) if float(key.split()[0]) < before]
        if old:
            self._parts.store.commit(Batch(documents={(kind, key): None for key in old}))

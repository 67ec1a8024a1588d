"""All deployments that are known, and how well the control plane is seen.

The daemon's jobs share this one object; the event loop is their lock. What it holds outlives the
process in the Store's documents.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import structlog

from autoscaler.core.codec import Undecodable
from autoscaler.core.model import Deployment, Json
from autoscaler.core.snapshot import ControlPlaneView
from autoscaler.daemon.watched import KINDS, Watched, restore
from autoscaler.ports import InventoryItem, Store

log = structlog.get_logger()

STALE_SECONDS = 300.0
"""Age of the last complete list from which the control plane is shown as stale (SEMANTICS 4)."""


@dataclass(slots=True)
class ControlPlane:
    """How the control plane answered."""

    last_success_at: float | None = None
    """Instant of the last complete list of this process."""
    last_error: str = ""
    """Why the last list failed or was not complete; empty when it was."""
    consecutive_failures: int = 0
    """Lists in a row that could not be read."""
    complete_lists: int = 0
    """Complete lists in a row."""
    invalid_items: tuple[str, ...] = ()
    """One sentence for each item of the last list that could not be read."""
    requests: int = 0
    """Calls since the last look of the alert engine."""
    errors: int = 0
    """Those of the `requests` that failed."""
    auth_failures: int = 0
    """Lists that were refused for the credential since the last one that was not."""

    def view(
        self, now: float, *, since: float, poll_seconds: float, expires_at: float | None
    ) -> ControlPlaneView:
        """Return what the snapshot shows; `since` is the daemon's start."""
        age = now - (self.last_success_at if self.last_success_at is not None else since)
        return ControlPlaneView(
            last_success_at=self.last_success_at,
            last_error=self.last_error,
            consecutive_failures=self.consecutive_failures,
            is_stale=age > max(STALE_SECONDS, 5 * poll_seconds),
            invalid_items=self.invalid_items,
            credential_expires_at=expires_at,
        )


@dataclass(slots=True)
class Fleet:
    """Deployments by id, those that are gone, and what else the jobs share."""

    watched: dict[str, Watched] = field(default_factory=dict)
    gone: dict[str, Watched] = field(default_factory=dict)
    """Archived accounts of deployments that do not exist any more."""
    departed: list[Watched] = field(default_factory=list)
    """Found gone since the last look of the alert engine."""
    control_plane: ControlPlane = field(default_factory=ControlPlane)
    outgoing: dict[tuple[str, str], Json] = field(default_factory=dict)
    """Documents of no watched deployment for the next commit."""
    inventory: tuple[InventoryItem, ...] = ()
    """As last read; empty where it never was."""
    inventory_at: float | None = None
    """Instant of that reading; None = there was none."""

    def __iter__(self) -> Iterator[Watched]:
        return iter(sorted(self.watched.values(), key=lambda w: (w.name, w.id)))

    def find(self, name_or_id: str) -> Watched | None:
        """Return the deployment of this name or id; None = there is none."""
        by_id = self.watched.get(name_or_id)
        return by_id or next((w for w in self if w.name == name_or_id), None)

    def free_gpus(self, deployment: Deployment) -> int | None:
        """Return how many GPUs of its kind the inventory has free; None = not known."""
        for item in self.inventory:
            if item.config_id == deployment.gpu_config_id and item.region == deployment.region:
                return item.available_gpu_count
        return None

    def ever(self) -> list[Watched]:
        """Return every deployment that has an account, those that are gone among them."""
        return [*self, *self.gone.values()]


def restore_fleet(store: Store) -> tuple[Fleet, tuple[str, ...]]:
    """Read the fleet back; documents that cannot be read cost that deployment its memory, and a
    sentence says so.
    """
    kinds = {kind: store.documents(kind) for kind in KINDS}
    fleet, warnings = Fleet(), []
    for id_, sighting in kinds["watch"].items():
        documents: dict[str, Json] = {"watch": sighting}
        documents |= {kind: kinds[kind].get(id_) for kind in KINDS if kind != "watch"}
        watched, warning = _restore_one(id_, documents)
        if warning:
            warnings.append(warning)
        if watched is not None:
            home = fleet.watched if watched.sighting.gone_at is None else fleet.gone
            home[id_] = watched
    return fleet, tuple(warnings)


def _restore_one(id_: str, documents: dict[str, Json]) -> tuple[Watched | None, str]:
    try:
        return restore(documents), ""
    except Undecodable as fault:
        warning = f"The stored state of {id_} cannot be read ({fault}); it is learned anew."
        log.warning("state_unreadable", deployment_id=id_, because=str(fault))
    for kept in (("watch", "ask", "orders", "ledger", "uptime"), ("watch", "ask", "orders")):
        try:
            return restore({kind: documents[kind] for kind in kept}), warning
        except Undecodable:
            continue
    return None, warning

"""The control plane as the daemon uses it, and what its answers look like."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from autoscaler.core.model import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One reading of the whole fleet."""

    deployments: tuple[Deployment, ...]
    complete: bool
    """True if every page was read and totals agree; False is never taken for a deletion."""
    invalid: tuple[str, ...] = ()
    """One sentence for each item that could not be read, naming it and the field."""
    invalid_ids: tuple[str, ...] = ()
    """Ids of such items where they could be read: they exist, so they are not gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryItem:
    """One GPU configuration of the inventory."""

    config_id: str
    region: str
    gpu_model: str
    price_per_gpu_hour: Decimal | None
    currency: str
    available_gpu_count: int | None
    total_gpu_count: int | None
    min_gpu_count: int | None
    max_gpu_count: int | None
    availability: str


class CloudRefused(Exception):
    """The platform refused a scale call for good (4xx): nothing was changed."""


class CloudUnknown(Exception):
    """The outcome of a call is not known (timeout, 5xx, broken connection): read again before
    anything else.
    """


class Cloud(Protocol):
    """The control plane as the daemon uses it: it reads, and it scales. Nothing else (SEMANTICS
    3.1).
    """

    async def list(self) -> Listing:
        """Read every page. Raises CloudUnknown when nothing could be read."""
        ...

    async def get(self, deployment_id: str) -> Deployment | None:
        """Read one deployment; None = 404, it is gone. Raises CloudUnknown otherwise."""
        ...

    async def scale(self, deployment_id: str, replicas: int) -> Deployment | None:
        """Ask for `replicas`, once. None = accepted, body unreadable. Raises CloudRefused or
        CloudUnknown.
        """
        ...

    async def inventory(self) -> Sequence[InventoryItem]:
        """Prices and free GPUs; empty where the platform tells none. Raises CloudUnknown."""
        ...

    def credential_expires_at(self) -> float | None:
        """Instant at which the present token expires; None = unknown."""
        ...

    def credential_lifetime_seconds(self) -> float | None:
        """Whole life of the present token, as far as it is known; None = unknown."""
        ...

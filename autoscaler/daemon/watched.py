"""One deployment as the daemon knows it: the platform's word, our state, our accounts.

Plain data plus its documents in the Store. Kinds: `watch` (what was last seen), `state` (the
policy's memory), `ask`, `orders`, `uptime`, `slo`, `ledger`. When a deployment is gone, `watch`,
`uptime` and `ledger` stay as its archive, so that a month's bill and report still add up.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from autoscaler.core.codec import decode, encode
from autoscaler.core.cost import Ledger
from autoscaler.core.model import (
    Ask,
    Decision,
    Deployment,
    Json,
    Notice,
    Orders,
    ProbeResult,
    Signal,
)
from autoscaler.core.policy import Policy
from autoscaler.core.slo import SloState
from autoscaler.core.state import State, decode_state, encode_state
from autoscaler.core.uptime import UptimeState

T = TypeVar("T")

INBOX = 256
"""Probe results kept for the next tick: a minute of the fastest cadence many times over."""
RECENT = 512
"""Probe results kept for the view: more than 10 minutes at 5 s with two in flight."""

ARCHIVED_KINDS = ("watch", "uptime", "ledger")
KINDS = (*ARCHIVED_KINDS, "state", "ask", "orders", "slo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What was last seen of a deployment; the document `watch`."""

    deployment: Deployment
    read_at: float
    """Instant just before the read left that `deployment` comes from."""
    first_seen_at: float
    endpoint_url: str | None = None
    """The last endpoint seen: through our own transitions it goes on being probed."""
    confirmed_failed: bool = False
    """True if the status is `failed` and a second read said so too."""
    gone_at: float | None = None
    """When it was found gone; None while it exists."""
    scale_failures: int = 0
    """Scale calls in a row that did not succeed."""


@dataclass(slots=True)
class Watched:
    """One deployment; mutable, owned by the event loop."""

    sighting: Sighting
    state: State = field(default_factory=State)
    ask: Ask | None = None
    orders: Orders = field(default_factory=Orders)
    uptime: UptimeState = field(default_factory=UptimeState)
    slo: SloState = field(default_factory=SloState)
    ledger: Ledger = field(default_factory=Ledger)
    decision: Decision | None = None
    """The latest one of this process."""
    notices: tuple[Notice, ...] = ()
    missing_lists: int = 0
    """Complete lists in a row that did not name it."""
    inbox: deque[ProbeResult] = field(default_factory=lambda: deque(maxlen=INBOX))
    """Results for the next tick."""
    signals: tuple[Signal, ...] = ()
    """The newest extra readings."""
    unseen_by_alerts: deque[ProbeResult] = field(default_factory=lambda: deque(maxlen=INBOX))
    recent: deque[ProbeResult] = field(default_factory=lambda: deque(maxlen=RECENT))
    inflight: dict[int, float] = field(default_factory=dict)
    """Number of each probe in flight to the instant at which it was sent."""
    dirty: set[str] = field(default_factory=set)
    """Kinds of documents that differ from the Store's."""

    @property
    def deployment(self) -> Deployment:
        """As last seen."""
        return self.sighting.deployment

    @property
    def id(self) -> str:
        """The platform's id."""
        return self.sighting.deployment.id

    @property
    def name(self) -> str:
        """The name for people; also the label in metrics."""
        return self.sighting.deployment.name

    @property
    def is_scaling(self) -> bool:
        """True while an ask of ours is under way."""
        return self.ask is not None and self.ask.is_open

    def is_settling(self, now: float, policy: Policy) -> bool:
        """True while an ask is under way or its settling window is not over."""
        if self.ask is None:
            return False
        closed = self.ask.closed_at
        return self.is_scaling or (
            closed is not None and now < closed + policy.settling_window_seconds
        )

    def probe_target(self, policy: Policy) -> Deployment | None:
        """Return what to probe: the deployment, through a transition of ours with its last known
        endpoint; None where there is nothing to probe.
        """
        deployment = self.deployment
        url = deployment.endpoint_url or self.sighting.endpoint_url
        transition = self.is_scaling and deployment.status.value in policy.transition_statuses
        if url is None or not (deployment.is_ready or transition):
            return None
        return replace(deployment, endpoint_url=url)

    def touch(self, *kinds: str) -> None:
        """Mark documents for the next commit."""
        self.dirty.update(kinds)

    def documents(self) -> dict[tuple[str, str], Json]:
        """Return the documents that changed since the last call that was followed by `saved`."""
        return {(kind, self.id): self._document(kind) for kind in sorted(self.dirty)}

    def saved(self) -> None:
        """Say that the last `documents` are in the Store."""
        self.dirty.clear()

    def archive(self) -> dict[tuple[str, str], Json]:
        """Return the documents that remain of a deployment that is gone."""
        kept = {(kind, self.id): self._document(kind) for kind in ARCHIVED_KINDS}
        dropped = {(kind, self.id): None for kind in KINDS if kind not in ARCHIVED_KINDS}
        return {**kept, **dropped}

    def _document(self, kind: str) -> Json:
        if kind == "state":
            return encode_state(self.state)
        parts = {
            "watch": self.sighting,
            "ask": self.ask,
            "orders": self.orders,
            "uptime": self.uptime,
            "slo": self.slo,
            "ledger": self.ledger,
        }
        return encode(parts[kind])


def restore(documents: Mapping[str, Json]) -> Watched:
    """Build a deployment from its documents by kind. Raises Undecodable without a good `watch`."""
    watched = Watched(sighting=decode(Sighting, documents["watch"]))
    state = documents.get("state")
    if state is not None:
        watched.state = decode_state(state)
    watched.ask = _read(Ask, documents.get("ask"))
    watched.orders = _read(Orders, documents.get("orders")) or watched.orders
    watched.uptime = _read(UptimeState, documents.get("uptime")) or watched.uptime
    watched.slo = _read(SloState, documents.get("slo")) or watched.slo
    watched.ledger = _read(Ledger, documents.get("ledger")) or watched.ledger
    return watched


def _read(kind: type[T], document: Json) -> T | None:
    return None if document is None else decode(kind, document)

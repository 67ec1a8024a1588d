"""One deployment as the daemon knows it: the platform's word, our state, our accounts.

Plain data plus its documents in the Store. Kinds: `watch` (what was last seen), `state` (the
policy's memory), `ask`, `orders`, `uptime`, `slo`, `ledger`. Past days of `uptime` and `ledger`
never change again and have documents of their own (`…_days`), written once a day, so that a year of
them costs a tick nothing. When a deployment is gone, its accounts stay as an archive, so that a
month's bill and report still add up.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from autoscaler.core.charging import Day, Ledger
from autoscaler.core.codec import decode, encode
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
from autoscaler.core.slo import SloState, Thresholds
from autoscaler.core.snapshot import SloView
from autoscaler.core.state import State, decode_state, encode_state
from autoscaler.core.uptime import UptimeState

T = TypeVar("T")

INBOX = 256
"""Probe results kept for the next tick: a minute of the fastest cadence many times over."""
RECENT = 512
"""Probe results kept for the view: more than 10 minutes at 5 s with two in flight."""

SLO_SECONDS = 60.0
"""Between two writes of the error budget, the largest document; a killed process loses the probes
of the last minute from it, of some 170,000 in its window.
"""
OPEN_DAYS = 2
"""Days that may still change: today, and yesterday until the first look of today."""

ARCHIVED_KINDS = ("watch", "uptime", "uptime_days", "ledger", "ledger_days")
KINDS = (*ARCHIVED_KINDS, "state", "ask", "orders", "slo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What was last seen of a deployment; the document `watch`."""

    deployment: Deployment
    read_at: float
    """Instant just before the read left that `deployment` comes from."""
    first_seen_at: float
    """Instant of the first list that named it."""
    endpoint_url: str | None = None
    """The last endpoint seen: through our own transitions it goes on being probed."""
    confirmed_failed: bool = False
    """True if the status is `failed` and a second read said so too."""
    gone_at: float | None = None
    """When it was found gone; None while it exists."""
    scale_failures: int = 0
    """Scale calls in a row that did not succeed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerDays:
    """Closed days of the account; the document `ledger_days`."""

    days: Mapping[str, Day] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UptimeDays:
    """Closed days of time in status; the document `uptime_days`."""

    days: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """Views of the error budgets, with what they were taken of."""

    at: float
    """Instant at which they were taken."""
    state: SloState
    limits: Thresholds
    views: tuple[SloView, ...]


@dataclass(slots=True)
class Watched:
    """One deployment; mutable, owned by the event loop."""

    sighting: Sighting
    state: State = field(default_factory=State)
    ask: Ask | None = None
    """Our latest ask, closed ones too; None = there is none."""
    orders: Orders = field(default_factory=Orders)
    uptime: UptimeState = field(default_factory=UptimeState)
    slo: SloState = field(default_factory=SloState)
    ledger: Ledger = field(default_factory=Ledger)
    decision: Decision | None = None
    """The latest one of this process."""
    notices: tuple[Notice, ...] = ()
    """Of the latest step."""
    missing_lists: int = 0
    """Complete lists in a row that did not name it."""
    inbox: deque[ProbeResult] = field(default_factory=lambda: deque(maxlen=INBOX))
    """Results for the next tick."""
    signals: tuple[Signal, ...] = ()
    """The newest extra readings."""
    unseen_by_alerts: deque[ProbeResult] = field(default_factory=lambda: deque(maxlen=INBOX))
    """Results since the last look of the alert engine."""
    recent: deque[ProbeResult] = field(default_factory=lambda: deque(maxlen=RECENT))
    """The last results, oldest first."""
    inflight: dict[int, float] = field(default_factory=dict)
    """Number of each probe in flight to the instant at which it was sent."""
    dirty: set[str] = field(default_factory=set)
    """Kinds of documents that differ from the Store's."""
    objectives: Objectives | None = None
    """The newest views of `slo`; None = none taken yet."""
    slo_written_at: float = 0.0
    """Instant at which `slo` was last written."""
    closed_days: str = ""
    """The newest day when the documents of closed days were written."""

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

    def begin_anew(self) -> None:
        """Forget what was true only before it was gone, and mark everything for the next commit."""
        self.decision, self.notices, self.signals, self.missing_lists = None, (), (), 0
        self.inbox.clear()
        self.unseen_by_alerts.clear()
        self.touch(*KINDS)

    def touch(self, *kinds: str) -> None:
        """Mark documents for the next commit."""
        self.dirty.update(kinds)

    def documents(self, now: float, *, everything: bool = False) -> dict[tuple[str, str], Json]:
        """Return the documents that changed and are due; they stay marked until `saved`."""
        if "slo" in self.dirty and now - self.slo_written_at >= SLO_SECONDS:
            self.slo_written_at, everything = now, True
        newest = max((*self.ledger.days, *self.uptime.days), default="")
        if newest != self.closed_days:
            self.closed_days = newest
            self.touch("uptime_days", "ledger_days")
        wanted = self.dirty if everything else self.dirty - {"slo"}
        return {(kind, self.id): self._document(kind) for kind in sorted(wanted)}

    def saved(self, documents: Mapping[tuple[str, str], Json]) -> None:
        """Say that these documents are in the Store."""
        self.dirty -= {kind for kind in KINDS if (kind, self.id) in documents}

    def archive(self) -> dict[tuple[str, str], Json]:
        """Return the documents that remain of a deployment that is gone."""
        kept = {(kind, self.id): self._document(kind) for kind in ARCHIVED_KINDS}
        dropped = {(kind, self.id): None for kind in KINDS if kind not in ARCHIVED_KINDS}
        return {**kept, **dropped}

    def _document(self, kind: str) -> Json:
        return encode_state(self.state) if kind == "state" else encode(_CONTENTS[kind](self))


_CONTENTS: Mapping[str, Callable[[Watched], object]] = {
    "watch": lambda w: w.sighting,
    "ask": lambda w: w.ask,
    "orders": lambda w: w.orders,
    "slo": lambda w: w.slo,
    "ledger": lambda w: replace(w.ledger, days=_newest(w.ledger.days)),
    "ledger_days": lambda w: LedgerDays(days=_older(w.ledger.days)),
    "uptime": lambda w: replace(w.uptime, days=_newest(w.uptime.days)),
    "uptime_days": lambda w: UptimeDays(days=_older(w.uptime.days)),
}
"""Kind of document to what it holds."""


def restore(documents: Mapping[str, Json]) -> Watched:
    """Build a deployment from its documents by kind. Raises Undecodable without a good `watch`."""
    watched = Watched(sighting=decode(Sighting, documents["watch"]))
    state = documents.get("state")
    if state is not None:
        watched.state = decode_state(state)
    watched.ask = _read(Ask, documents.get("ask"))
    watched.orders = _read(Orders, documents.get("orders")) or watched.orders
    watched.slo = _read(SloState, documents.get("slo")) or watched.slo
    ledger = _read(Ledger, documents.get("ledger")) or watched.ledger
    days = _read(LedgerDays, documents.get("ledger_days")) or LedgerDays()
    watched.ledger = replace(ledger, days={**days.days, **ledger.days})
    uptime = _read(UptimeState, documents.get("uptime")) or watched.uptime
    past = _read(UptimeDays, documents.get("uptime_days")) or UptimeDays()
    watched.uptime = replace(uptime, days={**past.days, **uptime.days})
    return watched


def _newest(days: Mapping[str, T]) -> dict[str, T]:
    return {day: days[day] for day in sorted(days)[-OPEN_DAYS:]}


def _older(days: Mapping[str, T]) -> dict[str, T]:
    return {day: days[day] for day in sorted(days)[:-OPEN_DAYS]}


def _read(kind: type[T], document: Json) -> T | None:
    return None if document is None else decode(kind, document)

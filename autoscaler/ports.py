"""Every seam on one page. The daemon knows these Protocols and the core, and nothing concrete.

Cloud talks to the control plane, Prober to endpoints, Notifier to receivers, Store to disk, Meter
to counters,
Clock to time; Console is what the web server may ask of the daemon.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from autoscaler.core.model import Decision, Deployment, Json, ProbeResult, Signal
from autoscaler.core.notification import (
    Notification as Notification,  # noqa: PLC0414  # re-exported: rows are read and written through the Store
)
from autoscaler.core.policy import Policy
from autoscaler.core.snapshot import HistoryPoint, ReceiverView, Snapshot


class Clock(Protocol):
    """Time. `now` for instants, `monotonic` for durations; both follow virtual time in tests."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never steps back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Every(Protocol):
    """Runs a job again and again: APScheduler live, a plain loop on virtual time."""

    def add(
        self,
        name: str,
        seconds: float,
        job: Callable[[], Awaitable[None]],
        *,
        delay_seconds: float = 0.0,
    ) -> None:
        """Register `job` to run every `seconds`, first after `delay_seconds`; runs that would
        overlap are counted as missed. A job of the same name is replaced.
        """
        ...

    async def start(self) -> None:
        """Begin; the first run of each job is at once, or after its delay."""
        ...

    async def stop(self) -> None:
        """Stop and wait for running jobs."""
        ...


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


class Prober(Protocol):
    """Sends one probe. Never raises for anything the endpoint does."""

    async def probe(
        self, deployment: Deployment, *, scheduled_at: float, profile: str = "short"
    ) -> ProbeResult:
        """Probe the deployment's endpoint once. Refuses (as untrusted data) hosts that are not
        allowed.
        """
        ...

    async def close(self) -> None:
        """Close sessions; cancels what is in flight."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRefused:
    """An endpoint that no key may be sent to: nothing was sent; somebody should look."""

    deployment_id: str
    deployment: str
    host: str
    """`host:port` of the refused endpoint."""
    because: str
    """What is wrong with it and what to do, as a sentence."""
    at: float
    """Instant at which it was last refused."""


class EndpointProber(Prober, Protocol):
    """The prober as the daemon knows it: besides probing, what it learned and what it refused."""

    async def story(
        self, deployment: Deployment, *, profile: str = "short"
    ) -> tuple[ProbeResult, dict[str, Json]]:
        """Probe once, now, and tell everything: request without its key, timeline, verdict."""
        ...

    def refusals(self) -> tuple[HostRefused, ...]:
        """Endpoints that are refused at present (host not allowed, not https, or changed)."""
        ...

    def hint(self, deployment_id: str) -> str:
        """What on the way spoils this deployment's streams, and how to change it; empty if
        nothing.
        """
        ...

    def memory(self) -> dict[str, Json]:
        """What to keep over a restart, by deployment id: pinned host, dropped request fields."""
        ...

    def recall(self, documents: Mapping[str, Json]) -> None:
        """Take back what `memory` gave; documents that cannot be read are ignored."""
        ...

    def keep(self, deployment_ids: frozenset[str]) -> None:
        """Forget all other deployments (they are gone for good)."""
        ...


class SignalReader(Protocol):
    """An optional extra look at a deployment: its engine's metrics, a Prometheus. Read-only."""

    async def read(self, deployment: Deployment) -> tuple[Signal, ...]:
        """The signals now; values are None where nothing fresh could be read. Never raises for
        what the other side does.
        """
        ...

    async def close(self) -> None:
        """Close sessions."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One probe that is due now."""

    deployment_id: str
    profile: str
    """`short`, `long`, `liveness`, …: given to `Prober.probe`."""
    scheduled_at: float
    """Instant of its place on the grid; SLO latencies count from here."""
    number: int
    """Tells probes of one deployment apart."""


class ProbePlan(Protocol):
    """When to probe what: an open loop on a jittered grid. Pure; both clocks are handed in."""

    def watch(
        self, deployment: Deployment, decision: Decision | None, *, policy: Policy, monotonic: float
    ) -> None:
        """Keep probing `deployment`, at the pace that its latest decision asks for."""
        ...

    def unwatch(self, deployment_id: str) -> None:
        """Stop probing it."""
        ...

    def due(self, monotonic: float, *, now: float) -> list[Due]:
        """What to send now, oldest first; whatever is passed over is counted."""
        ...

    def started(self, due: Due, *, monotonic: float) -> None:
        """The probe was sent."""
        ...

    def finished(self, due: Due) -> None:
        """The probe ended, however it ended."""
        ...

    def interval_seconds(self, deployment_id: str) -> float | None:
        """Cadence in force; None = not watched."""
        ...

    def next_at(self) -> float | None:
        """Monotonic second of the next due probe; None = nothing is watched."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one tick writes, in one transaction."""

    documents: Mapping[tuple[str, str], Json] = field(default_factory=dict)
    """(kind, id) to a JSON document, replaced whole; None deletes. Kinds: `state`, `ask`, `orders`,
    `alerts`, …
    """
    decisions: Sequence[Decision] = ()
    observations: Sequence[tuple[float, str, Json]] = ()
    """(at, deployment id, observation as JSON) for replay; kept for the configured days."""
    history: Sequence[tuple[str, HistoryPoint]] = ()
    """(deployment id, point)."""
    notifications: Sequence[Notification] = ()
    """New outbox rows; a row whose key exists already is ignored."""


class Store(Protocol):
    """Durable state. Every method is synchronous and short; one writer."""

    def documents(self, kind: str) -> dict[str, Json]:
        """All documents of one kind by id."""
        ...

    def commit(self, batch: Batch) -> None:
        """Write one batch in one transaction, durable on return."""
        ...

    def decisions(
        self,
        deployment_id: str,
        *,
        since: float = 0.0,
        until: float | None = None,
        limit: int = 100,
    ) -> list[dict[str, Json]]:
        """Decisions as JSON, newest first."""
        ...

    def observations(
        self, deployment_id: str, *, since: float = 0.0, until: float | None = None
    ) -> list[Json]:
        """Recorded observations, oldest first."""
        ...

    def history(self, deployment_id: str, *, since: float) -> list[HistoryPoint]:
        """Minutes, oldest first."""
        ...

    def due(self, now: float, *, limit: int = 100) -> list[Notification]:
        """Outbox rows to send now: per receiver and fingerprint only the oldest undelivered one."""
        ...

    def queued(self) -> list[Notification]:
        """All undelivered rows, oldest first."""
        ...

    def delivered(self, key: str, *, at: float, note: Json = None) -> None:
        """Mark one row delivered; `note` is what the receiver wants back later (Slack ts and the
        like).
        """
        ...

    def failed(self, key: str, *, next_attempt_at: float, error: str) -> None:
        """Count one failed attempt and say when to try again."""
        ...

    def dead(self, key: str, *, at: float, error: str) -> None:
        """Give one row up; it stays readable as a dead letter."""
        ...

    def notes(self, receiver: str, fingerprint: str, episode: int) -> list[Json]:
        """Notes of the delivered rows of one episode, oldest first."""
        ...

    def prune(self, *, before: float, observations_before: float | None = None) -> None:
        """Drop history, decisions and closed outbox rows older than `before`, and observations
        older than `observations_before` (None = also `before`).
        """
        ...

    def close(self) -> None:
        """Close the file."""
        ...


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


class Meter(Protocol):
    """Counters, incremented where events happen. Labels are bounded; names live in the exporter."""

    def probe(self, deployment: str, result: ProbeResult, *, slo_bad: Mapping[str, bool]) -> None:
        """One finished probe; `slo_bad` maps each objective it counts for to whether it was bad."""
        ...

    def probe_skipped(self, deployment: str, reason: str) -> None:
        """A due probe that was not sent: overlap, not_ready, maintenance, self_offline, shutdown,
        late.
        """
        ...

    def schedule_lag(self, seconds: float) -> None:
        """Intended against actual start of one probe."""
        ...

    def decision(self, decision: Decision) -> None:
        """One evaluation."""
        ...

    def scale_call(self, deployment: str, *, direction: str, result: str) -> None:
        """One scale call: direction up or down; result ok, rejected, timeout, error."""
        ...

    def scale_settled(self, direction: str, seconds: float) -> None:
        """Seconds from an accepted ask to replicas reached and ready."""
        ...

    def status_transition(self, deployment: str, before: str, after: str) -> None:
        """One change of status seen."""
        ...

    def controlplane_request(self, operation: str, code: str, seconds: float) -> None:
        """One HTTP request to the control plane; code is the status or timeout, network."""
        ...

    def alert_transition(self, name: str, severity: str, to: str) -> None:
        """One alert that began to fire or was resolved."""
        ...

    def notification(
        self, receiver: str, event: str, *, failure: str | None, seconds: float
    ) -> None:
        """One attempt to notify; `failure` None = delivered, `seconds` since the state change."""
        ...

    def job(self, name: str, seconds: float, *, failed: bool) -> None:
        """One run of a periodic job."""
        ...

    def job_missed(self, name: str) -> None:
        """One run that was skipped because the last still ran, or came too late."""
        ...

    def loop_lag(self, seconds: float) -> None:
        """One sample of the event loop's lag."""
        ...


class Denied(Exception):
    """A console call that cannot be carried out; the text says why and what to do."""


class Console(Protocol):
    """What the web server and the CLI may ask of a running daemon. Names are deployment names or
    ids.
    """

    def snapshot(self) -> Snapshot | None:
        """The latest picture; None before the first tick."""
        ...

    def history(self, deployment: str, *, since: float) -> list[HistoryPoint]:
        """Minutes of one deployment, oldest first."""
        ...

    def decisions(
        self, deployment: str, *, at: float | None = None, limit: int = 100
    ) -> list[dict[str, Json]]:
        """Decisions as JSON, newest first; with `at`, the one in force then first."""
        ...

    def pause(self, deployment: str, *, by: str, reason: str, seconds: float | None) -> None:
        """Stop scaling one deployment. Raises Denied."""
        ...

    def resume(self, deployment: str, *, by: str) -> None:
        """End pause and override. Raises Denied."""
        ...

    def override(
        self, deployment: str, *, replicas: int, seconds: float, by: str, reason: str
    ) -> None:
        """Hold a count until it expires. Raises Denied."""
        ...

    async def probe_now(self, deployment: str, *, debug: bool = False) -> dict[str, Json]:
        """Probe once, now; with `debug`, the whole story of that probe. Raises Denied."""
        ...

    def silence(self, *, matchers: Sequence[str], seconds: float, by: str, reason: str) -> str:
        """Add a silence and return its id. Raises Denied."""
        ...

    def unsilence(self, silence_id: str) -> None:
        """Expire a silence. Raises Denied."""
        ...

    async def test_alert(self, *, receiver: str | None, event: str) -> list[dict[str, Json]]:
        """Send a test notification and return what each receiver answered. Raises Denied."""
        ...

    async def reload(self) -> str:
        """Validate the configuration, then swap it in; returns what changed. Raises Denied: the old
        one stays.
        """
        ...

    def costs(self, *, month: str | None) -> list[dict[str, Json]]:
        """Cost rows per deployment and day, money as decimal strings; `month` is YYYY-MM."""
        ...

    def uptimes(self, *, month: str | None) -> list[dict[str, Json]]:
        """One report per deployment on a month (YYYY-MM) against the platform's SLA."""
        ...

    def is_healthy(self) -> tuple[bool, str]:
        """Liveness: whether the loops progress, and why not."""
        ...

    def is_ready(self) -> tuple[bool, str]:
        """Readiness: configuration loaded, store open, first list done or grace over."""
        ...

"""What everybody reads: one frozen picture of the fleet after each tick.

The daemon builds it; nothing else is asked for state. Lists are ordered by deployment name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from autoscaler.core.model import Ask, Decision, Deployment, Orders, ProbeResult
from autoscaler.core.policy import Policy
from autoscaler.core.words import Status


class Severity(StrEnum):
    """How loud an alert is: page, ticket, log, or the watchdog's none."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"
    NONE = "none"


class AlertState(StrEnum):
    """Where an alert stands."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One episode of one alert. Identity is name, project, deployment and dimension; values only
    describe.
    """

    name: str
    """From the catalogue, e.g. `NeevDeploymentFailed`."""
    severity: Severity
    state: AlertState
    project: str
    deployment: str
    """Deployment name; empty for an alert of the fleet or of the daemon itself."""
    dimension: str
    """Third part of the identity (slo, receiver, scope); usually empty."""
    fingerprint: str
    """sha256 over the identity, hex, 16 characters."""
    episode: int
    """Counts the episodes of this fingerprint; a repeat of one episode is no second incident."""
    started_at: float
    """When the condition was first seen in this episode."""
    fired_at: float | None
    resolved_at: float | None
    summary: str
    description: str
    suggested_action: str
    runbook: str
    """File name in docs/runbooks."""
    evidence: Mapping[str, str] = field(default_factory=dict)
    """Last failing probe, decision, values; redacted."""
    silenced_by: str | None = None
    """Id of the silence that mutes it; None = not silenced."""
    inhibited_by: str | None = None
    """Name of the alert that explains it; None = not inhibited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A person's word that matching alerts send nothing until it expires."""

    id: str
    matchers: tuple[str, ...]
    """`label=value`, `label!=value`, `label=~regex`, `label!~regex` over alertname, deployment,
    severity.
    """
    starts_at: float
    ends_at: float
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlaneView:
    """How well we see the control plane."""

    last_success_at: float | None
    """Instant of the last complete list; None = never yet."""
    last_error: str = ""
    consecutive_failures: int = 0
    is_stale: bool = False
    invalid_items: tuple[str, ...] = ()
    """One sentence for each item of the last list that could not be read."""
    credential_expires_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeView:
    """Recent probes of one deployment."""

    last: ProbeResult | None = None
    last_success: ProbeResult | None = None
    last_failure: ProbeResult | None = None
    ttft_p50: float | None = None
    ttft_p90: float | None = None
    itl_p50: float | None = None
    itl_p90: float | None = None
    success_ratio: float | None = None
    """Over the last 10 minutes; None = no counted probe."""
    inflight_since: float | None = None
    interval_seconds: float | None = None
    """The cadence in force now."""
    buffered_hint: str = ""
    """What spoils the streams and how to change it; empty if nothing does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SloView:
    """One objective of one deployment over its window."""

    slo: str
    """`availability`, `ttft` or `itl`."""
    objective_ratio: float
    threshold_seconds: float | None
    """None for availability."""
    events: int
    bad: int
    budget_left_ratio: float | None
    """1 = untouched, 0 = spent, below 0 = overspent; None = no events."""
    burn_rates: Mapping[str, float | None]
    """Window (`5m`, `1h`, …) to burn rate; 1 = on budget."""
    bad_by_window: Mapping[str, int] = field(default_factory=dict)
    """Window to bad events in it: no burn rate pages on a single one. Empty = not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UptimeView:
    """Observed time in each status, in seconds."""

    seconds: Mapping[str, float]
    """Status word, `scaling` (our own transitions) or `unknown` (nobody looked) to seconds, all
    time.
    """
    ready_sessions: int
    availability_ratio: float | None
    """From probes over the last 30 days; None = none counted."""
    status_since: float
    uptime_seconds: int
    """The platform's own, verbatim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostView:
    """Money of one deployment or of the fleet, in the daemon's one currency."""

    currency: str
    per_hour: Decimal
    total: Decimal
    """Since the ledger began."""
    today: Decimal
    month_to_date: Decimal
    forecast_month_end: Decimal
    avoided_against_max: Decimal
    while_not_ready: Decimal
    gpu_seconds: Decimal
    price_per_gpu_hour: Decimal
    """0 for the fleet, which has no one price."""
    avoided_against_static: Decimal = Decimal(0)
    """Against a fleet fixed at the largest count ever used."""
    estimated: bool = False
    """True if a part was filled over a gap in observation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentView:
    """All there is to show of one deployment."""

    deployment: Deployment
    status: Status
    """The status to show: the platform's, or `unknown` while the control plane is stale."""
    seen_at: float
    """Instant of the read that `deployment` comes from."""
    policy: Policy
    orders: Orders
    ask: Ask | None
    decision: Decision | None
    shadow_replicas: int | None
    """What active mode would be running by now; None before the first decision."""
    shadow_cost: Decimal | None
    """What following the shadow would have cost more (above 0) or less so far; None = price
    unknown.
    """
    probe: ProbeView
    uptime: UptimeView
    slos: tuple[SloView, ...]
    cost: CostView | None
    """None = price unknown: no cost series at all."""
    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """One periodic job of the daemon."""

    name: str
    last_success_at: float | None
    last_duration_seconds: float | None
    failures: int
    missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverView:
    """One alert receiver's queue."""

    name: str
    kind: str
    queued: int
    oldest_at: float | None
    dead_letters: int
    circuit_open: bool
    last_error: str = ""
    oldest_critical_at: float | None = None
    """Age of the oldest undelivered row about a critical alert; None = none waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The fleet after one tick."""

    at: float
    started_at: float
    version: str
    mode: str
    """`active` if any deployment may be scaled, else `advisory`."""
    control_plane: ControlPlaneView
    deployments: tuple[DeploymentView, ...]
    alerts: tuple[Alert, ...]
    """All alerts that are pending or firing, fleet and daemon alerts included."""
    silences: tuple[Silence, ...]
    jobs: tuple[JobView, ...]
    receivers: tuple[ReceiverView, ...]
    fleet_cost: CostView | None
    loop_lag_p99_seconds: float | None
    fleet_budget: float | None = None
    """Money a month for all deployments together; None = no budget of the fleet."""
    prices_refreshed_at: float | None = None
    """When prices were last read from the inventory, seconds since the epoch; None = never."""
    warnings: tuple[str, ...] = ()
    """Sentences to show on top: active but no max, unknown price, what would be removed at start, …
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPoint:
    """One minute of one deployment, for the page's day."""

    at: float
    """Start of the minute."""
    replicas: int | None
    asked: int | None
    target: int | None
    need: float | None
    """Estimated load / capacity per replica: the count that the load needs, unrounded."""
    need_low: float | None
    need_high: float | None
    ttft_seconds: float | None
    itl_seconds: float | None
    success_ratio: float | None
    cost_per_hour: float | None
    status: str

"""What the alert engine may look at: one frozen picture of the fleet for each evaluation.

The daemon fills it each tick from what it has anyway; nothing here is computed for alerts alone.
Everything optional has a default, and the default always means "not known", never "all is well":
the engine fires nothing and resolves nothing on what is not known.
"""

from dataclasses import dataclass, field

from autoscaler.core.model import Ask, Decision, Deployment, Notice, Orders, ProbeResult
from autoscaler.core.policy import Policy
from autoscaler.core.snapshot import (
    ControlPlaneView,
    CostView,
    JobView,
    ReceiverView,
    SloView,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendFacts:
    """Money of one deployment or of the fleet, beside its CostView."""

    cost: CostView | None = None
    """None = price unknown: no alert about money."""
    monthly_budget: float | None = None
    """In the daemon's currency; None = none set."""
    last_day: float | None = None
    """Money of the last 24 h; None = not known, or the ledger is younger than that."""
    daily_mean: float | None = None
    """Mean money per day over the 7 days before the last 24 h; None = not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentFacts:
    """All that is known of one deployment at this evaluation."""

    deployment: Deployment
    """As the platform last described it."""
    seen_at: float
    """Instant of the read that `deployment` comes from; an old one is no new evidence."""
    status_since: float
    """Instant at which the present status was first seen (persisted)."""
    confirmed_failed: bool = False
    """True if the status is `failed` and one re-read after the first sight said so too."""
    gone: bool = False
    """True if a 404 or two complete lists say that it does not exist any more."""
    settling: bool = False
    """True while a transition of our own ask, or its settling window, is under way."""
    probes: tuple[ProbeResult, ...] = ()
    """Results since the last evaluation, oldest first."""
    policy: Policy = field(default_factory=Policy)
    orders: Orders = field(default_factory=Orders)
    ask: Ask | None = None
    """Our latest ask, open or closed; None if there was none."""
    decision: Decision | None = None
    """The latest decision; None before the first."""
    notices: tuple[Notice, ...] = ()
    """What the steps since the last evaluation want people to know."""
    scale_failures: int = 0
    """Scale calls of ours that failed in a row; 0 after an accepted one."""
    slos: tuple[SloView, ...] = ()
    cert_expires_at: float | None = None
    """Expiry of the endpoint's certificate; None = not known, or no TLS."""
    spend: SpendFacts = field(default_factory=SpendFacts)
    free_gpus: int | None = None
    """GPUs of its kind that the inventory says are free; None = not known."""
    host_refused: str = ""
    """Why its endpoint's host is not trusted (not under the platform's domain, or not the pinned
    one); empty = trusted.
    """
    buffered_hint: str = ""
    """What spoils the streams and how to change it; empty = nothing does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlaneFacts:
    """How the control plane answered since the last evaluation."""

    view: ControlPlaneView
    requests: int = 0
    """Requests finished since the last evaluation."""
    errors: int = 0
    """Those of them that failed (timeout, network, 429, 5xx)."""
    auth_failures: int = 0
    """401 or 403 in a row that a fresh login did not cure; 0 after a success."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialFacts:
    """One credential with an end."""

    name: str
    """`access_token`, `inference_key`, `webhook_secret`, …"""
    expires_at: float
    lifetime_seconds: float | None = None
    """Its whole life; None = not known, then it counts as a long one."""
    renews_itself: bool = False
    """True if the daemon refreshes it: then only a failed refresh is a matter for people."""
    refresh_failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFacts:
    """All that one evaluation may look at."""

    at: float
    """The instant of the evaluation."""
    project: str
    control_plane: ControlPlaneFacts
    complete: bool
    """True if `deployments` names every deployment that exists, by two complete lists in a row:
    an alert's deployment that is missing here is then gone.
    """
    deployments: tuple[DeploymentFacts, ...] = ()
    poll_seconds: float = 15.0
    decide_seconds: float = 15.0
    self_offline: bool | None = None
    """True if no canary can be reached: our own network is lost. None = not checked."""
    receivers: tuple[ReceiverView, ...] = ()
    jobs: tuple[JobView, ...] = ()
    """Failure and missed counts are totals since start; the engine takes the differences."""
    loop_lag_p99_seconds: float | None = None
    """None = not measured."""
    credentials: tuple[CredentialFacts, ...] = ()
    spend: SpendFacts = field(default_factory=SpendFacts)
    """Of the whole fleet."""
    price_refreshed_at: float | None = None
    """Instant of the last read of the inventory's prices; None = no inventory is used."""
    reload_failed_at: float | None = None
    """Instant of a reload that was refused and not yet put right; None = the last one worked."""
    reload_error: str = ""

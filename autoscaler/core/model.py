"""The nouns of the product: frozen data that every part shares.

All instants (`…_at`) are seconds since the epoch, UTC. Durations are seconds. `None` means "not
known" and never zero; each field says so where it may be None.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from autoscaler.core.words import (
    LATENCY_ONLY,
    FailureReason,
    Reason,
    Status,
    UntrustedReason,
    Verdict,
)

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
"""What survives a JSON round trip; the only form in which state leaves memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One Dedicated Model Deployment as the platform last described it."""

    id: str
    """The platform's id (`dep-…`); changes when a deployment is re-created under the same name."""
    name: str
    project_id: str
    model_id: str
    """Slash path that the endpoint serves under; the `model` of inference requests."""
    model_name: str | None
    region: str
    status: Status
    raw_status: str
    """The platform's own word, kept where it is none that we know."""
    endpoint_url: str | None
    """OpenAI-compatible base URL; None until ready, and perhaps in a transition."""
    gpu_config_id: str
    gpu_count: int
    """GPUs per replica, at least 1."""
    replicas: int
    """Running replicas, as the platform says (`current`)."""
    created_at: float | None
    updated_at: float | None
    """Instant of the platform's last state change; a hint that somebody else acted."""
    uptime_seconds: int
    """Seconds of the present ready session, verbatim; 0 when not ready."""

    @property
    def is_ready(self) -> bool:
        """True if the platform says that the deployment serves."""
        return self.status is Status.READY


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """Seconds that each phase of one probe took; None where a phase was not reached or seen."""

    dns: float | None = None
    connect: float | None = None
    """TCP and TLS together."""
    headers: float | None = None
    """From the request's last byte to the response's headers."""
    first_token: float | None = None
    """From the headers to the first token."""
    stream: float | None = None
    """From the first token to the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What one probe saw. A failure is data, never an exception."""

    id: str
    deployment_id: str
    profile: str
    """Name of the probe profile (`short`, `long`, `warm`, `liveness`, `calibrate`)."""
    scheduled_at: float
    """Instant at which the probe was due; SLO latencies count from here."""
    sent_at: float
    """Instant just before the request left; server latencies count from here."""
    duration_seconds: float
    """From `sent_at` to the end, whatever the end was."""
    failure: FailureReason | None
    """None if the probe succeeded by the strict rule."""
    detail: str = ""
    """One sentence about a failure, redacted, at most 256 characters."""
    http_status: int | None = None
    ttft_seconds: float | None = None
    """From `sent_at` to the first token (content, reasoning or tool call); None if none came or
    unknowable.
    """
    first_content_seconds: float | None = None
    """From `sent_at` to the first content token, where reasoning came first; else None."""
    itl_seconds: float | None = None
    """(t_last - t_first) / (N - k1); None where it cannot be known."""
    output_tokens: int | None = None
    """N, exact where the server counted, else the chunks; None if unknown."""
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    token_times: tuple[tuple[float, int], ...] = ()
    """(seconds since `sent_at`, tokens so far) once per distinct read, oldest first, bounded to
    256.
    """
    times_trusted: bool = False
    """True if `token_times` can carry other users' arrivals: enough distinct reads, tokens counted.
    """
    times_refused_because: str = ""
    """Why `times_trusted` is False, in a few words; empty when it is True."""
    phases: Phases = field(default_factory=Phases)
    untrusted: tuple[UntrustedReason, ...] = ()
    """Why this result must not be counted in SLO or policy; empty for a trusted result."""
    warmup: bool = False
    """True for the first probes after ready or after a scale-up: not counted in the SLO."""
    retry_after_seconds: float | None = None
    cert_expires_at: float | None = None

    @property
    def ok(self) -> bool:
        """True if the probe succeeded by the strict rule."""
        return self.failure is None

    @property
    def ended_at(self) -> float:
        """Instant at which the probe ended."""
        return self.sent_at + self.duration_seconds

    @property
    def counts(self) -> bool:
        """True if the result may enter SLO and policy (trusted; a warm-up is for the caller to
        judge).
        """
        return not self.untrusted

    @property
    def tells_availability(self) -> bool:
        """True if success or failure may be counted, even where the latencies may not (buffered,
        cached, read late).
        """
        return LATENCY_ONLY.issuperset(self.untrusted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """An extra reading (engine metrics, PromQL); optional and read-only."""

    name: str
    at: float
    value: float | None
    """None = not enough fresh evidence."""
    target: float | None = None
    """The value at which load is as wanted; None where the signal has no target of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A scale call of ours, recorded before it left, until settled, refused or overdue."""

    count: int
    """Replicas asked for."""
    from_count: int
    """Current replicas when asked."""
    asked_at: float
    outcome: str = "pending"
    """`pending` (intent recorded, call under way or unknown), `accepted`, `refused`, `settled`,
    `overdue`.
    """
    closed_at: float | None = None
    """When it settled, was refused or went overdue; None while it is open."""

    @property
    def is_open(self) -> bool:
        """True while the ask counts as capacity to come (pending or accepted)."""
        return self.outcome in {"pending", "accepted"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A person's word: hold this count until it expires."""

    replicas: int
    until: float
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A person's word: watch, recommend, never scale."""

    since: float
    until: float | None
    """None = until resumed."""
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What persons ordered for one deployment; rules of the core apply it."""

    pause: Pause | None = None
    override: Override | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """All that one step may look at, for one deployment."""

    at: float
    deployment: Deployment
    read_at: float
    """Instant of the control-plane read that `deployment` comes from."""
    probes: tuple[ProbeResult, ...] = ()
    """Results that arrived since the last step, oldest first."""
    signals: tuple[Signal, ...] = ()
    ask: Ask | None = None
    """Our latest ask, open or closed since the last step; None if there is none to tell of."""
    orders: Orders = field(default_factory=Orders)
    price_per_replica_hour: float | None = None
    """Money per replica and hour in the daemon's currency; None = price unknown."""
    month_spend: float | None = None
    """Money spent this month on this deployment; None = unknown."""
    month_left_hours: float | None = None
    """Hours left in the billing month; None where no budget is kept."""
    started_at: float = 0.0
    """Instant of the daemon's start or last reload: nothing goes down for a settling window after
    it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What the probes say of the load, with its uncertainty. A field is None where nothing is
    known.
    """

    at: float
    alpha_seconds: float | None = None
    """Idle inter-token latency."""
    alpha_trusted: bool = False
    alpha_because: str = ""
    itl_seconds: float | None = None
    """Mean ITL over the stable window."""
    ttft_seconds: float | None = None
    """Median TTFT over the stable window."""
    rho: float | None = None
    """Share of a replica's capacity in use, 0..1 and above in overload."""
    rho_low: float | None = None
    rho_high: float | None = None
    cap: float = 0.5
    """E1's value at which the batch is full."""
    cap_learned: bool = False
    load: float | None = None
    """Replicas' worth of work."""
    load_low: float | None = None
    load_high: float | None = None
    capacity_per_replica: float | None = None
    """Load that one replica carries within the SLO, in the same unit as `load`."""
    arrivals_per_second: float | None = None
    """Requests a second heard, all replicas together; None where streams cannot carry it."""
    arrivals_because: str = ""
    overloaded: bool = False
    ttft_slope: float | None = None
    """Seconds of TTFT per second; above 0 the queue grows. None outside overload."""
    probes_used: int = 0
    failures: int = 0
    cold_start_seconds: float = 180.0
    because: str = ""
    """The estimate in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rule's word in a decision: what it found, what it left, and why."""

    rule: str
    before: int
    after: int
    because: str
    reason: Reason | None = None
    """The code, if this rule shaped the outcome; None if it only let the count pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """What another count would bring."""

    replicas: int
    itl_seconds: float | None
    ttft_seconds: float | None
    meets_slo: bool | None
    """None = cannot be predicted."""
    cost_per_hour: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision or non-decision with its whole argument."""

    at: float
    deployment_id: str
    deployment: str
    """The name."""
    current: int
    recommended: int
    """What the rules want before limits."""
    target: int
    """What the rules want after all limits."""
    verdict: Verdict
    reason: Reason
    because: str
    """One sentence for people."""
    steps: tuple[Step, ...]
    estimate: Estimate
    counterfactuals: tuple[Counterfactual, ...] = ()
    ask: int | None = None
    """The count to ask the platform for now; None = no call (also in advisory mode)."""
    held_until: float | None = None
    """When the gate that held this decision opens; None if none, or unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A fact that a step wants people to know; the alert engine makes alerts of it."""

    kind: str
    """`infeasible_slo`, `capped_budget`, `saturated_at_max`, `failed_step`, `imbalance`,
    `external_change`, …
    """
    because: str
    values: Mapping[str, float] = field(default_factory=dict)

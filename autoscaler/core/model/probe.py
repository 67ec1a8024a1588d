"""What the endpoints tell: results of probes, and extra signals."""

from dataclasses import dataclass, field

from autoscaler.core.words import LATENCY_ONLY, FailureReason, Measure, UntrustedReason


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
    measure: Measure | None = None
    """What it measures of the load; None = nothing that enters the estimate."""
    replica: str | None = None
    """Whose it is: None = of all replicas together; else a name of the one replica that answered,
    empty where it has none.
    """

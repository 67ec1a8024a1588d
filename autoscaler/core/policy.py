"""What a user states, per deployment: the policy that `step` obeys. Frozen; made once from the
settings.
"""

from dataclasses import dataclass, field

from autoscaler.core.words import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """Service level objective of one deployment."""

    ttft_seconds: float | None = None
    """Longest good time to first token; None = the larger of 1 s and 5 x idle TTFT."""
    itl_seconds: float | None = None
    """Longest good inter-token latency; None = 3 x alpha."""
    attainment_ratio: float = 0.98
    """Share of the traffic to be served within the SLO, 0..1."""
    availability_ratio: float = 0.995
    """Share of probes that must succeed. 99.5 %: a single failed probe must not page (monitoring.md
    3.4).
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLimit:
    """The larger of `replicas` and `ratio` x current, per `period_seconds`."""

    replicas: int
    ratio: float
    period_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A floor and a ceiling that hold from each cron instant on for a while."""

    cron: str
    """Five cron fields, read in `timezone`."""
    timezone: str
    duration_seconds: float
    min_replicas: int | None = None
    max_replicas: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The effective policy of one deployment."""

    mode: Mode = Mode.ADVISORY
    matched: str | None = None
    """The entry of `deployments:` that matched, in words; None = no entry: never scaled."""
    min_replicas: int | None = None
    """None = no floor enforced (the platform's own is 1)."""
    max_replicas: int | None = None
    """None = no ceiling: the deployment is watched and never scaled."""
    slo: Slo = field(default_factory=Slo)
    alpha_seconds: float | None = None
    """Idle ITL given by the user; None = learned."""
    max_num_seqs: int | None = None
    """The engine's batch size, as a hint for the cap; None = learned."""
    tolerance_ratio: float = 0.1
    """Relative change below which nothing moves (HPA)."""
    headroom_ratio: float = 0.8
    """Share of the SLO's load that is planned for (calibrates itself)."""
    headroom_calibrates: bool = True
    settling_window_seconds: float = 120.0
    settle_deadline_seconds: float = 900.0
    scale_up_cooldown_seconds: float = 0.0
    scale_down_hold_seconds: float = 600.0
    """Shortest time that a lower recommendation must hold; the larger of this and the learned cold
    start.
    """
    scale_up_step: StepLimit = field(default_factory=lambda: StepLimit(replicas=4, ratio=1.0))
    scale_down_step: StepLimit = field(default_factory=lambda: StepLimit(replicas=1, ratio=0.25))
    fast_window_seconds: float = 60.0
    stable_window_seconds: float = 180.0
    evidence_age_seconds: float = 120.0
    """Age of the newest counted probe from which there is no evidence: BLIND."""
    stale_after_seconds: float = 60.0
    """Age of the control-plane read from which current counts as stale: BLIND. Four polls."""
    fallback_after_seconds: float | None = None
    """Blind for this long: raise to `fallback_replicas`. None = never."""
    fallback_replicas: int | None = None
    cold_start_seconds: float = 180.0
    """Prior of the time from ask to ready, until learned."""
    max_cost_per_hour: float | None = None
    monthly_budget: float | None = None
    budget_enforce: bool = False
    schedules: tuple[Schedule, ...] = ()
    forecast: bool = True
    """Whether a forecast may raise the count, once its own rolling backtest has earned it."""
    hand_seconds: float = 7200.0
    """How long a change by other hands is respected as a floor."""
    transition_statuses: tuple[str, ...] = ("initializing", "ready", "unknown")
    """Statuses taken for a transition of our own ask while it is open."""

    @property
    def may_scale(self) -> bool:
        """True if the policy lets the daemon call scale: active, matched, with a max."""
        return self.mode is Mode.ACTIVE and self.is_managed

    @property
    def is_managed(self) -> bool:
        """True if an entry with a max matches: otherwise the deployment is only watched."""
        return self.matched is not None and self.max_replicas is not None

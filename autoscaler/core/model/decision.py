"""What one step says: the estimate, the decision with its argument, and notices."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from autoscaler.core.words import Attention, Reason, Verdict


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
    attention: Attention = Attention.STEADY
    """How closely to probe until the next decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A fact that a step wants people to know; the alert engine makes alerts of it."""

    kind: str
    """`infeasible_slo`, `capped_budget`, `saturated_at_max`, `failed_step`, `imbalance`,
    `external_change`, …
    """
    because: str
    values: Mapping[str, float] = field(default_factory=dict)

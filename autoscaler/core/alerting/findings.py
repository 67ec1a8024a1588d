"""What a condition says of one subject at one evaluation, and what it may look at to say it.

A condition is a pure function from a scope to findings. It has four words: `bad` (true), `good`
(over), `between` (neither: below the threshold to fire, above the one to end) and `unknown` (no
fresh evidence), plus `suspect`: true, but not confirmed, so that it may be seen and never sent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from autoscaler.core.alerting.facts import DeploymentFacts, FleetFacts
from autoscaler.core.alerting.rules import AlertRules
from autoscaler.core.alerting.state import Memory
from autoscaler.core.snapshot import Severity


class Look(StrEnum):
    """What one look at the evidence found."""

    BAD = "bad"
    SUSPECT = "suspect"
    BETWEEN = "between"
    GOOD = "good"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One condition's word on one subject."""

    look: Look
    data_at: float
    """Instant of the evidence; a finding on evidence that was used before counts as unknown."""
    dimension: str = ""
    severity: Severity | None = None
    """None = the alert's own."""
    description: str = ""
    """What was found, with values; one or two sentences."""
    action: str = ""
    """What to do, where it differs from the alert's own advice; else empty."""
    evidence: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FleetScope:
    """What a condition about the daemon, the control plane or the fleet looks at."""

    facts: FleetFacts
    memory: Memory
    rules: AlertRules

    @property
    def at(self) -> float:
        """The instant of the evaluation."""
        return self.facts.at


@dataclass(frozen=True, slots=True)
class DeploymentScope:
    """What a condition about one deployment looks at."""

    facts: FleetFacts
    subject: DeploymentFacts
    memory: Memory
    """Already holds what the facts of this evaluation add."""
    rules: AlertRules

    @property
    def at(self) -> float:
        """The instant of the evaluation."""
        return self.facts.at

    @property
    def probed_at(self) -> float:
        """Instant of the newest probe that counts; minus infinity if there is none."""
        return self.memory.probes[-1][0] if self.memory.probes else float("-inf")


FleetCondition = Callable[[FleetScope], Sequence[Finding]]
DeploymentCondition = Callable[[DeploymentScope], Sequence[Finding]]


def grade(*, bad: bool, good: bool) -> Look:
    """Return the word for a reading with hysteresis: `bad` wins, and between both is `between`."""
    if bad:
        return Look.BAD
    return Look.GOOD if good else Look.BETWEEN


def good(data_at: float, dimension: str = "") -> tuple[Finding, ...]:
    """Return the one finding that the condition is over, by evidence of that instant."""
    return (Finding(look=Look.GOOD, data_at=data_at, dimension=dimension),)


def unknown(dimension: str = "") -> tuple[Finding, ...]:
    """Return the one finding that nothing can be said."""
    return (Finding(look=Look.UNKNOWN, data_at=float("-inf"), dimension=dimension),)


def span(seconds: float) -> str:
    """Return a duration for people, in its two largest units: `45 s`, `12 min`, `3 h 20 min`.

    7261 s reads `2 h 1 min`.
    """
    whole = max(0, round(seconds))
    for size, word, smaller, small in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {word}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"

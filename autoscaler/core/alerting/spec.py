"""What one entry of the catalogue says of an alert."""

from dataclasses import dataclass

from autoscaler.core.alerting.findings import DeploymentCondition, FleetCondition
from autoscaler.core.snapshot import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSpec:
    """One alert of the catalogue: when it fires and ends, and what people read."""

    name: str
    severity: Severity
    """Where a finding names none."""
    summary: str
    """One static clause: what is wrong. The deployment's name is put before it."""
    action: str
    """What to do next, in a sentence or two."""
    deployment: DeploymentCondition | None = None
    """Condition looked at once per deployment; None = not about deployments."""
    fleet: FleetCondition | None = None
    """Condition looked at once; None = not about the fleet."""
    for_seconds: float = 0.0
    """How long data-bearing evaluations must find it true before it fires."""
    keep_seconds: float = 0.0
    """How long they must find it over before it ends."""
    good_count: int = 1
    """How many in a row must find it over before it ends."""
    inhibited_by: tuple[str, ...] = ()
    """Alerts that explain it: of the same deployment, or of the fleet."""
    inhibited_dimensions: tuple[str, ...] | None = None
    """Dimensions that those alerts explain; None = all."""
    explains_early: bool = False
    """Whether it inhibits already while pending: what it explains may fire sooner than it does."""
    folds_in_storm: bool = True
    """Whether the storm guard may fold it; only criticals about deployments are ever folded."""

    @property
    def runbook(self) -> str:
        """File name of its runbook in docs/runbooks."""
        return f"{self.name}.md"

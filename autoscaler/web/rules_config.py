"""What the Prometheus rules of a configuration depend on, and the form that each alert takes."""

from dataclasses import dataclass
from enum import StrEnum

from autoscaler.core.model import Json

SOURCE = "prometheus"


class RulesMode(StrEnum):
    """How much Prometheus says: only what the daemon cannot, or also what both can."""

    META = "meta"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesConfig:
    """What the rules depend on."""

    job: str = "neevscale"
    """Name of the scrape job."""
    mode: RulesMode = RulesMode.META
    discover_seconds: float = 15.0
    probe_seconds: float = 15.0
    decide_seconds: float = 15.0
    runbook_url: str = ""
    """Prefix of the runbooks' addresses; empty = none."""

    @property
    def poll_stale_seconds(self) -> int:
        """Age of the last list that is an alert: the larger of 5 min and 5 polls."""
        return int(max(300.0, 5 * self.discover_seconds))

    @property
    def probe_stale_seconds(self) -> int:
        """Age of the last probe of a ready deployment: the larger of 10 min and 20 idle cadences,
        each twice the configured one.
        """
        return int(max(600.0, 40 * self.probe_seconds))

    @property
    def tick_stale_seconds(self) -> int:
        """Age of the last picture: the larger of 2 min and 8 decisions."""
        return int(max(120.0, 8 * self.decide_seconds))


@dataclass(frozen=True, slots=True)
class RuleAlert:
    """One alert of Prometheus."""

    name: str
    expression: str
    severity: str
    wait: str
    summary: str
    dimension: str = ""

    def rule(self, config: RulesConfig) -> Json:
        """Return it as the rule file wants it, with what the guide for mixins asks for."""
        annotations: dict[str, Json] = {"summary": self.summary, "description": self.summary}
        if config.runbook_url:
            annotations["runbook_url"] = f"{config.runbook_url.rstrip('/')}/{self.name}.md"
        rule: dict[str, Json] = {"alert": self.name, "expr": self.expression}
        if self.wait != "0m":
            rule["for"] = self.wait
        labels: dict[str, Json] = {"severity": self.severity, "source": SOURCE}
        if self.dimension:
            labels["dimension"] = self.dimension
        return {**rule, "labels": labels, "annotations": annotations}

"""What happens in the demo, told as sentences, and counted for the summary at its end.

Compares each picture of the fleet with the one before; it decides nothing and prints nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from autoscaler.cli.demo_sink import Delivered
from autoscaler.cli.output import plain
from autoscaler.core.model import Decision
from autoscaler.core.snapshot import DeploymentView, Snapshot
from autoscaler.core.words import Verdict


@dataclass(frozen=True, slots=True)
class Happening:
    """One sentence and its instant."""

    at: float
    """Seconds since the epoch."""
    text: str


@dataclass(slots=True)
class Story:
    """All that has happened so far."""

    happenings: list[Happening] = field(default_factory=list)
    decisions: int = 0
    scale_ups: int = 0
    scale_downs: int = 0
    alerts: int = 0
    _statuses: dict[str, str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _decided_at: dict[str, float] = field(default_factory=dict)

    def follow(self, snapshot: Snapshot, delivered: Sequence[Delivered]) -> list[Happening]:
        """Take one picture and all alerts so far; return what is new."""
        known = len(self.happenings)
        for view in snapshot.deployments:
            self._follow_status(view, snapshot.at)
            self._follow_count(view, snapshot.at)
            if view.decision is not None:
                self._follow_decision(view.decision)
        for alert in delivered[self.alerts :]:
            self._tell(snapshot.at, _alert_sentence(alert))
        self.alerts = len(delivered)
        news = sorted(self.happenings[known:], key=lambda happening: happening.at)
        self.happenings[known:] = news
        return news

    def _follow_status(self, view: DeploymentView, at: float) -> None:
        name, status = view.deployment.name, str(view.status)
        before = self._statuses.get(name)
        self._statuses[name] = status
        if before is not None and before != status:
            self._tell(at, f"{name}: status {before} → {status}")

    def _follow_count(self, view: DeploymentView, at: float) -> None:
        name, count = view.deployment.name, view.deployment.replicas
        before = self._counts.get(name)
        self._counts[name] = count
        if before is not None and before != count:
            self._tell(at, f"{name}: {count} replicas run, {before} before")

    def _follow_decision(self, decision: Decision) -> None:
        if self._decided_at.get(decision.deployment) == decision.at:
            return
        self._decided_at[decision.deployment] = decision.at
        self.decisions += 1
        if decision.ask is None:
            return
        self.scale_ups += decision.ask > decision.current
        self.scale_downs += decision.ask < decision.current
        arrow = "▲" if decision.verdict is Verdict.UP else "▼"
        self._tell(
            decision.at,
            f"{decision.deployment}: {arrow} scale {decision.current} → {decision.ask}, "
            f"{decision.reason}: {decision.because}",
        )

    def _tell(self, at: float, text: str) -> None:
        self.happenings.append(Happening(at, plain(text)))


def _alert_sentence(alert: Delivered) -> str:
    """What the demo's webhook got; the summary names the deployment itself."""
    return f"✉ webhook got {alert.status} {alert.name} ({alert.severity}): {alert.summary}"

"""Builders of what the alert engine looks at, and a driver that plays a story on virtual instants.

The driver passes the state through JSON text before each look (in long stories: now and then), so
that every story is also a story of restarts.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from autoscaler.core.alerting.engine import AlertOutcome, evaluate
from autoscaler.core.alerting.facts import ControlPlaneFacts, DeploymentFacts, FleetFacts
from autoscaler.core.alerting.rules import AlertRules, ReceiverRule
from autoscaler.core.alerting.state import (
    MEMORY_KIND,
    STATE_KEY,
    AlertsState,
    restore_state,
    state_documents,
)
from autoscaler.core.model import Decision, Deployment, Estimate, Json, ProbeResult, Step
from autoscaler.core.notification import Notification
from autoscaler.core.snapshot import Alert, AlertState, ControlPlaneView, Severity
from autoscaler.core.words import FailureReason, Reason, Status, Verdict

T0 = 1_800_000_000.0
POLL = 15.0
OFTEN = 20
"""Looks before which each one is a restart, and after which each of so many is."""
RULES = AlertRules(receivers=(ReceiverRule(name="hook", min_severity=Severity.NONE),))


def deployment(name: str = "chat-a", **changes: Any) -> Deployment:
    values: dict[str, Any] = {
        "id": f"dep-{name}",
        "name": name,
        "project_id": "p-1",
        "model_id": "meta-llama/Llama-3.1-8B-Instruct",
        "model_name": None,
        "region": "as-south-1",
        "status": Status.READY,
        "endpoint_url": f"https://{name}.inference.ai.neevcloud.com/v1",
        "gpu_config_id": "gpu-h100-80g-20cpu-125g",
        "gpu_count": 1,
        "replicas": 2,
        "created_at": T0,
        "updated_at": T0,
        "uptime_seconds": 3600,
    } | changes
    return Deployment(raw_status=str(values["status"].value), **values)


def probe(at: float, failure: FailureReason | None = None, **changes: Any) -> ProbeResult:
    values: dict[str, Any] = {
        "id": f"pr-{at:.0f}",
        "deployment_id": "dep-chat-a",
        "profile": "short",
        "scheduled_at": at - 1,
        "sent_at": at - 1,
        "duration_seconds": 1.0,
        "failure": failure,
        "detail": f"{failure.value} seen" if failure else "",
        "ttft_seconds": None if failure else 0.2,
        "itl_seconds": None if failure else 0.02,
    } | changes
    return ProbeResult(**values)


def decision(at: float, *, current: int = 2, target: int = 2, **changes: Any) -> Decision:
    values: dict[str, Any] = {
        "at": at,
        "deployment_id": "dep-chat-a",
        "deployment": "chat-a",
        "current": current,
        "recommended": target,
        "target": target,
        "verdict": Verdict.HOLD,
        "reason": Reason.WITHIN_TOLERANCE,
        "because": "Nothing to do.",
        "steps": (Step(rule="bounds", before=current, after=target, because="in bounds"),),
        "estimate": Estimate(at=at),
    } | changes
    return Decision(**values)


def subject(at: float, **changes: Any) -> DeploymentFacts:
    """Facts of one deployment, freshly read, ready and unremarkable but for `changes`."""
    values: dict[str, Any] = {
        "deployment": deployment(),
        "seen_at": at,
        "status_since": T0,
        "decision": decision(at),
    } | changes
    return DeploymentFacts(**values)


def fleet(at: float, *deployments: DeploymentFacts, **changes: Any) -> FleetFacts:
    values: dict[str, Any] = {
        "at": at,
        "project": "p-1",
        "control_plane": ControlPlaneFacts(
            view=ControlPlaneView(last_success_at=at), requests=1, errors=0
        ),
        "complete": True,
        "deployments": deployments,
        "self_offline": False,
        "loop_lag_p99_seconds": 0.01,
    } | changes
    return FleetFacts(**values)


def through_json(state: AlertsState) -> AlertsState:
    """What a restarted process has of a state."""
    documents = state_documents(state)
    text = json.dumps([[list(key), body] for key, body in documents.items()])
    alerts: dict[str, Json] = {}
    memories: dict[str, Json] = {}
    for (kind, key), body in json.loads(text):
        if kind == MEMORY_KIND:
            memories[key] = body
        elif (kind, key) == STATE_KEY:
            alerts[key] = body
    return restore_state(alerts, memories)


@dataclass
class Story:
    """Plays facts into the engine and keeps what came of it."""

    rules: AlertRules = RULES
    state: AlertsState = field(default_factory=AlertsState)
    rows: list[Notification] = field(default_factory=list)
    outcome: AlertOutcome | None = None
    looks: int = 0

    def see(self, facts: FleetFacts) -> AlertOutcome:
        self.looks += 1
        if self.looks < OFTEN or self.looks % OFTEN == 0:
            self.state = through_json(self.state)
        self.outcome = evaluate(self.state, facts, self.rules)
        self.state = self.outcome.state
        self.rows.extend(self.outcome.notifications)
        return self.outcome

    def see_one(self, at: float, **changes: Any) -> AlertOutcome:
        return self.see(fleet(at, subject(at, **changes)))

    def found(self, name: str) -> Alert | None:
        assert self.outcome is not None
        return next((alert for alert in self.outcome.alerts if alert.name == name), None)

    def firing(self) -> set[str]:
        assert self.outcome is not None
        return {
            alert.name
            for alert in self.outcome.alerts
            if alert.state is AlertState.FIRING and alert.name != "NeevWatchdog"
        }

    def told(self, name: str) -> list[str]:
        """Events queued about one alert, in order."""
        return [row.event for row in self.rows if about(row) == name]


def about(row: Notification) -> str:
    alert = row.payload["alert"]
    assert isinstance(alert, dict)
    return str(alert["name"])


def instants(start: float, count: int, step: float = POLL) -> Iterable[float]:
    return (start + index * step for index in range(count))


def with_status(status: Status, **changes: Any) -> Deployment:
    return replace(deployment(**changes), status=status, raw_status=status.value)

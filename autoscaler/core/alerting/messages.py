"""What receivers are given: the payload of an outbox row, as data, and how it is written and read.

A payload holds everything that any receiver says, so that a row can be sent days later by another
process. It is redacted when it is written; receivers only choose and lay out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from autoscaler.core.alerting.catalogue import BY_NAME
from autoscaler.core.alerting.rules import AlertRules
from autoscaler.core.alerting.state import Record
from autoscaler.core.codec import decode, encode
from autoscaler.core.model import Json
from autoscaler.core.snapshot import Alert, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMessage:
    """One event of one alert."""

    event: str
    """`trigger`, `escalate`, `reminder`, `resolve` or `test`."""
    alert: Alert
    because: str = ""
    """Why it ended: `recovered`, `deployment_deleted`, `withdrawn`; empty while it lasts."""
    previous_severity: Severity | None = None
    """What was told before an escalation; None = nothing louder came."""
    runbook_url: str = ""
    page_url: str = ""
    """Our page, at this deployment; empty where no external URL is set."""
    external_url: str = ""

    @property
    def is_over(self) -> bool:
        """Whether it tells the end of an alert."""
        return self.alert.resolved_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeMessage:
    """One scale action, for receivers that show changes beside incidents."""

    at: float
    project: str
    deployment: str
    from_replicas: int
    to_replicas: int
    reason: str
    because: str
    page_url: str = ""


def alert_view(record: Record) -> Alert:
    """Return the alert as everybody sees it."""
    spec = BY_NAME.get(record.name)
    return Alert(
        name=record.name,
        severity=record.severity,
        state=record.state,
        project=record.project,
        deployment=record.deployment,
        dimension=record.dimension,
        fingerprint=record.fingerprint,
        episode=record.episode,
        started_at=record.started_at,
        fired_at=record.fired_at,
        resolved_at=record.resolved_at,
        summary=record.summary,
        description=record.description,
        suggested_action=record.suggested_action,
        runbook=spec.runbook if spec else "",
        evidence=record.evidence,
        silenced_by=record.silenced_by,
        inhibited_by=record.inhibited_by,
    )


def build_message(record: Record, event: str, rules: AlertRules) -> AlertMessage:
    """Return the message of one event of one record."""
    alert = alert_view(record)
    escalated = event == "escalate"
    return AlertMessage(
        event=event,
        alert=alert,
        because=record.ended_because,
        previous_severity=record.told_severity if escalated else None,
        runbook_url=f"{rules.runbook_url.rstrip('/')}/{alert.runbook}" if alert.runbook else "",
        page_url=page_url(rules.external_url, record.deployment),
        external_url=rules.external_url,
    )


def page_url(external_url: str, deployment: str) -> str:
    """Return the address of our page, at a deployment; empty where no external URL is set."""
    if not external_url:
        return ""
    page = external_url.rstrip("/") + "/"
    return f"{page}?deployment={deployment}" if deployment else page


def payload_of(message: AlertMessage | ChangeMessage) -> dict[str, Json]:
    """Return the JSON form of a message."""
    return cast("dict[str, Json]", encode(message))


def read_alert(payload: Mapping[str, Json]) -> AlertMessage:
    """Return the message of a row that is about an alert. Raises Undecodable."""
    return decode(AlertMessage, dict(payload))


def read_change(payload: Mapping[str, Json]) -> ChangeMessage:
    """Return the message of a row that is about a change. Raises Undecodable."""
    return decode(ChangeMessage, dict(payload))

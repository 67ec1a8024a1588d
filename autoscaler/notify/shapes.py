"""The two JSON bodies of an alert: Alertmanager's, which many receivers read, and our own."""

from typing import cast

from autoscaler.core.alerting.messages import AlertMessage, ChangeMessage
from autoscaler.core.codec import encode
from autoscaler.core.model import Json
from autoscaler.core.snapshot import Severity
from autoscaler.notify.receiver import Attempt
from autoscaler.notify.text import iso

ZERO_TIME = "0001-01-01T00:00:00Z"
"""What Alertmanager writes as the end of an alert that still fires."""


def labels_of(message: AlertMessage, *, severity: Severity | None = None) -> dict[str, str]:
    """Return the labels of an alert: constant for an episode, but for a raised severity."""
    alert = message.alert
    labels = {
        "alertname": alert.name,
        "severity": (severity or alert.severity).value,
        "project": alert.project,
        "deployment": alert.deployment,
        "dimension": alert.dimension,
    }
    return {label: text for label, text in labels.items() if text}


def annotations_of(message: AlertMessage) -> dict[str, str]:
    """Return what describes an alert; unlike labels it may change while it fires."""
    alert = message.alert
    annotations = {
        "summary": alert.summary,
        "description": alert.description,
        "suggested_action": alert.suggested_action,
        "runbook_url": message.runbook_url,
        "dashboard_url": message.page_url,
        **alert.evidence,
    }
    return {name: text for name, text in annotations.items() if text}


def generator_url(message: AlertMessage) -> str:
    """Return the address of this alert on our page; empty where no external URL is set."""
    return message.page_url


def alertmanager_body(message: AlertMessage, attempt: Attempt) -> dict[str, Json]:
    """Return the body that Alertmanager's webhook (version 4) would send of this alert."""
    alert = message.alert
    labels = cast("dict[str, Json]", labels_of(message))
    annotations = cast("dict[str, Json]", annotations_of(message))
    over = alert.resolved_at
    entry: dict[str, Json] = {
        "status": "firing" if over is None else "resolved",
        "labels": labels,
        "annotations": annotations,
        "startsAt": iso(alert.fired_at if alert.fired_at is not None else alert.started_at),
        "endsAt": ZERO_TIME if over is None else iso(over),
        "generatorURL": generator_url(message),
        "fingerprint": alert.fingerprint,
    }
    return {
        "version": "4",
        "groupKey": f'{{}}:{{fingerprint="{alert.fingerprint}"}}',
        "truncatedAlerts": 0,
        "status": entry["status"],
        "receiver": attempt.row.receiver,
        "groupLabels": {"alertname": alert.name},
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": message.external_url,
        "alerts": [entry],
    }


def neev_body(message: AlertMessage, attempt: Attempt) -> dict[str, Json]:
    """Return our own body, `neev.v1`: a dotted type, an instant, and the alert as it is."""
    kind = "resolved" if message.is_over else "firing"
    return {
        "type": f"alert.{kind}",
        "timestamp": iso(attempt.row.created_at),
        "data": {
            "key": attempt.row.key,
            "event": message.event,
            "because": message.because,
            "collapsed": attempt.collapsed,
            "sequence": attempt.row.sequence,
            "alert": encode(message.alert),
            "runbook_url": message.runbook_url,
            "page_url": message.page_url,
        },
    }


def change_body(change: ChangeMessage, attempt: Attempt) -> dict[str, Json]:
    """Return the `neev.v1` body of a scale action."""
    return {
        "type": "deployment.scaled",
        "timestamp": iso(change.at),
        "data": {"key": attempt.row.key, "change": encode(change)},
    }

"""PagerDuty, Events API v2: incidents by a key of ours, and change events for scale actions.

The dedup key is the alert's fingerprint and episode, so that a repeat lands in the same incident,
an escalation in the same one, and a late end of an old episode never closes a new one. Resolving an
unknown key is harmless, so ends are told again for an hour: an incident never stays open because
one message was lost.
"""

import json
from collections.abc import Sequence
from typing import cast

from autoscaler.core.alerting.messages import (
    AlertMessage,
    ChangeMessage,
    read_alert,
    read_change,
)
from autoscaler.core.model import Json
from autoscaler.core.redaction import cut
from autoscaler.core.snapshot import Alert, Severity
from autoscaler.notify.config import PagerdutyConfig
from autoscaler.notify.http import Http, ask
from autoscaler.notify.receiver import Attempt
from autoscaler.notify.text import change_text, facts, iso, lines

SUMMARY_LIMIT = 1024
"""Characters of a summary (Events API v2)."""
BODY_LIMIT = 512_000
"""Bytes of an event (Events API v2); details are left out of a larger one."""
RECONCILE_SECONDS = 600.0

_SEVERITY = {
    Severity.CRITICAL: "critical",
    Severity.WARNING: "warning",
    Severity.INFO: "info",
    Severity.NONE: "info",
}


class PagerdutyReceiver:
    """Sends events to one service."""

    kind = "pagerduty"
    collapses = False
    reconcile_seconds = RECONCILE_SECONDS

    def __init__(self, config: PagerdutyConfig, http: Http) -> None:
        self._config = config
        self._http = http

    @property
    def name(self) -> str:
        """Name that routes and metrics use."""
        return self._config.name

    async def send(self, attempt: Attempt) -> dict[str, Json]:
        """Send one row as an event. Raises NotDelivered."""
        if attempt.row.event == "change":
            await self._post("/v2/change/enqueue", change_event(read_change(attempt.row.payload)))
        else:
            await self._post("/v2/enqueue", alert_event(read_alert(attempt.row.payload)))
        return {}

    async def reconcile(self, told: Sequence[AlertMessage], at: float) -> None:  # noqa: ARG002  # the state holds an hour of ends
        """Tell again what has ended. Raises NotDelivered."""
        for message in told:
            if message.is_over:
                await self._post("/v2/enqueue", alert_event(message))

    async def _post(self, path: str, event: dict[str, Json]) -> None:
        event = {"routing_key": ask(self._config.routing_key), **event}
        reply = await self._http.post(
            self._config.url.rstrip("/") + path,
            _fit(event),
            headers={"Content-Type": "application/json"},
            options=self._config.http,
        )
        if not reply.ok:
            raise reply.refusal()


def dedup_key(alert: Alert) -> str:
    """Return the key of an alert's incident."""
    return f"neevscale-{alert.fingerprint}-{alert.episode}"


def alert_event(message: AlertMessage) -> dict[str, Json]:
    """Return the event of a message, but for its routing key."""
    alert = message.alert
    if message.is_over:
        return {"event_action": "resolve", "dedup_key": dedup_key(alert)}
    details: dict[str, Json] = {**facts(message), "text": "\n".join(lines(message))}
    event: dict[str, Json] = {
        "event_action": "trigger",
        "dedup_key": dedup_key(alert),
        "payload": {
            "summary": cut(alert.summary, SUMMARY_LIMIT),
            "source": alert.deployment or "neevscale",
            "severity": _SEVERITY[alert.severity],
            "timestamp": iso(alert.fired_at if alert.fired_at is not None else alert.started_at),
            "component": alert.deployment,
            "group": alert.project,
            "class": alert.name,
            "custom_details": details,
        },
        "client": "Neevscale",
    }
    if message.page_url:
        event["client_url"] = message.page_url
    if message.runbook_url:
        event["links"] = [{"href": message.runbook_url, "text": "Runbook"}]
    return event


def change_event(change: ChangeMessage) -> dict[str, Json]:
    """Return the change event of a scale action, but for its routing key."""
    event: dict[str, Json] = {
        "payload": {
            "summary": cut(change_text(change), SUMMARY_LIMIT),
            "source": change.deployment,
            "timestamp": iso(change.at),
            "custom_details": {
                "from_replicas": change.from_replicas,
                "to_replicas": change.to_replicas,
                "reason": change.reason,
                "because": change.because,
            },
        }
    }
    if change.page_url:
        event["links"] = [{"href": change.page_url, "text": "Neevscale"}]
    return event


def _fit(event: dict[str, Json]) -> bytes:
    """Return the bytes of an event, without its details where it would be too large."""
    body = json.dumps(event).encode()
    if len(body) <= BODY_LIMIT:
        return body
    payload = cast("dict[str, Json]", event["payload"])
    notice: Json = {"text": "Left out: the details are too large. See the page."}
    return json.dumps({**event, "payload": {**payload, "custom_details": notice}}).encode()

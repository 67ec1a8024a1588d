"""Words for people: the title and the lines that mail, chat and terminals show of one alert."""

from collections.abc import Iterator
from datetime import UTC, datetime

from autoscaler.core.alerting.findings import span
from autoscaler.core.alerting.messages import AlertMessage, ChangeMessage
from autoscaler.core.redaction import cut

TITLE_LIMIT = 150
_BECAUSE = {
    "deployment_deleted": "the deployment was deleted",
    "withdrawn": "it is not watched any more",
    "recovered": "it has recovered",
}


def title(message: AlertMessage, *, collapsed: bool = False) -> str:
    """Return one line: what it is about and where it stands.

    `[critical] chat-a: the deployment has failed` or `[resolved] …`.
    """
    alert = message.alert
    if message.is_over:
        word = "fired and resolved" if collapsed else "resolved"
    else:
        word = {
            "escalate": f"now {alert.severity}",
            "reminder": f"still {alert.severity}",
        }.get(message.event, alert.severity.value)
    return cut(f"[{word}] {alert.summary}", TITLE_LIMIT)


def lines(message: AlertMessage) -> list[str]:
    """Return what there is to say below the title, one fact a line."""
    return list(_lines(message))


def facts(message: AlertMessage) -> dict[str, str]:
    """Return the evidence and identity as short label and value."""
    alert = message.alert
    shown = {"Alert": alert.name, "Deployment": alert.deployment, "Project": alert.project}
    shown.update({key.replace("_", " ").capitalize(): text for key, text in alert.evidence.items()})
    return {label: text for label, text in shown.items() if text}


def change_text(change: ChangeMessage) -> str:
    """Return one line about a scale action."""
    return cut(
        f"{change.deployment}: {change.from_replicas} → {change.to_replicas} replicas"
        f" ({change.reason})",
        1024,
    )


def iso(at: float) -> str:
    """Return an instant as RFC 3339, UTC, to the millisecond."""
    stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return stamp.replace("+00:00", "Z")


def _lines(message: AlertMessage) -> Iterator[str]:
    alert = message.alert
    if alert.description:
        yield alert.description
    since = alert.fired_at if alert.fired_at is not None else alert.started_at
    if alert.resolved_at is None:
        yield f"Since {iso(since)}."
        if alert.suggested_action:
            yield f"What to do: {alert.suggested_action}"
    else:
        because = _BECAUSE.get(message.because, message.because)
        lasted = span(alert.resolved_at - since)
        yield f"Over at {iso(alert.resolved_at)} after {lasted}" + (
            f": {because}." if because else "."
        )
    if message.runbook_url:
        yield f"Runbook: {message.runbook_url}"
    if message.page_url:
        yield f"Page: {message.page_url}"

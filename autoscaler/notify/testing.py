"""A test notification, sent past the queue, so that a person sees at once whether it arrives."""

from autoscaler.core.alerting.lifecycle import fingerprint
from autoscaler.core.alerting.messages import AlertMessage, payload_of
from autoscaler.core.model import Json
from autoscaler.core.notification import Notification
from autoscaler.core.snapshot import Alert, AlertState, Severity
from autoscaler.notify.receiver import Attempt, NotDelivered, Receiver

NAME = "NeevTest"


async def send_test(receiver: Receiver, event: str, *, at: float) -> dict[str, Json]:
    """Send one test and return `receiver`, `kind`, `ok` and `detail`."""
    row = build_test_row(receiver.name, event, at=at)
    result: dict[str, Json] = {"receiver": receiver.name, "kind": receiver.kind}
    try:
        await receiver.send(Attempt(row=row, at=at))
    except NotDelivered as fault:
        return {**result, "ok": False, "detail": f"{fault.kind}: {fault}"}
    return {**result, "ok": True, "detail": "taken"}


def build_test_row(receiver: str, event: str, *, at: float) -> Notification:
    """Return the row of a test: `trigger`, or `resolve` for the end of the same test alert."""
    over = event == "resolve"
    alert = Alert(
        name=NAME,
        severity=Severity.INFO,
        state=AlertState.RESOLVED if over else AlertState.FIRING,
        project="",
        deployment="",
        dimension="",
        fingerprint=fingerprint(NAME, "", "", ""),
        episode=1,
        started_at=at - 60 if over else at,
        fired_at=at - 60 if over else at,
        resolved_at=at if over else None,
        summary="This is a test of Neevscale's notifications.",
        description="A person asked for it; nothing is wrong.",
        suggested_action="Nothing to do.",
        runbook="",
    )
    message = AlertMessage(event="test", alert=alert, because="recovered" if over else "")
    return Notification(
        key=f"{alert.fingerprint}.1.{int(at)}.test.{receiver}",
        receiver=receiver,
        fingerprint=alert.fingerprint,
        episode=1,
        sequence=int(over),
        event="test",
        payload=payload_of(message),
        created_at=at,
        expires_at=at,
    )

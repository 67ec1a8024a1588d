"""The log as a receiver: always on, so that an alert is never told nowhere."""

import structlog

from autoscaler.core.alerting.messages import read_alert, read_change
from autoscaler.core.model import Json
from autoscaler.core.snapshot import Severity
from autoscaler.notify.config import LogConfig
from autoscaler.notify.receiver import Attempt
from autoscaler.notify.text import change_text, title

log = structlog.get_logger("neevscale.alerts")


class LogReceiver:
    """Writes one line per event: ERROR for a page, WARNING for a ticket, INFO for the rest."""

    kind = "log"
    collapses = True

    def __init__(self, config: LogConfig) -> None:
        self._config = config

    @property
    def name(self) -> str:
        """Name that routes and metrics use."""
        return self._config.name

    async def send(self, attempt: Attempt) -> dict[str, Json]:
        """Write the row's line; it cannot fail."""
        row = attempt.row
        if row.event == "change":
            log.info("deployment_scaled", text=change_text(read_change(row.payload)))
            return {}
        message = read_alert(row.payload)
        alert = message.alert
        write = log.info
        if not message.is_over and alert.severity is Severity.CRITICAL:
            write = log.error
        elif not message.is_over and alert.severity is Severity.WARNING:
            write = log.warning
        write(
            "alert",
            text=title(message, collapsed=attempt.collapsed),
            alertname=alert.name,
            deployment=alert.deployment,
            severity=alert.severity.value,
            event_of_alert=row.event,
            description=alert.description,
            suggested_action=alert.suggested_action,
            key=row.key,
        )
        return {}

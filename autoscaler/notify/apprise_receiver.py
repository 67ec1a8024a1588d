"""The long tail of services through apprise, an optional extra that is imported at first use."""

import asyncio
import importlib
from typing import Protocol, cast

from autoscaler.core.alerting.messages import read_alert, read_change
from autoscaler.core.model import Json
from autoscaler.core.snapshot import Severity
from autoscaler.notify.config import AppriseConfig
from autoscaler.notify.http import ask
from autoscaler.notify.receiver import Attempt, FailureKind, NotDelivered
from autoscaler.notify.text import change_text, facts, lines, title

_TYPES = {
    Severity.CRITICAL: "failure",
    Severity.WARNING: "warning",
    Severity.INFO: "info",
    Severity.NONE: "info",
}


class _Service(Protocol):
    """What is used of apprise, which has no types."""

    def add(self, url: str) -> bool: ...

    async def async_notify(self, *, title: str, body: str, notify_type: str) -> bool | None: ...


class AppriseReceiver:
    """Tells one service by its apprise URL."""

    kind = "apprise"
    collapses = True

    def __init__(self, config: AppriseConfig) -> None:
        self._config = config

    @property
    def name(self) -> str:
        """Name that routes and metrics use."""
        return self._config.name

    async def send(self, attempt: Attempt) -> dict[str, Json]:
        """Hand one row to apprise, which says only whether it was taken. Raises NotDelivered."""
        # Its first use imports a hundred plugins: half a second that the loop must not stand.
        service = await asyncio.to_thread(_service, ask(self._config.url))
        headline, body, kind = _words(attempt)
        try:
            async with asyncio.timeout(self._config.timeout_seconds):
                taken = await service.async_notify(title=headline, body=body, notify_type=kind)
        except TimeoutError as fault:
            raise NotDelivered(FailureKind.TIMEOUT, "apprise gave no answer in time") from fault
        if not taken:
            raise NotDelivered(FailureKind.SERVER_ERROR, "apprise could not deliver it")
        return {}


def _service(url: str) -> _Service:
    """Return apprise, ready to tell the service of this URL. Raises NotDelivered."""
    try:
        service = cast("_Service", importlib.import_module("apprise").Apprise())
    except ImportError as fault:
        raise NotDelivered(
            FailureKind.CLIENT_ERROR,
            "apprise is not installed: pip install 'neevscale[apprise]'",
        ) from fault
    if not service.add(url):
        raise NotDelivered(
            FailureKind.CLIENT_ERROR, "apprise does not know this URL's form", permanent=True
        )
    return service


def _words(attempt: Attempt) -> tuple[str, str, str]:
    """Return title, body and apprise's type of a row."""
    if attempt.row.event == "change":
        change = read_change(attempt.row.payload)
        return change_text(change), change.because, "info"
    message = read_alert(attempt.row.payload)
    shown = [f"{label}: {value}" for label, value in facts(message).items()]
    kind = "success" if message.is_over else _TYPES[message.alert.severity]
    headline = title(message, collapsed=attempt.collapsed)
    return headline, "\n".join([*lines(message), *shown]), kind

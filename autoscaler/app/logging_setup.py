"""The log of one app: its settings' format, its meter's counts, none of its secrets."""

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from autoscaler.app.app import App
from autoscaler.logs import LogConfig, configure_logs
from autoscaler.settings import Secret


def configure_app_logs(app: App) -> None:
    """Set the process' log up for one app."""
    log = app.settings.log
    configure_logs(
        LogConfig(
            format=None if log.format is None else log.format.value,
            level=log.level.value,
            repeat_every=log.repeat_every,
        ),
        now=app.seams.clock.now,
        count=app.meter.log_message,
        secrets=tuple(secrets_in(app.settings)),
    )


def secrets_in(part: object) -> Iterator[Secret]:
    """Find every secret in a tree of settings."""
    if isinstance(part, Secret):
        yield part
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from secrets_in(getattr(part, name))
    elif isinstance(part, Mapping):
        for value in part.values():
            yield from secrets_in(value)
    elif isinstance(part, tuple | list):
        for value in part:
            yield from secrets_in(value)

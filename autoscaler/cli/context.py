"""What verbs start from: the settings, and a client of the running daemon."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from autoscaler.cli.daemon import DaemonClient, DaemonError
from autoscaler.cli.output import ExitCode, stop
from autoscaler.core.words import Mode
from autoscaler.ports import CloudRefused, CloudUnknown
from autoscaler.settings import (
    Loaded,
    SecretUnreadable,
    Settings,
    SettingsInvalid,
    load_settings,
)
from autoscaler.web.webfile import WebFileFault, read_web_file

T = TypeVar("T")


def load_or_stop(config: Path | None, *, mode: Mode | None = None) -> Loaded:
    """The configuration, or every fault of it on standard error and exit code 2."""
    try:
        return load_settings(config, mode=mode)
    except SettingsInvalid as error:
        stop(str(error), ExitCode.USAGE)


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Run one piece of asynchronous work; an error of the platform or the daemon ends the command
    with its sentence.
    """

    async def whole() -> T:
        return await work()

    try:
        return asyncio.run(whole())
    except (CloudRefused, CloudUnknown, DaemonError, SecretUnreadable) as error:
        stop(str(error))
    except KeyboardInterrupt:
        stop("interrupted")


def daemon_for(config: Path | None, url: str | None) -> DaemonClient:
    """A client of the running daemon: at `url`, or where the configuration lets it listen."""
    try:
        settings = load_settings(config).settings
    except SettingsInvalid as error:
        if url is None:
            stop(str(error), ExitCode.USAGE)
        return DaemonClient(url)
    return DaemonClient(url or daemon_url(settings), token=settings.web.admin_token)


def daemon_url(settings: Settings) -> str:
    """Where the daemon of this configuration is to be found from this machine."""
    host = settings.web.host
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104  # read, not bound
    shown = f"[{host}]" if ":" in host else host
    scheme = "https" if _serves_tls(settings) else "http"
    return f"{scheme}://{shown}:{settings.web.port}{settings.web.route_prefix}"


def _serves_tls(settings: Settings) -> bool:
    """True if the daemon's web file has a certificate; it may have nothing but users."""
    file = settings.web.config_file
    if file is None:
        return False
    try:
        return read_web_file(file).tls_server_config is not None
    except WebFileFault:
        return True  # then no daemon of this configuration runs, and https gives nothing away

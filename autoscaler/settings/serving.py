"""What the daemon shows, keeps and says: web server, state file, logs."""

import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from autoscaler.settings.secret import Secret
from autoscaler.settings.section import Section
from autoscaler.settings.units import Count, PlainUrl, Seconds

DAY = 86400.0


def split_listen(value: str) -> tuple[str, int]:
    """(host, port) of `host:port` or `[::1]:port`. Raises ValueError."""
    host, _, port = value.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not bare or (":" in bare and host == bare) or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"must be host:port, such as 127.0.0.1:9464, not {value!r}")
    return bare, int(port)


def _check_listen(value: str) -> str:
    split_listen(value)
    return value


def _check_prefix(value: str) -> str:
    if value and not value.startswith("/"):
        raise ValueError(f"must begin with a slash, such as /neevscale, not {value!r}")
    return value.rstrip("/")


class WebSettings(Section):
    """The daemon's own page, API and metrics."""

    listen: Annotated[str, AfterValidator(_check_listen)] = "127.0.0.1:9464"
    """Address to listen on. Loopback, because what is shown is nobody else's business until you say
    so; the container image sets `0.0.0.0:9464`.
    """
    admin_token: Secret | None = None
    """Token for everything that changes something (pause, override, silence, …). Without it and
    without basic auth those are off.
    """
    config_file: Path | None = None
    """TLS and basic auth, in the format of the Prometheus exporters' `--web.config.file`."""
    external_url: PlainUrl | None = None
    """URL under which people reach the page; stands in alerts. None = made from `listen`."""
    route_prefix: Annotated[str, AfterValidator(_check_prefix)] = ""
    """Path below which everything is served, behind a proxy that keeps it."""
    enable_lifecycle: bool = True
    """Whether `POST /-/reload` works, with the admin token as any order. SIGHUP always does."""

    @property
    def host(self) -> str:
        """Host to bind to."""
        return split_listen(self.listen)[0]

    @property
    def port(self) -> int:
        """Port to bind to; 0 = any free one."""
        return split_listen(self.listen)[1]


def default_state_path() -> Path:
    """`neevscale/state.db` in the XDG state folder. The container image sets its own path."""
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(home) / "neevscale" / "state.db"


class StateSettings(Section):
    """The state file, which carries everything over a restart."""

    path: str = Field(default_factory=lambda: str(default_state_path()))
    """SQLite file; its folder is made. `:memory:` keeps nothing. In the container
    `/var/lib/neevscale/state.db`.
    """
    keep_seconds: Seconds = 30 * DAY
    """How long history, decisions and delivered notifications are kept. A month, so that a month
    can be reported on.
    """
    keep_observations_seconds: Seconds = 7 * DAY
    """How long observations are kept for `replay`. They are the bulk of the file."""

    @property
    def is_memory(self) -> bool:
        """True if nothing is kept."""
        return self.path == ":memory:"

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """A path is one."""
        if not self.path.strip():
            yield "path", "is empty; write a file, or ':memory:' to keep nothing"


class LogFormat(StrEnum):
    """How log lines look."""

    CONSOLE = "console"
    JSON = "json"
    LOGFMT = "logfmt"


class LogLevel(StrEnum):
    """The least that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogSettings(Section):
    """The log, on standard error."""

    format: LogFormat | None = None
    """`console` for people, `json` or `logfmt` for machines. None = console on a terminal, json
    elsewhere.
    """
    level: LogLevel = LogLevel.INFO
    """The least that is logged. `info` tells decisions and changes."""
    repeat_every: Count = 100
    """A repeated error is logged the first time, then every so many times with its count."""

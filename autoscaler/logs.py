"""The log: one line an event, for people or machines, without secrets, floods or control codes.

Event names are constant snake_case words, values are fields. The canonical line is
`decided deployment=… current=… target=… verdict=… reason=… because=… tick=…`. What other libraries
log comes through here too. A repeated warning or error is written the first time, then every so
many times with its count.

A processor is a plain function from event to event; the order matters: text is made first, then
redacted, then its control characters are taken out, then it is rendered.
"""

import logging
import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from autoscaler.core.redaction import HIDDEN, redact

Secret = Callable[[], str]
"""Reads a secret that must never be shown; may raise OSError or ValueError where it cannot."""

SECRET_NAMES = re.compile(r"(?i)(token|secret|password|authorization|api_?key|routing_?key)$")
"""Fields whose value is never shown, whatever it is."""
SHORTEST_SECRET = 6
"""Shorter values are not looked for: they would blot out ordinary words."""
REREAD_SECONDS = 30.0
"""How long a registered secret is remembered; a rotated file counts after that."""
LONGEST_TEXT = 4000
"""Characters of one field: a traceback fits, a hostile body does not."""
LONGEST_SEARCH = 64 * 1024
"""Characters that are searched for secrets; what lies behind is never shown."""
LONGEST_SECRET = 4096
QUIET_SECONDS = 600.0
"""A repeated error that was silent for so long counts as new."""
MOST_KINDS = 1000
"""Kinds of repeated errors that are remembered."""
SAMPLED = frozenset({"warning", "error", "critical"})
KIND_FIELDS = ("event", "level", "deployment", "receiver", "job", "logger")
"""Fields that make two errors the same kind."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """How the log looks."""

    format: str | None = None
    """`console`, `json` or `logfmt`; None = console on a terminal, json elsewhere."""
    level: str = "info"
    repeat_every: int = 100


def configure_logs(
    config: LogConfig,
    *,
    now: Callable[[], float],
    count: Callable[[str], None] = lambda _: None,
    secrets: Iterable[Secret] = (),
    stream: TextIO | None = None,
) -> None:
    """Set up structlog and the standard library's logging for this process.

    `count` is told the level of every line; `stream` None = standard error.
    """
    out = sys.stderr if stream is None else stream
    level = logging.getLevelNamesMapping()[config.level.upper()]
    structlog.configure(
        processors=[
            *shared_processors(config, now=now, count=count, secrets=secrets),
            _renderer(config.format, out),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Bridge(max(level, logging.WARNING))]
    root.setLevel(logging.WARNING)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # what it would warn of is counted


def shared_processors(
    config: LogConfig,
    *,
    now: Callable[[], float],
    count: Callable[[str], None],
    secrets: Iterable[Secret],
) -> list[Processor]:
    """Return everything but the renderer, in order."""
    return [
        structlog.processors.add_log_level,
        _Counter(count),
        _Sampler(config.repeat_every, now),
        _Stamp(now),
        structlog.processors.format_exc_info,
        Redactor(secrets, now=now),
        neutralise,
        drop_nothings,
    ]


class Redactor:
    """Takes registered secrets, and what looks like one, out of every field."""

    def __init__(self, secrets: Iterable[Secret], *, now: Callable[[], float]) -> None:
        self._secrets = tuple(secrets)
        self._now = now
        self._read_at = float("-inf")
        self._values: tuple[str, ...] = ()

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Clean one event; a processor of structlog."""
        self._reread()
        for name, value in event.items():
            event[name] = HIDDEN if SECRET_NAMES.search(name) else self._clean(value)
        return event

    def text(self, text: str) -> str:
        """Return `text` without secrets, cut to a bounded length."""
        looked_at = text[:LONGEST_SEARCH]
        for value in self._values:
            looked_at = looked_at.replace(value, HIDDEN)
        clean = redact(looked_at)
        if len(text) > LONGEST_SEARCH:
            clean = clean[:-LONGEST_SECRET]  # half a secret may stand at the cut
        return clean[:LONGEST_TEXT]

    def _clean(self, value: object) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {
                self.text(str(key)): HIDDEN if SECRET_NAMES.search(str(key)) else self._clean(item)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(item) for item in value]
        return self.text(str(value))

    def _reread(self) -> None:
        if self._now() - self._read_at < REREAD_SECONDS:
            return
        self._read_at = self._now()
        found = {value for secret in self._secrets if (value := _read(secret))}
        # The longest first: one secret may be a part of another.
        self._values = tuple(sorted(found, key=len, reverse=True))


def neutralise(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Show control characters as escapes, so that no text can forge lines or move the cursor.

    Line ends within `exception` are ours and stay.
    """
    for name, value in event.items():
        if name == "exception":
            lines = str(value).split("\n")
            event[name] = "\n".join(_escaped(line) for line in lines)
        else:
            event[name] = _harmless(value)
    return event


def drop_nothings(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave out fields that say nothing."""
    return {name: value for name, value in event.items() if value is not None}


class _Counter:
    """Tells how many lines there were of each level, those that are sampled away among them."""

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        self._count(str(event["level"]))
        return event


class _Sampler:
    """Lets a repeated warning or error through the first time and every so many times."""

    def __init__(self, every: int, now: Callable[[], float]) -> None:
        self._every = every
        self._now = now
        self._seen: OrderedDict[tuple[str, ...], tuple[int, float]] = OrderedDict()

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        if event["level"] not in SAMPLED:
            return event
        kind = tuple(str(event.get(name, "")) for name in KIND_FIELDS)
        times, last = self._seen.pop(kind, (0, 0.0))
        at = self._now()
        times = times + 1 if at - last < QUIET_SECONDS else 1
        self._seen[kind] = (times, at)
        if len(self._seen) > MOST_KINDS:
            self._seen.popitem(last=False)
        if times > 1 and times % self._every:
            raise structlog.DropEvent
        if times > 1:
            event["repeated"] = times
        return event


class _Stamp:
    """Puts first when (UTC), how loud and what."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def __call__(
        self, _logger: WrappedLogger, _method: str, event: EventDict
    ) -> MutableMapping[str, Any]:
        moment = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds")
        head = {"timestamp": moment, "level": event["level"], "event": event["event"]}
        return {**head, **event}


class _Bridge(logging.Handler):
    """Hands what other libraries log to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record of the standard library."""
        bound = structlog.get_logger()
        bound.log(
            record.levelno,
            "library",
            logger=record.name,
            message=record.getMessage(),
            exc_info=record.exc_info,
        )


def _renderer(name: str | None, out: TextIO) -> Processor:
    kind = name or ("console" if out.isatty() else "json")
    if kind == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    if kind == "logfmt":
        return structlog.processors.LogfmtRenderer(
            key_order=["timestamp", "level", "event"], drop_missing=True
        )
    return structlog.dev.ConsoleRenderer(
        colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


def _read(secret: Secret) -> str:
    try:
        value = secret()
    except (OSError, ValueError):
        return ""
    return value if len(value) >= SHORTEST_SECRET else ""


def _harmless(value: object) -> object:
    if isinstance(value, str):
        return _escaped(value)
    if isinstance(value, Mapping):
        return {_escaped(str(key)): _harmless(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_harmless(item) for item in value]
    return value


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)

"""Silences and maintenance windows: a person's word that matching alerts send nothing for a while.

Matchers read as Alertmanager's: `label=value`, `label!=value`, `label=~regex`, `label!~regex`; all
of one silence must hold, and a regex must match the whole value. A silenced alert stays visible.
A trigger that was told before the silence still has its end told.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256

from autoscaler.core.alerting.rules import DAY, MaintenanceWindow
from autoscaler.core.alerting.state import AlertsState, Record
from autoscaler.core.cron import active_since
from autoscaler.core.policy import Schedule
from autoscaler.core.snapshot import Silence

LABELS = ("alertname", "deployment", "severity", "project", "dimension")
"""Labels of an alert that a matcher may name."""
KEEP_EXPIRED_SECONDS = DAY
"""How long an expired silence stays listed, so that people see why nothing came."""

_MATCHER = re.compile(r"\s*(?P<label>[a-z_]+)\s*(?P<operator>=~|!~|!=|=)\s*(?P<value>.*?)\s*")


class BadMatcher(ValueError):
    """A matcher that cannot be read; the text says what is wrong with it."""


def check_matchers(matchers: Iterable[str]) -> tuple[str, ...]:
    """Return the matchers as they are. Raises BadMatcher if one is wrong, or if there is none."""
    checked = tuple(matchers)
    if not checked:
        raise BadMatcher("a silence needs at least one matcher, for example deployment=chat-a")
    for matcher in checked:
        _parse(matcher)
    return checked


def matches(matchers: Iterable[str], labels: Mapping[str, str]) -> bool:
    """Whether all matchers hold for an alert's labels; a label that is missing has the value ""."""
    return all(_holds(matcher, labels) for matcher in matchers)


def labels_of(record: Record) -> dict[str, str]:
    """Return the labels that silences may name."""
    return {
        "alertname": record.name,
        "deployment": record.deployment,
        "severity": record.severity.value,
        "project": record.project,
        "dimension": record.dimension,
    }


def add_silence(state: AlertsState, silence: Silence) -> AlertsState:
    """Return the state with one more silence, or with the one of the same id replaced."""
    check_matchers(silence.matchers)
    others = tuple(kept for kept in state.silences if kept.id != silence.id)
    return replace(state, silences=(*others, silence))


def build_silence(
    matchers: Iterable[str], *, at: float, seconds: float, by: str, reason: str
) -> Silence:
    """Return a silence from now on; its id follows from what it says, so a repeat is no second."""
    checked = check_matchers(matchers)
    text = "\n".join((*sorted(checked), by, reason, str(int(at))))
    return Silence(
        id=sha256(text.encode()).hexdigest()[:12],
        matchers=checked,
        starts_at=at,
        ends_at=at + seconds,
        by=by,
        reason=reason,
    )


def expire_silence(state: AlertsState, silence_id: str, *, at: float) -> AlertsState | None:
    """Return the state with one silence ended now; None if no such silence is in force."""
    for silence in state.silences:
        if silence.id == silence_id and silence.ends_at > at:
            ended = replace(silence, starts_at=min(silence.starts_at, at), ends_at=at)
            return add_silence(state, ended)
    return None


def drop_expired(silences: tuple[Silence, ...], at: float) -> tuple[Silence, ...]:
    """Return the silences that are still of interest."""
    return tuple(kept for kept in silences if kept.ends_at > at - KEEP_EXPIRED_SECONDS)


def silencing(
    labels: Mapping[str, str],
    *,
    at: float,
    silences: Iterable[Silence],
    windows: Iterable[MaintenanceWindow],
) -> str | None:
    """Return the id of what silences these labels now (`maintenance:NAME` for a window)."""
    for silence in silences:
        if silence.starts_at <= at < silence.ends_at and matches(silence.matchers, labels):
            return silence.id
    for window in windows:
        if is_open(window, at) and matches(window.matchers, labels):
            return f"maintenance:{window.name}"
    return None


def is_open(window: MaintenanceWindow, at: float) -> bool:
    """Whether a maintenance window holds at this instant."""
    if window.cron is None:
        begin = window.starts_at
        return begin is not None and begin <= at < begin + window.duration_seconds
    schedule = Schedule(
        cron=window.cron, timezone=window.timezone, duration_seconds=window.duration_seconds
    )
    return active_since(schedule, at) is not None


def _parse(matcher: str) -> tuple[str, str, str]:
    found = _MATCHER.fullmatch(matcher)
    if found is None:
        raise BadMatcher(f"{matcher!r} is no matcher: write label=value, !=, =~ or !~")
    label, operator, value = found["label"], found["operator"], found["value"]
    if label not in LABELS:
        raise BadMatcher(f"{matcher!r}: alerts have the labels {', '.join(LABELS)}")
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    if operator.endswith("~"):
        try:
            re.compile(value)
        except re.error as fault:
            raise BadMatcher(f"{matcher!r}: the regular expression is none: {fault}") from fault
    return label, operator, value


def _holds(matcher: str, labels: Mapping[str, str]) -> bool:
    label, operator, value = _parse(matcher)
    actual = labels.get(label, "")
    found = re.fullmatch(value, actual) is not None if operator.endswith("~") else actual == value
    return found is not operator.startswith("!")

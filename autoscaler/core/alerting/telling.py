"""Who is told what, and when: from records to outbox rows with deterministic keys.

A key is `fingerprint.episode.sequence.event.receiver`: the same event gets the same key in whatever
process it is found, so a repeat is never a second incident. Filters choose who hears a trigger; who
was told a trigger is told its end, whatever the filters, silences or causes say by then.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from autoscaler.core.alerting.lifecycle import louder
from autoscaler.core.alerting.messages import (
    ChangeMessage,
    build_message,
    payload_of,
)
from autoscaler.core.alerting.rules import DAY, AlertRules
from autoscaler.core.alerting.silences import labels_of, matches
from autoscaler.core.alerting.state import Record
from autoscaler.core.notification import Notification
from autoscaler.core.snapshot import AlertState, Severity

ABOUT_RECEIVERS = "NeevNotifyFailing"
"""The alert whose dimension is a receiver: it is never sent through the one it is about."""


def tell(
    records: Mapping[str, Record], at: float, rules: AlertRules
) -> tuple[dict[str, Record], tuple[Notification, ...]]:
    """Return the records with what was told written down, and the rows that tell it."""
    after: dict[str, Record] = {}
    rows: list[Notification] = []
    for key, record in records.items():
        if record.state is AlertState.FIRING:
            after[key], new = _tell_firing(record, at, rules)
        elif record.state is AlertState.RESOLVED and not record.end_told:
            after[key], new = _tell_end(record, at, rules)
        else:
            after[key], new = record, []
        rows.extend(new)
    return after, tuple(rows)


def tell_change(change: ChangeMessage, rules: AlertRules) -> tuple[Notification, ...]:
    """Return the rows that tell a scale action to the receivers that want changes."""
    identity = f"change-{change.deployment}-{change.at:.3f}"
    return tuple(
        Notification(
            key=f"{identity}.0.0.change.{receiver.name}",
            receiver=receiver.name,
            fingerprint=identity,
            episode=0,
            sequence=0,
            event="change",
            payload=payload_of(change),
            created_at=change.at,
            expires_at=change.at + DAY,
            next_attempt_at=change.at,
        )
        for receiver in rules.receivers
        if receiver.changes
    )


def receivers_of(record: Record, rules: AlertRules) -> tuple[str, ...]:
    """Return the receivers that want to hear of an alert of this name, deployment, severity.

    One about a failing receiver also goes to the fallback, or to all others where there is none.
    """
    routed = _routed(record, rules)
    if record.name == ABOUT_RECEIVERS:
        spare = rules.fallback or _everybody(rules)
        routed = tuple(name for name in (*routed, *spare) if name != record.dimension)
    return tuple(
        receiver.name
        for receiver in rules.receivers
        if receiver.name in routed
        and louder(record.severity, receiver.min_severity) is record.severity
    )


def _routed(record: Record, rules: AlertRules) -> tuple[str, ...]:
    if not rules.routes:
        return _everybody(rules)
    taken: list[str] = []
    labels = labels_of(record)
    for route in rules.routes:
        if matches(route.matchers, labels):
            taken += route.receivers
            if not route.proceed:
                break
    return tuple(taken) or rules.fallback or _everybody(rules)


def _everybody(rules: AlertRules) -> tuple[str, ...]:
    return tuple(receiver.name for receiver in rules.receivers)


def _tell_firing(record: Record, at: float, rules: AlertRules) -> tuple[Record, list[Notification]]:
    if record.silenced_by or record.inhibited_by:
        return record, []
    rows: list[Notification] = []
    wanted = receivers_of(record, rules)
    before = record.told
    if before and record.told_severity is not None and record.severity != record.told_severity:
        rows += _rows(record, "escalate", before, at=at, rules=rules)
        record = _told(record, at)
    new = tuple(name for name in wanted if name not in before)
    if new:
        rows += _rows(record, "trigger", new, at=at, rules=rules)
        record = _told(replace(record, told=before + new), at)
    if not rows and _reminder_due(record, at, rules):
        quiet = {receiver.name for receiver in rules.receivers if not receiver.reminders}
        listening = tuple(name for name in before if name not in quiet)
        rows = _rows(record, "reminder", listening, at=at, rules=rules)
        record = replace(_told(record, at), reminders=record.reminders + 1)
    return record, rows


def _tell_end(record: Record, at: float, rules: AlertRules) -> tuple[Record, list[Notification]]:
    rows = _rows(record, "resolve", record.told, at=at, rules=rules)
    return replace(record, end_told=True, sequence=record.sequence + 1), rows


def _told(record: Record, at: float) -> Record:
    return replace(
        record,
        told_severity=louder(record.severity, record.told_severity or Severity.NONE),
        sequence=record.sequence + 1,
        reminded_at=at,
    )


def _reminder_due(record: Record, at: float, rules: AlertRules) -> bool:
    first = rules.reminder_seconds
    quiet = record.severity not in {Severity.CRITICAL, Severity.WARNING}
    if first is None or quiet or record.reminded_at is None:
        return False
    wait: float = max(first, min(first * 2.0**record.reminders, DAY))
    return at >= record.reminded_at + wait


def _rows(
    record: Record, event: str, receivers: Iterable[str], *, at: float, rules: AlertRules
) -> list[Notification]:
    known = {receiver.name for receiver in rules.receivers}
    payload = payload_of(build_message(record, event, rules))
    critical = record.severity is Severity.CRITICAL
    waits = event == "trigger" and not critical
    lives = rules.ttl_critical_seconds if critical else rules.ttl_seconds
    return [
        Notification(
            key=f"{record.fingerprint}.{record.episode}.{record.sequence}.{event}.{receiver}",
            receiver=receiver,
            fingerprint=record.fingerprint,
            episode=record.episode,
            sequence=record.sequence,
            event=event,
            payload=payload,
            created_at=at,
            expires_at=at + lives,
            next_attempt_at=at + (rules.group_wait_seconds if waits else 0.0),
        )
        for receiver in receivers
        if receiver in known
    ]

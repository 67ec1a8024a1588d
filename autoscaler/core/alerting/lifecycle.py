"""How one alert moves: absent -> pending -> firing -> resolved, one finding at a time.

Evidence drives it, not the clock: a finding on evidence that was used before, or on none, changes
nothing, so an alert restored after a restart stays as it was until its subject has been looked at
again, and `for` counts only time between evaluations that had data (a gap counts for at most two
minutes). Between the thresholds for firing and for ending nothing changes either, but a pending
alert is dropped. Severity only rises within an episode.
"""

from dataclasses import replace
from functools import lru_cache
from hashlib import sha256

from autoscaler.core.alerting.findings import Finding, Look
from autoscaler.core.alerting.spec import AlertSpec
from autoscaler.core.alerting.state import Record
from autoscaler.core.redaction import safe
from autoscaler.core.snapshot import AlertState, Severity

LONGEST_GAP_SECONDS = 120.0
"""Longest time between two evaluations with data that counts as seen: twice the evidence of an
idle deployment's slow probes, four of its polls.
"""
WITHDRAWN_SECONDS = 3600.0
"""How long the subject of an alert (a receiver, a credential) must be missing from the facts before
the alert ends: it was taken out of the configuration.
"""
CLOCK_SLACK_SECONDS = 1.0
"""How far before the present instant evidence is still taken after the clock was set back."""
EVIDENCE_LIMIT = 200
DESCRIPTION_LIMIT = 600

_LOUDNESS = {Severity.NONE: 0, Severity.INFO: 1, Severity.WARNING: 2, Severity.CRITICAL: 3}


@lru_cache(maxsize=200_000)  # asked for each finding of each evaluation
def fingerprint(name: str, project: str, deployment: str, dimension: str) -> str:
    """Return the identity of an alert: 16 hex characters over name, project, deployment, dimension.

    Values never enter it: a changing number is no new alert.
    """
    return sha256(f"{name}|{project}|{deployment}|{dimension}".encode()).hexdigest()[:16]


def louder(one: Severity, other: Severity) -> Severity:
    """Return the louder of two severities."""
    return one if _LOUDNESS[one] >= _LOUDNESS[other] else other


def is_open(record: Record | None) -> bool:
    """Whether there is an episode that has not ended."""
    return record is not None and record.state is not AlertState.RESOLVED


def after_clock_step(record: Record, at: float) -> Record:
    """Return a record that newer evidence can move: none is from the future, so if its newest
    evidence is, the clock was set back, and what counts as new begins now.
    """
    return record if record.data_at <= at else replace(record, data_at=at - CLOCK_SLACK_SECONDS)


def begin(spec: AlertSpec, finding: Finding, *, blank: Record, at: float) -> Record:
    """Open an episode: firing at once where nothing must hold first, else pending."""
    fires = finding.look is Look.BAD and spec.for_seconds <= 0
    record = replace(
        blank,
        severity=finding.severity or spec.severity,
        state=AlertState.FIRING if fires else AlertState.PENDING,
        started_at=at,
        fired_at=at if fires else None,
        data_at=finding.data_at,
    )
    return _describe(record, spec, finding)


def advance(record: Record, spec: AlertSpec, finding: Finding, *, at: float) -> Record | None:
    """Return an open episode after one more finding; None = it was pending and is dropped."""
    if finding.look is Look.UNKNOWN or finding.data_at <= record.data_at:
        return record
    gap = min(finding.data_at - record.data_at, LONGEST_GAP_SECONDS)
    if finding.look in {Look.BAD, Look.SUSPECT}:
        return _advance_bad(record, spec, finding, gap=gap, at=at)
    if record.state is AlertState.PENDING:
        return None
    if finding.look is Look.BETWEEN:
        return replace(record, data_at=finding.data_at, good_seconds=0.0, good_count=0)
    seconds = record.good_seconds + (gap if record.good_count else 0.0)
    record = replace(
        record, data_at=finding.data_at, good_seconds=seconds, good_count=record.good_count + 1
    )
    over = record.good_count >= spec.good_count and seconds >= spec.keep_seconds
    return end(record, at=at, because="recovered") if over else record


def miss(record: Record, *, seconds: float, at: float) -> Record | None:
    """Return an open episode whose subject is no longer in the facts, after `seconds` more."""
    missing = record.good_seconds + min(seconds, LONGEST_GAP_SECONDS)
    if missing < WITHDRAWN_SECONDS:
        return replace(record, good_seconds=missing)
    return end(record, at=at, because="withdrawn")


def end(record: Record, *, at: float, because: str) -> Record | None:
    """Close an episode; None = it never fired, so there is nothing to tell."""
    if record.state is not AlertState.FIRING:
        return None
    return replace(record, state=AlertState.RESOLVED, resolved_at=at, ended_because=because)


def _advance_bad(
    record: Record, spec: AlertSpec, finding: Finding, *, gap: float, at: float
) -> Record:
    held = record.held_seconds + (0.0 if record.good_count else gap)
    severity = louder(record.severity, finding.severity or spec.severity)
    record = replace(
        record,
        data_at=finding.data_at,
        held_seconds=held,
        good_seconds=0.0,
        good_count=0,
        severity=severity,
    )
    if record.state is AlertState.PENDING and finding.look is Look.BAD and held >= spec.for_seconds:
        record = replace(record, state=AlertState.FIRING, fired_at=at)
    return _describe(record, spec, finding)


def _describe(record: Record, spec: AlertSpec, finding: Finding) -> Record:
    return replace(
        record,
        summary=safe(_subject(record, spec) + spec.summary),
        description=safe(finding.description, DESCRIPTION_LIMIT),
        suggested_action=safe(finding.action or spec.action, DESCRIPTION_LIMIT),
        evidence={key: safe(value, EVIDENCE_LIMIT) for key, value in finding.evidence.items()},
    )


def _subject(record: Record, spec: AlertSpec) -> str:
    """What the summary's clause is about: a deployment, the fleet, or nothing (a sentence)."""
    if record.deployment:
        return f"{record.deployment}: "
    return "fleet: " if spec.deployment is not None else ""

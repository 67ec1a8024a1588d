"""Time in each status, from what was observed, and the monthly report against the platform's SLA.

Time between two looks belongs to the status of the earlier one, split where the platform dates its
change (`updated_at`). Time that nobody looked at is `unknown` and never up. Our own transitions
have a bucket of their own, `scaling`: by themselves they are no downtime (SEMANTICS 4, 5).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from autoscaler.core.model import Deployment
from autoscaler.core.snapshot import UptimeView
from autoscaler.core.words import Status

SCALING = "scaling"
"""Bucket of our own transitions."""

UNKNOWN = Status.UNKNOWN.value
"""Bucket of time that nobody observed, and of statuses that we do not know."""

DAYS_KEPT = 62
"""Two months, so that last month's report is whole on the month's last day."""

SPANS_KEPT = 200
"""Spans of trouble kept as evidence for a support request."""

SESSION_SLACK_SECONDS = 5
"""How much an unbroken uptime may seem to fall between two reads: clocks and rounding."""

SLA_THRESHOLDS = (0.999, 0.99, 0.98)
"""Monthly uptimes below which the platform gives rebates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time in a status other than ready."""

    start: float
    end: float
    bucket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UptimeState:
    """What was observed of one deployment so far. Plain data; survives a JSON round trip."""

    seconds: Mapping[str, float] = field(default_factory=dict)
    """Bucket (status word, `scaling`, `unknown`) to seconds, all time."""
    days: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """UTC day (YYYY-MM-DD) to the same, the newest 62 days."""
    spans: tuple[Span, ...] = ()
    """Time that was not ready, newest last."""
    at: float | None = None
    """Instant of the last look; None = never looked."""
    bucket: str = UNKNOWN
    since: float = 0.0
    """When the present bucket was first seen."""
    sessions: int = 0
    """Ready sessions seen to begin."""
    uptime_seconds: int | None = None
    """The platform's uptime at the last look."""


def bucket_of(deployment: Deployment, *, scaling: bool) -> str:
    """Return the bucket that a look at `deployment` belongs to; `scaling` = our own ask is under
    way.
    """
    if scaling and deployment.status in {Status.INITIALIZING, Status.UNKNOWN}:
        return SCALING
    return deployment.status.value


def observe(
    state: UptimeState,
    deployment: Deployment,
    *,
    at: float,
    scaling: bool,
    max_gap_seconds: float,
) -> UptimeState:
    """Return the state after one look at the platform.

    `max_gap_seconds` is the longest time between two looks that still counts as observed.
    """
    bucket = bucket_of(deployment, scaling=scaling)
    began = _session_began(state, deployment)
    seen = replace(
        state,
        at=at,
        bucket=bucket,
        since=state.since if bucket == state.bucket and state.at is not None else at,
        sessions=state.sessions + began,
        uptime_seconds=deployment.uptime_seconds,
    )
    if state.at is None or at <= state.at:
        return seen
    if at - state.at > max_gap_seconds:
        return _add(seen, UNKNOWN, start=state.at, end=at)
    change = _change_instant(state, deployment, bucket=bucket, at=at)
    seen = _add(seen, state.bucket, start=state.at, end=change)
    return _add(replace(seen, since=min(seen.since, change)), bucket, start=change, end=at)


def close(state: UptimeState, *, at: float, max_gap_seconds: float) -> UptimeState:
    """Return the state after a look that found the deployment gone, or nothing at all."""
    if state.at is None or at <= state.at:
        return state
    bucket = state.bucket if at - state.at <= max_gap_seconds else UNKNOWN
    return _add(replace(state, at=at), bucket, start=state.at, end=at)


def view(
    state: UptimeState, *, uptime_seconds: int, availability_ratio: float | None
) -> UptimeView:
    """Return what the snapshot shows."""
    return UptimeView(
        seconds=dict(state.seconds),
        ready_sessions=state.sessions,
        availability_ratio=availability_ratio,
        status_since=state.since,
        uptime_seconds=uptime_seconds,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthReport:
    """One deployment's month, as a support request needs it."""

    month: str
    """YYYY-MM, UTC."""
    seconds: Mapping[str, float]
    uptime_ratio: float | None
    """Up / (up + down); our own scaling is up, unknown is neither. None = nothing seen."""
    breached: tuple[float, ...]
    """SLA thresholds that the ratio is below."""
    evidence: tuple[Span, ...]
    """Stretches of downtime that began in the month."""


def report(state: UptimeState, month: str) -> MonthReport:
    """Return the report of `month` (YYYY-MM) against the platform's SLA thresholds."""
    seconds: dict[str, float] = {}
    for day, buckets in state.days.items():
        if day.startswith(month):
            for bucket, spent in buckets.items():
                seconds[bucket] = seconds.get(bucket, 0.0) + spent
    up = seconds.get(Status.READY.value, 0.0) + seconds.get(SCALING, 0.0)
    down = seconds.get(Status.FAILED.value, 0.0) + seconds.get(Status.INITIALIZING.value, 0.0)
    ratio = up / (up + down) if up + down > 0 else None
    return MonthReport(
        month=month,
        seconds=seconds,
        uptime_ratio=ratio,
        breached=tuple(t for t in SLA_THRESHOLDS if ratio is not None and ratio < t),
        evidence=tuple(s for s in state.spans if _day(s.start).startswith(month)),
    )


def _session_began(state: UptimeState, deployment: Deployment) -> bool:
    if not deployment.is_ready:
        return False
    before = state.uptime_seconds
    return (
        before is None or before == 0 or deployment.uptime_seconds < before - SESSION_SLACK_SECONDS
    )


def _change_instant(state: UptimeState, deployment: Deployment, *, bucket: str, at: float) -> float:
    """Return when the bucket changed: by the platform's date, if between the looks."""
    if bucket == state.bucket or state.at is None:
        return at
    changed = deployment.updated_at
    return changed if changed is not None and state.at <= changed <= at else at


def _add(state: UptimeState, bucket: str, *, start: float, end: float) -> UptimeState:
    if end <= start:
        return state
    seconds = dict(state.seconds)
    seconds[bucket] = seconds.get(bucket, 0.0) + end - start
    days = {day: dict(buckets) for day, buckets in state.days.items()}
    for day, spent in split_days(start, end):
        buckets = days.setdefault(day, {})
        buckets[bucket] = buckets.get(bucket, 0.0) + spent
    kept = dict(sorted(days.items())[-DAYS_KEPT:])
    return replace(state, seconds=seconds, days=kept, spans=_spans(state.spans, bucket, start, end))


def _spans(spans: tuple[Span, ...], bucket: str, start: float, end: float) -> tuple[Span, ...]:
    if bucket in {Status.READY.value, SCALING}:
        return spans
    if spans and spans[-1].bucket == bucket and spans[-1].end == start:
        return (*spans[:-1], replace(spans[-1], end=end))
    return (*spans, Span(start=start, end=end, bucket=bucket))[-SPANS_KEPT:]


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%d")


def split_days(start: float, end: float) -> list[tuple[str, float]]:
    """Cut [start, end) at UTC midnights; return (YYYY-MM-DD, seconds) in order."""
    pieces = []
    while start < end:
        moment = datetime.fromtimestamp(start, tz=UTC)
        midnight = datetime(moment.year, moment.month, moment.day, tzinfo=UTC) + timedelta(days=1)
        stop = min(end, midnight.timestamp())
        pieces.append((moment.strftime("%Y-%m-%d"), stop - start))
        start = stop
    return pieces

"""Conditions on what probes show of a deployment's endpoint.

Evidence is the newest counted probe: without a new one nothing fires and nothing ends. An endpoint
is judged while the platform says `ready`, and through transitions of our own ask; in any other
status the status is the alert.
"""

from collections.abc import Callable, Sequence
from statistics import median

from autoscaler.core.alerting.findings import (
    DeploymentScope,
    Finding,
    Look,
    good,
    grade,
    span,
    unknown,
)
from autoscaler.core.alerting.memory import last_words
from autoscaler.core.alerting.rules import DAY, HOUR
from autoscaler.core.snapshot import Severity
from autoscaler.core.words import FAILURES, FailureReason

AUTH_IN_A_ROW = 2
MISCONFIGURED_IN_A_ROW = 3
_MISCONFIGURED = {
    FailureReason.HTTP_4XX.value,
    FailureReason.HTTP_404.value,
    FailureReason.WRONG_MODEL.value,
}
CERTIFICATE_WARNING_SECONDS = 14 * DAY
CERTIFICATE_CRITICAL_SECONDS = 3 * DAY
WEEK_HOURS = tuple(24 * days for days in range(1, 8))
"""How many hours back the same hour of the last seven days lies."""


def down(scope: DeploymentScope) -> Sequence[Finding]:
    """Three failures in a row or six of ten speak for an endpoint that does not serve."""
    if not _is_judged(scope):
        return unknown()
    if not scope.memory.down:
        return good(scope.probed_at)
    failed = scope.memory.failed_probe
    since = span(scope.probed_at - scope.memory.changed_at)
    return (
        Finding(
            look=_down_look(scope),
            data_at=scope.probed_at,
            description=(
                f"Probes have failed for {since} while the platform says"
                f" `{scope.subject.deployment.raw_status}`; the last failure:"
                f" {failed.get('reason', 'unknown')}, {failed.get('last_error', '')}"
            ),
        ),
    )


def auth(scope: DeploymentScope) -> Sequence[Finding]:
    """The inference key is refused: nobody's outage but ours, and probes are blind meanwhile."""
    return _in_a_row(
        scope,
        count=AUTH_IN_A_ROW,
        is_bad=lambda word: word == FailureReason.HTTP_AUTH.value,
        description="The endpoint refuses the inference key, so its health and load are unknown.",
    )


def misconfigured(scope: DeploymentScope) -> Sequence[Finding]:
    """The endpoint answers, but refuses the request or serves another model."""
    reason = scope.memory.failed_probe.get("reason", "")
    error = scope.memory.failed_probe.get("last_error", "")
    return _in_a_row(
        scope,
        count=MISCONFIGURED_IN_A_ROW,
        is_bad=lambda word: word in _MISCONFIGURED,
        description=f"Probes are refused in the same way each time: {reason}, {error}",
    )


def degraded(scope: DeploymentScope) -> Sequence[Finding]:
    """More than a fifth of the probes of 15 minutes fail, though it is not down."""
    if not _is_judged(scope):
        return unknown()
    rules = scope.rules
    words = _within(scope, rules.degraded_window_seconds)
    failures = sum(1 for word in words if _is_servers(word))
    ratio = failures / len(words) if words else 0.0
    enough = failures >= rules.degraded_failures and not scope.memory.down
    return (
        Finding(
            look=grade(
                bad=enough and ratio > rules.degraded_ratio,
                good=ratio < rules.degraded_clear_ratio,
            ),
            data_at=scope.probed_at,
            description=(
                f"{failures} of {len(words)} probes failed within"
                f" {span(rules.degraded_window_seconds)}."
            ),
        ),
    )


def rate_limited(scope: DeploymentScope) -> Sequence[Finding]:
    """The endpoint answers 429 to a good part of the probes: a matter for people, not load."""
    rules = scope.rules
    words = _within(scope, rules.rate_limited_window_seconds)
    limited = sum(1 for word in words if word == FailureReason.HTTP_429.value)
    ratio = limited / len(words) if words else 0.0
    enough = limited >= rules.rate_limited_failures
    return (
        Finding(
            look=grade(
                bad=enough and ratio > rules.rate_limited_ratio,
                good=ratio < rules.rate_limited_ratio / 2,
            ),
            data_at=scope.probed_at,
            description=(
                f"{limited} of {len(words)} probes were answered 429 within"
                f" {span(rules.rate_limited_window_seconds)}."
            ),
        ),
    )


def throughput_drop(scope: DeploymentScope) -> Sequence[Finding]:
    """Tokens a second fall far below what the same hour of the last seven days brought.

    80 tokens/s now against a median of 200 is a ratio of 0.4.
    """
    rules, hours = scope.rules, scope.memory.hours
    if not hours or hours[-1][0] != int(scope.at // HOUR):
        return unknown()
    hour, count, mean = hours[-1]
    known = {entry[0]: entry[2] for entry in hours}
    before = [known[hour - back] for back in WEEK_HOURS if hour - back in known]
    if count < rules.throughput_probes or len(before) < len(WEEK_HOURS) - 1:
        return unknown()
    usual = median(before)
    ratio = mean / usual
    loud = ratio < rules.throughput_warning_ratio
    return (
        Finding(
            look=grade(
                bad=ratio < rules.throughput_ratio, good=ratio > rules.throughput_clear_ratio
            ),
            data_at=scope.probed_at,
            severity=Severity.WARNING if loud else Severity.INFO,
            description=(
                f"Streams bring {mean:.0f} tokens/s this hour; the same hour of the last days"
                f" brought {usual:.0f}."
            ),
        ),
    )


def certificate_expiring(scope: DeploymentScope) -> Sequence[Finding]:
    """The endpoint's certificate ends soon."""
    ends_at = scope.subject.cert_expires_at
    if ends_at is None:
        return unknown()
    left = ends_at - scope.at
    loud = left < CERTIFICATE_CRITICAL_SECONDS
    return (
        Finding(
            look=grade(bad=left < CERTIFICATE_WARNING_SECONDS, good=True),
            data_at=scope.probed_at,
            severity=Severity.CRITICAL if loud else Severity.WARNING,
            description=(
                f"The endpoint's TLS certificate ends in {span(left)}."
                if left > 0
                else f"The endpoint's TLS certificate ended {span(-left)} ago."
            ),
        ),
    )


def buffered(scope: DeploymentScope) -> Sequence[Finding]:
    """Something between us and the engine holds tokens back, so that streams say less."""
    hint = scope.subject.buffered_hint
    if not hint:
        return good(scope.probed_at)
    return (Finding(look=Look.BAD, data_at=scope.probed_at, description=hint),)


def _is_judged(scope: DeploymentScope) -> bool:
    return scope.subject.deployment.is_ready or scope.subject.settling


def _down_look(scope: DeploymentScope) -> Look:
    """One answer after the failures is no end yet, and no failure either."""
    last = next(iter(last_words(scope.memory, 1)), "")
    return Look.BAD if last else Look.BETWEEN


def _is_servers(word: str) -> bool:
    """Whether a failure spends the server's error budget and is no rate limit."""
    return (
        bool(word)
        and word != FailureReason.HTTP_429.value
        and FAILURES[FailureReason(word)].counts_against_slo
    )


def _within(scope: DeploymentScope, seconds: float) -> list[str]:
    return [word for end, word in scope.memory.probes if end > scope.at - seconds]


def _in_a_row(
    scope: DeploymentScope, *, count: int, is_bad: Callable[[str], bool], description: str
) -> Sequence[Finding]:
    """True after `count` such failures in a row, over with the first success."""
    words = list(last_words(scope.memory, count))
    if not words:
        return unknown()
    in_a_row = len(words) == count and all(is_bad(word) for word in words)
    return (
        Finding(
            look=grade(bad=in_a_row, good=not words[-1]),
            data_at=scope.probed_at,
            description=description,
        ),
    )

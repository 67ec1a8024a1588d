"""Conditions on the daemon and its surroundings: control plane, credentials, network, receivers."""

from collections.abc import Sequence

from autoscaler.core.alerting.conditions.status import EVENT_SECONDS
from autoscaler.core.alerting.facts import CredentialFacts
from autoscaler.core.alerting.findings import Finding, FleetScope, Look, good, grade, span, unknown
from autoscaler.core.alerting.rules import DAY, HOUR
from autoscaler.core.snapshot import ReceiverView, Severity

STALE_POLLS = 5
AUTH_FAILURES = 2
"""Refusals after a fresh login from which the credential counts as refused."""
SHORT_LIFETIME_SECONDS = 2 * DAY
"""Credentials that live shorter are judged in minutes, not in days."""
LONG_LIMITS = (7 * DAY, DAY)
SHORT_LIMITS = (1800.0, 300.0)
"""(warning, critical): seconds left, for long and for short lived credentials."""
OVERDUE_RATIO = 0.1
"""Share of its life from which a credential that renews itself counts as not renewed: that is tried
at 20 %.
"""
CRITICAL_WAITS_SECONDS = 300.0
OTHERS_WAIT_SECONDS = 1800.0
"""How long an undelivered notification may wait, about a critical alert and about any."""
DEAD_LETTER_SECONDS = HOUR
"""How long a given-up notification keeps its alert open."""


def control_plane_stale(scope: FleetScope) -> Sequence[Finding]:
    """No complete list for five minutes: what is known of the fleet grows old."""
    last = scope.facts.control_plane.view.last_success_at
    if last is None:
        if not scope.facts.control_plane.view.is_stale:
            return unknown()
        text = "The control plane has not been read once since the start."
        return (Finding(look=Look.BAD, data_at=scope.at, description=text),)
    age = scope.at - last
    limit = max(scope.rules.stale_seconds, STALE_POLLS * scope.facts.poll_seconds)
    if age <= limit:
        return good(last)
    error = scope.facts.control_plane.view.last_error
    return (
        Finding(
            look=Look.BAD,
            data_at=scope.at,
            description=(
                f"The last complete list of deployments is {span(age)} old. Nothing is scaled down,"
                f" endpoints are still probed. Last error: {error or 'none'}."
            ),
        ),
    )


def control_plane_errors(scope: FleetScope) -> Sequence[Finding]:
    """More than a tenth of the requests of 15 minutes failed."""
    rules = scope.rules
    begin = scope.at - rules.error_window_seconds
    counts = [(asked, failed) for at, asked, failed in scope.memory.counts if at > begin]
    asked = sum(count[0] for count in counts)
    failed = sum(count[1] for count in counts)
    if not asked:
        return unknown()
    many = failed >= rules.error_count and failed / asked > rules.error_ratio
    return (
        Finding(
            look=grade(bad=many, good=failed / asked < rules.error_ratio / 2),
            data_at=scope.memory.counts[-1][0],
            description=(
                f"{failed} of {asked} requests to the control plane failed within"
                f" {span(rules.error_window_seconds)}. Last error:"
                f" {scope.facts.control_plane.view.last_error or 'none'}."
            ),
        ),
    )


def control_plane_auth(scope: FleetScope) -> Sequence[Finding]:
    """The control plane refuses our credential, even after a fresh login."""
    plane = scope.facts.control_plane
    if plane.auth_failures == 0:
        last = plane.view.last_success_at
        return unknown() if last is None else good(last)
    return (
        Finding(
            look=grade(bad=plane.auth_failures >= AUTH_FAILURES, good=False),
            data_at=scope.at,
            description=(
                f"The control plane refused the credential {plane.auth_failures} times in a row:"
                f" {plane.view.last_error}"
            ),
        ),
    )


def unreadable_items(scope: FleetScope) -> Sequence[Finding]:
    """Items of the list cannot be read, so those deployments are watched on old data."""
    view = scope.facts.control_plane.view
    if view.last_success_at is None:
        return unknown()
    if not view.invalid_items:
        return good(view.last_success_at)
    text = " ".join(view.invalid_items)
    return (Finding(look=Look.BAD, data_at=view.last_success_at, description=text),)


def credential_expiring(scope: FleetScope) -> Sequence[Finding]:
    """A credential ends soon and nothing renews it, or its renewal fails."""
    return [_credential(scope, credential) for credential in scope.facts.credentials]


def fleet_changed(scope: FleetScope) -> Sequence[Finding]:
    """Deployments appeared or vanished; the daemon itself never does that."""
    happened = scope.memory.events.get("fleet")
    if happened is None:
        return good(scope.at)
    at, text = happened
    lasts = scope.at - at < EVENT_SECONDS
    return (Finding(look=grade(bad=lasts, good=True), data_at=scope.at, description=text),)


def self_offline(scope: FleetScope) -> Sequence[Finding]:
    """No canary can be reached: it is our own network that is lost."""
    if scope.facts.self_offline is None:
        return unknown()
    text = (
        "None of the addresses that should always answer does. What probes say of endpoints is not"
        " believed meanwhile."
    )
    look = grade(bad=scope.facts.self_offline, good=True)
    return (Finding(look=look, data_at=scope.at, description=text),)


def notify_failing(scope: FleetScope) -> Sequence[Finding]:
    """A receiver does not take what it is sent, or notifications to it were given up."""
    return [_receiver(scope, receiver) for receiver in scope.facts.receivers]


def overloaded(scope: FleetScope) -> Sequence[Finding]:
    """The daemon's own loop is late, so that its measurements and decisions are too."""
    rules, lag = scope.rules, scope.facts.loop_lag_p99_seconds
    begin = scope.at - rules.missed_window_seconds
    missed = sum(count for at, count in scope.memory.missed if at > begin)
    if lag is None and not scope.facts.jobs:
        return unknown()
    late = lag is not None and lag > rules.loop_lag_seconds
    shown = "unknown" if lag is None else f"{lag * 1000:.0f} ms"
    return (
        Finding(
            look=grade(bad=late or missed > rules.missed_jobs, good=True),
            data_at=scope.at,
            description=(
                f"The event loop's lag (p99) is {shown}, and {missed} job runs were missed within"
                f" {span(rules.missed_window_seconds)}."
            ),
        ),
    )


def reload_failed(scope: FleetScope) -> Sequence[Finding]:
    """A new configuration was refused; the old one is still in force."""
    failed_at = scope.facts.reload_failed_at
    if failed_at is None:
        return good(scope.at)
    text = (
        f"The configuration of {span(scope.at - failed_at)} ago was refused and the old one is"
        f" still in force: {scope.facts.reload_error}"
    )
    return (Finding(look=Look.BAD, data_at=scope.at, description=text),)


def always(scope: FleetScope) -> Sequence[Finding]:
    """True as long as anybody looks."""
    text = "The alert engine runs and its notifications arrive. This alert never ends."
    return (Finding(look=Look.BAD, data_at=scope.at, description=text),)


def _credential(scope: FleetScope, credential: CredentialFacts) -> Finding:
    lifetime = credential.lifetime_seconds
    short = lifetime is not None and lifetime < SHORT_LIFETIME_SECONDS
    warning, critical = SHORT_LIMITS if short else LONG_LIMITS
    left = credential.expires_at - scope.at
    overdue = lifetime is not None and left < OVERDUE_RATIO * lifetime
    renewed = credential.renews_itself and not (credential.refresh_failed or overdue)
    failing = credential.renews_itself and not renewed
    return Finding(
        look=grade(bad=left < warning and not renewed, good=True),
        data_at=scope.at,
        dimension=credential.name,
        severity=Severity.CRITICAL if left < critical else Severity.WARNING,
        description=(
            f"The credential `{credential.name}` ends in {span(left)}"
            f"{' and its renewal fails' if failing else ''}."
            if left > 0
            else f"The credential `{credential.name}` ended {span(-left)} ago."
        ),
    )


def _receiver(scope: FleetScope, receiver: ReceiverView) -> Finding:
    what = []
    critical_at, oldest_at = receiver.oldest_critical_at, receiver.oldest_at
    if critical_at is not None and scope.at - critical_at > CRITICAL_WAITS_SECONDS:
        what.append(f"a critical notification has waited for {span(scope.at - critical_at)}")
    elif oldest_at is not None and scope.at - oldest_at > OTHERS_WAIT_SECONDS:
        what.append(f"a notification has waited for {span(scope.at - oldest_at)}")
    gave_up = scope.memory.events.get(f"dead {receiver.name}")
    if gave_up is not None and scope.at - gave_up[0] < DEAD_LETTER_SECONDS:
        what.append("notifications were given up")
    error = receiver.last_error or (gave_up[1] if gave_up else "")
    return Finding(
        look=grade(bad=bool(what), good=True),
        data_at=scope.at,
        dimension=receiver.name,
        description=(
            f"Receiver `{receiver.name}` ({receiver.kind}): {' and '.join(what)};"
            f" {receiver.queued} are queued. Last error: {error or 'none'}."
        ),
    )

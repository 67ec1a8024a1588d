"""Conditions on what the platform says of a deployment: status, transitions, restarts, hosts."""

from collections.abc import Sequence

from autoscaler.core.alerting.findings import (
    DeploymentScope,
    Finding,
    Look,
    good,
    grade,
    span,
    unknown,
)
from autoscaler.core.snapshot import Severity
from autoscaler.core.words import Status

EVENT_SECONDS = 1800.0
"""How long an event (a restart, a change by others) stays open: half an hour, to be seen."""


def failed(scope: DeploymentScope) -> Sequence[Finding]:
    """The status is `failed`: suspect at first sight, true after one re-read that says so too."""
    subject = scope.subject
    if subject.deployment.status is not Status.FAILED:
        return good(subject.seen_at)
    return (
        Finding(
            look=Look.BAD if subject.confirmed_failed else Look.SUSPECT,
            data_at=subject.seen_at,
            description=(
                f"The platform says `failed` since {span(scope.at - subject.status_since)}"
                f" ({subject.deployment.replicas} replicas of {subject.deployment.model_id} in"
                f" {subject.deployment.region}). It serves nothing, and it may go on costing money."
            ),
        ),
    )


def stuck_initializing(scope: DeploymentScope) -> Sequence[Finding]:
    """Initializing for longer than the deadline; critical at twice that."""
    subject = scope.subject
    if subject.deployment.status is not Status.INITIALIZING:
        return good(subject.seen_at)
    lasted = subject.seen_at - subject.status_since
    deadline = scope.rules.init_deadline_seconds
    return (
        Finding(
            look=grade(bad=lasted > deadline, good=True),
            data_at=subject.seen_at,
            severity=Severity.CRITICAL if lasted > 2 * deadline else Severity.WARNING,
            description=(
                f"It has been initializing for {span(lasted)}; {span(deadline)} are allowed."
                " It is billed meanwhile."
            ),
        ),
    )


def stuck_terminating(scope: DeploymentScope) -> Sequence[Finding]:
    """Terminating for longer than its deadline, billed all the while."""
    subject = scope.subject
    if subject.deployment.status is not Status.TERMINATING:
        return good(subject.seen_at)
    lasted = subject.seen_at - subject.status_since
    return (
        Finding(
            look=grade(bad=lasted > scope.rules.terminating_deadline_seconds, good=True),
            data_at=subject.seen_at,
            description=f"It has been terminating for {span(lasted)} and is still billed.",
        ),
    )


def scale_stuck(scope: DeploymentScope) -> Sequence[Finding]:
    """A scale call of ours was taken and the count, or `ready`, did not come within its deadline.

    An ask that went overdue stays true until the count is reached or another ask replaces it.
    """
    subject = scope.subject
    ask = subject.ask
    if ask is None or ask.outcome in {"settled", "refused"}:
        return good(subject.seen_at)
    if subject.deployment.replicas == ask.count and subject.deployment.is_ready:
        return good(subject.seen_at)
    lasted = subject.seen_at - ask.asked_at
    overdue = ask.outcome == "overdue" or lasted > subject.policy.settle_deadline_seconds
    return (
        Finding(
            look=grade(bad=overdue, good=True),
            data_at=subject.seen_at,
            description=(
                f"{span(lasted)} ago {ask.count} replicas were asked for; it runs"
                f" {subject.deployment.replicas} and says `{subject.deployment.raw_status}`."
            ),
        ),
    )


def flapping(scope: DeploymentScope) -> Sequence[Finding]:
    """Many changes of status, or between up and down, that none of our own asks explains."""
    count = len(scope.memory.transitions)
    return (
        Finding(
            look=grade(bad=count >= scope.rules.flap_transitions, good=count <= 1),
            data_at=scope.at,
            description=(
                f"{count} changes of status or between up and down within"
                f" {span(scope.rules.flap_window_seconds)}, none of them of our own making."
            ),
        ),
    )


def unexpected_restart(scope: DeploymentScope) -> Sequence[Finding]:
    """The ready session began again without a change that we saw or made."""
    return event(scope, "restart")


def event(scope: DeploymentScope, kind: str) -> Sequence[Finding]:
    """A remembered event: true for half an hour after it happened."""
    happened = scope.memory.events.get(kind)
    if happened is None:
        return good(scope.at)
    at, sentence = happened
    lasts = scope.at - at < EVENT_SECONDS
    return (Finding(look=grade(bad=lasts, good=True), data_at=scope.at, description=sentence),)


def host_refused(scope: DeploymentScope) -> Sequence[Finding]:
    """The endpoint's host is not trusted, so that nothing is sent there, least of all a key."""
    subject = scope.subject
    if not subject.host_refused:
        return good(subject.seen_at) if subject.deployment.endpoint_url else unknown()
    return (Finding(look=Look.BAD, data_at=subject.seen_at, description=subject.host_refused),)

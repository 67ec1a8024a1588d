"""Words of the engine's stories: a failed deployment, a failing endpoint."""

from dataclasses import replace

from helpers_alerts import (
    POLL,
    T0,
    Story,
    deployment,
    fleet,
    instants,
    probe,
    subject,
    with_status,
)

from autoscaler.core.alerting.facts import DeploymentFacts
from autoscaler.core.alerting.rules import (
    AlertRules,
    ReceiverRule,
)
from autoscaler.core.words import FailureReason, Status

FAILED = "NeevDeploymentFailed"

DOWN = "NeevEndpointDown"


def failed(at: float, *, confirmed: bool = True, name: str = "chat-a") -> DeploymentFacts:
    return subject(at, deployment=with_status(Status.FAILED, name=name), confirmed_failed=confirmed)


def failing(at: float, name: str = "chat-a") -> DeploymentFacts:
    return subject(at, deployment=deployment(name), probes=(probe(at, FailureReason.DISCONNECTED),))


def go_down(story: Story, start: float = T0) -> float:
    """Three failed probes; returns the next instant."""
    for at in instants(start, 3):
        story.see(fleet(at, failing(at)))
    assert DOWN in story.firing()
    return start + 3 * POLL


def two_receivers(**changes: object) -> AlertRules:
    receivers = (ReceiverRule(name="pager"), ReceiverRule(name="chat"))
    return replace(AlertRules(receivers=receivers), **changes)  # type: ignore[arg-type]  # a test's shorthand

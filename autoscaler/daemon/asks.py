"""When an ask of ours ends: settled, or overdue. Pure.

An ask is recorded before its call leaves and counts as capacity to come until it ends. An accepted
one ends when the count is reached and the deployment is ready, or at its deadline. One whose
outcome is unknown (timeout, crash) may never have arrived: it also ends when, a settling window
later, a fresh read shows no sign of it at all.
"""

from dataclasses import replace
from enum import Enum

from autoscaler.core.model import Ask, Deployment
from autoscaler.core.passage import has_moved
from autoscaler.core.policy import Policy


class Arrival(Enum):
    """Whether a call arrived at the platform, as far as it can be told afterwards."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"
    """All is as it was before the call, but something was changed meanwhile."""


def followed(ask: Ask, deployment: Deployment, *, read_at: float, policy: Policy) -> Ask:
    """Return the ask as it stands after a read that left at `read_at`."""
    if not ask.is_open or read_at < ask.asked_at:
        return ask
    if deployment.is_ready and deployment.replicas == ask.count:
        return replace(ask, outcome="settled", closed_at=read_at)
    age = read_at - ask.asked_at
    lost = age >= policy.settling_window_seconds and arrival(ask, deployment) is Arrival.NO
    if lost or age >= policy.settle_deadline_seconds:
        return replace(ask, outcome="overdue", closed_at=read_at)
    return ask


def arrival(ask: Ask, deployment: Deployment) -> Arrival:
    """Return whether the call of an ask that is still open arrived."""
    if ask.outcome != "pending" or has_moved(ask, deployment):
        return Arrival.YES
    touched = deployment.updated_at is not None and deployment.updated_at >= ask.asked_at
    return Arrival.UNCLEAR if touched else Arrival.NO

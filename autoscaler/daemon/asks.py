"""When an ask of ours ends: settled, or overdue. Pure.

An ask is recorded before its call leaves and counts as capacity to come until it ends. An accepted
one ends when the count is reached and the deployment is ready, or at its deadline. One whose
outcome is unknown (timeout, crash) may never have arrived: it also ends when, a settling window
later, a fresh read shows no sign of it at all.
"""

from dataclasses import replace

from autoscaler.core.model import Ask, Deployment
from autoscaler.core.policy import Policy


def followed(ask: Ask, deployment: Deployment, *, read_at: float, policy: Policy) -> Ask:
    """Return the ask as it stands after a read that left at `read_at`."""
    if not ask.is_open or read_at < ask.asked_at:
        return ask
    if deployment.is_ready and deployment.replicas == ask.count:
        return replace(ask, outcome="settled", closed_at=read_at)
    age = read_at - ask.asked_at
    lost = ask.outcome == "pending" and age >= policy.settling_window_seconds
    if age >= policy.settle_deadline_seconds or (lost and _shows_no_sign(ask, deployment)):
        return replace(ask, outcome="overdue", closed_at=read_at)
    return ask


def _shows_no_sign(ask: Ask, deployment: Deployment) -> bool:
    """True if the platform looks as if the call had never arrived."""
    touched = deployment.updated_at is not None and deployment.updated_at >= ask.asked_at
    return deployment.is_ready and deployment.replicas == ask.from_count and not touched

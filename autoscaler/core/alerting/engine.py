"""The alert engine: `evaluate(state, facts, rules) -> AlertOutcome`, pure.

It decides nothing by itself but when a condition has held long enough, when it is over, what
explains what, and who is told. What the conditions are stands in the catalogue. The outcome's
documents and notifications must be committed in one transaction: then no change is lost between
the alert and its message, whatever happens to the process.
"""

from dataclasses import dataclass

from autoscaler.core.alerting.facts import FleetFacts
from autoscaler.core.alerting.rules import AlertRules
from autoscaler.core.alerting.state import AlertsState
from autoscaler.core.notification import Notification
from autoscaler.core.snapshot import Alert, AlertState, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTransition:
    """One alert that began to fire or ended, for log lines and counters."""

    name: str
    severity: Severity
    deployment: str
    dimension: str
    to: AlertState
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertOutcome:
    """What one evaluation found."""

    state: AlertsState
    alerts: tuple[Alert, ...]
    """All that are pending or firing, by deployment and name."""
    transitions: tuple[AlertTransition, ...]
    notifications: tuple[Notification, ...]
    """New outbox rows."""


def evaluate(state: AlertsState, facts: FleetFacts, rules: AlertRules) -> AlertOutcome:
    """Look at the facts once and return the new state with what changed and who is to be told."""
    ...

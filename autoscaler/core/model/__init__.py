"""The nouns of the product: frozen data that every part shares.

All instants (`…_at`) are seconds since the epoch, UTC. Durations are seconds. `None` means "not
known" and never zero; each field says so where it may be None.
"""

from autoscaler.core.model.decision import Counterfactual, Decision, Estimate, Notice, Step
from autoscaler.core.model.deployment import Deployment
from autoscaler.core.model.observation import Observation
from autoscaler.core.model.orders import Ask, Orders, Override, Pause
from autoscaler.core.model.plain import Json
from autoscaler.core.model.probe import Phases, ProbeResult, Signal

__all__ = [
    "Ask",
    "Counterfactual",
    "Decision",
    "Deployment",
    "Estimate",
    "Json",
    "Notice",
    "Observation",
    "Orders",
    "Override",
    "Pause",
    "Phases",
    "ProbeResult",
    "Signal",
    "Step",
]

"""All that one step may look at."""

from dataclasses import dataclass, field

from autoscaler.core.model.deployment import Deployment
from autoscaler.core.model.orders import Ask, Orders
from autoscaler.core.model.probe import ProbeResult, Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """All that one step may look at, for one deployment."""

    at: float
    deployment: Deployment
    read_at: float
    """Instant of the control-plane read that `deployment` comes from."""
    probes: tuple[ProbeResult, ...] = ()
    """Results that arrived since the last step, oldest first."""
    signals: tuple[Signal, ...] = ()
    ask: Ask | None = None
    """Our latest ask, open or closed since the last step; None if there is none to tell of."""
    orders: Orders = field(default_factory=Orders)
    price_per_replica_hour: float | None = None
    """Money per replica and hour in the daemon's currency; None = price unknown."""
    month_spend: float | None = None
    """Money spent this month on this deployment; None = unknown."""
    month_left_hours: float | None = None
    """Hours left in the billing month; None where no budget is kept."""
    started_at: float = 0.0
    """Instant of the daemon's start or last reload: nothing goes down for a settling window after
    it.
    """

"""What one tick gathers to write in one transaction, and the calls that may leave once it is."""

from dataclasses import dataclass, field

from autoscaler.actuator import Order
from autoscaler.core.model import Decision, Json
from autoscaler.core.notification import Notification
from autoscaler.core.snapshot import HistoryPoint
from autoscaler.ports import Batch


@dataclass(slots=True)
class Writing:
    """What one tick writes."""

    documents: dict[tuple[str, str], Json] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    observations: list[tuple[float, str, Json]] = field(default_factory=list)
    history: list[tuple[str, HistoryPoint]] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)

    def batch(self) -> Batch:
        """Return it as one transaction."""
        return Batch(
            documents=self.documents,
            decisions=self.decisions,
            observations=self.observations,
            history=self.history,
            notifications=self.notifications,
        )

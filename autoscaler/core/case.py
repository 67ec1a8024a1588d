"""The case before the rules: everything that one decision may look at, computed once.

Rules get a Case and a count and return a Step; they read nothing else and remember nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from autoscaler.core.balance import Groups
from autoscaler.core.counts import Hand
from autoscaler.core.estimate import INTERVAL
from autoscaler.core.line import Line
from autoscaler.core.model import Ask, Estimate, Observation, Step
from autoscaler.core.policy import Policy
from autoscaler.core.slope import Slope
from autoscaler.core.staffing import staffed
from autoscaler.core.words import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What one recommender wants."""

    rule: str
    count: int
    need: float | None
    """Unrounded count; None where the recommender knows only whole ones."""
    reason: Reason
    because: str
    load: float | None = None
    """Load that an overload was sized by; None = of no overload."""
    urgent: bool = False
    """True for overload and undo: neither tolerance nor cooldown nor up-step limit applies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the gates let pass."""

    closed: Reason | None = None
    """Why nothing at all may be asked for (lifecycle); None = open."""
    blind: Reason | None = None
    """Why the load cannot be seen; None = it can."""
    stale: bool = False
    """True if the count itself was not read freshly: not even bounds hold."""
    starting: bool = False
    """True in the first settling window after a start or reload."""
    settling_until: float | None = None
    """Nothing goes down until then; None = settled."""
    fallback: bool = False
    """True if blind for as long as the policy's fallback waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One decision's facts."""

    observation: Observation
    policy: Policy
    gate: Gate
    current: int
    base: int
    """What is coming: the open ask's count, else current. Rules move from here."""
    ask: Ask | None
    """The open ask; None if none is under way."""
    estimate: Estimate
    line: Line | None
    """None while no inter-token latency was seen."""
    slope: Slope | None
    queue_load: float | None
    """Load that the slope told last in this overload; None = nothing yet."""
    queue_asked: tuple[float, float] | None
    """Instant and told load of the last ask for it; None = nothing was asked for in this overload.
    """
    queue_since: float | None
    """Instant at which the shown overload began; None = none is shown."""
    queue_until: float | None
    """Instant at which it ends if no probe succeeds; None = none is shown."""
    backlog: float
    """Work that waits by that load, replica-seconds."""
    queueing: bool
    """True while a queue is suspected, or so lately gone that the latencies are still its own."""
    headroom: float
    """Share of the objectives' load that is planned for."""
    hold_seconds: float
    held_highest: int
    """Largest count wanted within the hold; nothing goes below it."""
    held_until: float | None
    """When the hold would let a lower count pass; None = now."""
    settled_for: float
    """Seconds since an ask settled or the count changed; since the epoch where neither did."""
    hand: Hand | None
    fell_from: int | None
    last_up_at: float | None
    """When we last asked for more; None = never."""
    last_down_at: float | None
    """When we last asked for less; None = never."""
    up_from: int
    """Count at the start of the step period for increases; `base` if none was asked in it."""
    down_from: int
    """The same for decreases."""
    samples: int
    """Successful probes in the stable window."""
    failures: int
    """Failed probes in the stable window."""
    proposals: tuple[Proposal, ...] = ()
    uneven: Groups | None = None
    """Two groups of latencies that replicas fall into; None = none seen for certain."""
    foretold: float | None = None
    """Need (at head-room 1) that a forecast which has earned it foretells; None = none does."""
    foretold_by: str = ""
    undo_to: int | None = None
    """Count that a failed step down came from; None = no step failed."""

    @property
    def at(self) -> float:
        """The instant of the decision."""
        return self.observation.at

    def staffed(self, load: float) -> float | None:
        """Replicas, unrounded, for a load in the estimate's unit; None while the capacity of one
        within the objectives is not known.
        """
        capacity = self.estimate.capacity_per_replica
        return None if capacity is None else staffed(load / capacity, self.headroom)

    @property
    def tolerance(self) -> float:
        """Increase that is taken for noise, as a share: the policy's, or the estimate's own
        deviation where that is smaller.
        """
        load, high = self.estimate.load, self.estimate.load_high
        if not load or high is None:
            return self.policy.tolerance_ratio
        return min(self.policy.tolerance_ratio, (high - load) / INTERVAL / load)

    @property
    def is_trusted(self) -> bool:
        """True if alpha may carry a step down."""
        return self.estimate.alpha_trusted


Rule: TypeAlias = Callable[[Case, int], Step]


def passed(rule: str, count: int, because: str, reason: Reason | None = None) -> Step:
    """A step that leaves the count as it was."""
    return Step(rule=rule, before=count, after=count, because=because, reason=reason)

"""A fleet of emulated replicas: requests come, are routed, queued, batched; replicas come and go.

Pure arithmetic on one time line of floats (seconds); whoever drives it says what time it is, and
never goes back. Background requests are never stepped token by token: see `replica` for how.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from autoscaler.emulator.physics import Physics
from autoscaler.emulator.profiles import Profile
from autoscaler.emulator.stream import Stream
from autoscaler.emulator.tallies import Completion, Tallies


class Request(NamedTuple):
    """One request of the background load. A named tuple, not a dataclass: a day has millions."""

    arrival_at: float
    prompt_tokens: int
    output_tokens: int


class Router(StrEnum):
    """How the load balancer in front of the replicas picks one."""

    RANDOM = "random"
    ROUND_ROBIN = "round_robin"
    LEAST_LOADED = "least_loaded"


class Phase(StrEnum):
    """Where a replica is in its life."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetConfig:
    """Everything a fleet is made of. The same configuration and calls give the same results."""

    profile: Profile
    physics: Physics = Physics()
    at: float = 0.0
    """Instant at which it begins, with `replicas` ready."""
    replicas: int = 1
    seed: int = 0
    router: Router = Router.RANDOM
    cold_start_seconds: float = 180.0
    """From the scale call to a new replica's first request."""
    cold_start_spread_ratio: float = 0.0
    """Each cold start is drawn from cold_start_seconds x (1 ± this)."""
    drain_seconds: float = 600.0
    """A removed replica finishes what it has, but is cut off after this; the rest is aborted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaView:
    """One replica, as a person would see it."""

    id: int
    """Counts from 0 over the fleet's life."""
    phase: Phase
    since: float
    """Instant at which that phase began."""
    running: int
    waiting: int
    kv_usage_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """The fleet now, in vLLM's terms, for /metrics; totals count since the fleet began."""

    running: int
    waiting: int
    """Requests in queues, those at the gateway while no replica is ready among them."""
    kv_usage_ratio: float
    """Mean over the replicas that serve, 0..1."""
    prompt_tokens_total: int
    """Prompt tokens whose prefill is done."""
    generation_tokens_total: int
    """Tokens generated, of unfinished requests too."""
    preemptions_total: int
    aborted_total: int
    arrived_total: int
    tallies: Tallies
    """Totals and histograms of the finished requests."""


Sink = Callable[[Sequence[Completion]], None]
"""Takes finished requests in batches, unordered across replicas, at the latest when `advance` ends."""


class Fleet:
    """Replicas behind one endpoint."""

    def __init__(
        self,
        config: FleetConfig,
        workload: Iterable[Request] = (),
        *,
        sink: Sink | None = None,
    ) -> None:
        """Begin at `config.at`. `workload` is read lazily and must be in order of arrival; requests
        that arrive before `config.at` are an error.
        """
        raise NotImplementedError

    @property
    def now(self) -> float:
        """Instant up to which everything has happened."""
        raise NotImplementedError

    @property
    def current(self) -> int:
        """Replicas that are ready."""
        raise NotImplementedError

    @property
    def target(self) -> int:
        """Replicas last asked for."""
        raise NotImplementedError

    def replicas(self) -> tuple[ReplicaView, ...]:
        """All replicas that are billed now, oldest first."""
        raise NotImplementedError

    def advance(self, until: float) -> None:
        """Let everything up to `until` happen. Earlier than `now` is an error."""
        raise NotImplementedError

    def next_change_at(self) -> float | None:
        """Instant at which the next replica becomes ready; None where none starts."""
        raise NotImplementedError

    def scale(self, at: float, replicas: int) -> None:
        """Ask for so many replicas: new ones start cold; of those to go the starting ones leave at
        once and the youngest ready ones drain.
        """
        raise NotImplementedError

    def crash(self, at: float, count: int = 1, *, restarts: bool = True) -> int:
        """Lose ready replicas, the oldest first, with all they were doing; each starts anew, cold,
        if `restarts`. Returns how many were lost.
        """
        raise NotImplementedError

    def submit(
        self, at: float, *, prompt_tokens: int, output_tokens: int, cached_tokens: int | None = None
    ) -> Stream:
        """Send one watched request; it waits in the same queue as the background load.
        `cached_tokens` of its prompt need no prefill; None takes the physics' share.
        """
        raise NotImplementedError

    def feed(self, workload: Iterable[Request]) -> None:
        """Replace the background load from `now` on; earlier requests of it are skipped."""
        raise NotImplementedError

    def alter(self, at: float, physics: Physics) -> None:
        """Change the physics of all replicas from their next step on."""
        raise NotImplementedError

    def set_cold_start(self, seconds: float) -> None:
        """Change the cold start of replicas that are asked for from now on."""
        raise NotImplementedError

    def billed_replica_seconds(self) -> float:
        """Replica-seconds so far, each from the start of its provisioning to the end of its drain."""
        raise NotImplementedError

    def gauges(self) -> Gauges:
        """Counters and gauges as of `now`."""
        raise NotImplementedError

"""A fleet of emulated replicas: requests come, are routed, queued, batched; replicas come and go.

Pure arithmetic on one time line of floats (seconds); whoever drives it says what time it is, and
never goes back. Background requests are never stepped token by token: see `replica` for how.

How fast: a day at 50 requests a second (4.3 million; conversations, on 4 replicas of the 8B
profile on H100) takes about 45 s of one core of a small cloud machine with CPython 3.11 behind a
random balancer, some 10 us a request, and about 60 s behind one that looks at load; jitter, drift
and a bent latency add a fifth (`tests/emulator_fleet/test_fleet_speed.py` prints it). It is the
arrivals, prompts and ends that cost, not the tokens. Memory does not grow with time.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from autoscaler.emulator.balancer import Router
from autoscaler.emulator.crew import Crew, Phase
from autoscaler.emulator.gateway import Gateway
from autoscaler.emulator.gauges import Gauges, ReplicaView, Totals, mean_kv_usage, view
from autoscaler.emulator.physics import Physics
from autoscaler.emulator.profiles import Profile
from autoscaler.emulator.replica import Replica
from autoscaler.emulator.steptime import ADMIT_RATIO, StepTime
from autoscaler.emulator.stream import Stream
from autoscaler.emulator.tallies import Completion, Tallies
from autoscaler.emulator.workload import Request

__all__ = [
    "Completion", "Fleet", "FleetConfig", "Gauges", "Phase", "Physics", "Profile", "ReplicaView",
    "Request", "Router", "Sink", "Stream",
]  # fmt: skip

BLOCK = 4096
"""Arrivals handed to the replicas, and finished requests kept, at a time: so that memory stays
bounded however far one advances."""

Sink = Callable[[Sequence[Completion]], None]
"""Takes finished requests in batches, unordered across replicas, at the latest when `advance`
ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetConfig:
    """Everything a fleet is made of. The same configuration and calls give the same results."""

    profile: Profile
    physics: Physics = field(default_factory=Physics)
    at: float = 0.0
    """Instant at which it begins, with `replicas` ready."""
    replicas: int = 1
    seed: int = 0
    router: Router = Router.RANDOM
    cold_start_seconds: float = 180.0
    """From the scale call to a new replica's first request."""
    cold_start_spread_ratio: float = 0.0
    """Each cold start is drawn evenly from cold_start_seconds x (1 ± this)."""
    drain_seconds: float = 600.0
    """A removed replica finishes what it has, but is cut off after this; the rest is aborted."""

    def __post_init__(self) -> None:
        numbers = (self.replicas, self.cold_start_seconds, self.drain_seconds)
        if min(numbers) < 0 or not 0.0 <= self.cold_start_spread_ratio <= 1.0:
            raise ValueError(
                "a fleet's replicas, cold_start_seconds and drain_seconds must not be negative, "
                "and cold_start_spread_ratio must be in 0..1"
            )


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
        of it from before `config.at` are skipped.
        """
        self._config, self._sink = config, sink
        self._now = config.at
        self._target = config.replicas
        self._starts = random.Random(config.seed + 2)  # noqa: S311  # reproducible, no secrets
        self._completions: list[Completion] = []
        self._tallies = Tallies()
        self._gone = Totals()
        self._crew = Crew(self._build)
        self._gateway = Gateway(
            self._crew,
            config.router,
            seed=config.seed,
            longest=int(ADMIT_RATIO * config.profile.kv_capacity_tokens),
        )
        self._set_physics(config.physics)
        for _ in range(config.replicas):
            self._crew.add(config.at, ready_at=config.at)
        self.feed(workload)

    def feed(self, workload: Iterable[Request]) -> None:
        """Replace the background load from `now` on; earlier requests of it are skipped."""
        self._gateway.feed(workload, since=self._now)

    # -- time -----------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Instant up to which everything has happened."""
        return self._now

    def advance(self, until: float) -> None:
        """Let everything up to `until` happen. Earlier than `now` is an error."""
        if until < self._now:
            raise ValueError(f"a fleet cannot go back from {self._now} to {until}")
        while (due := self._crew.due_at) <= until:
            self._flow(due)
            self._crew.release_drained()
            self._crew.turn(due)
            self._now = due
            self._gateway.open()
        self._flow(until)
        self._now = until
        self._settle()

    def _flow(self, until: float) -> None:
        """Route what arrives by `until`, in blocks, and run the replicas up to it."""
        gateway = self._gateway
        while gateway.next_arrival_at <= until:
            if gateway.looks_at_load:
                self._run(gateway.next_arrival_at)
                gateway.route_next()
            else:
                self._run(gateway.route_block(BLOCK, until))
        self._run(until)

    def _run(self, until: float) -> None:
        for member in self._crew.members:
            member.replica.run(until)
        if len(self._completions) >= BLOCK:
            self._flush()

    def _settle(self) -> None:
        """Bring all that is seen from outside up to `now`."""
        self._crew.release_drained()
        for replica in self._crew.gone:
            self._gone.add(replica)
        self._crew.gone.clear()
        for member in self._crew.members:
            if member.replica.batch.watched:
                member.replica.look(self._now)
        if self._sink is not None:
            self._flush()

    def _flush(self) -> None:
        if self._completions:
            self._tallies.add(self._completions)
            if self._sink is not None:
                self._sink(tuple(self._completions))
            self._completions.clear()

    # -- requests -------------------------------------------------------------------------

    def submit(
        self, at: float, *, prompt_tokens: int, output_tokens: int, cached_tokens: int | None = None
    ) -> Stream:
        """Send one watched request; it waits in the same queue as the background load.
        `cached_tokens` of its prompt need no prefill; None takes the physics' share.
        """
        self.advance(at)
        job = self._gateway.receive(Request(at, prompt_tokens, output_tokens))
        if cached_tokens is not None:
            job.cached = min(cached_tokens, prompt_tokens)
        job.stream = stream = Stream(job, self._look, self._give_up)
        self._gateway.route_watched(job)
        self._run(at)
        return stream

    def _look(self, stream: Stream) -> float | None:
        replica = self._crew.find(stream.replica)
        if replica is None:
            return self._crew.next_ready_at()
        sight = replica.look(self._now)
        if stream.job in sight.admitted and stream.prefill_started_at is None:
            started = stream.job.prefill_started_at
            stream.prefill_started_at = replica.t if started < 0.0 else started
        return sight.step_end

    def _give_up(self, stream: Stream, at: float) -> None:
        self.advance(at)
        if stream.ended:
            return
        stream.aborted = True
        replica = self._crew.find(stream.replica)
        if replica is None:
            self._gateway.give_up(stream.job)
        else:
            replica.order(at, stream.job)

    # -- replicas -------------------------------------------------------------------------

    @property
    def current(self) -> int:
        """Replicas that are ready."""
        return len(self._crew.ready)

    @property
    def target(self) -> int:
        """Replicas last asked for."""
        return self._target

    @property
    def shortest_step_seconds(self) -> float:
        """No step is shorter, whatever comes."""
        return self._timing.shortest_seconds

    def next_change_at(self) -> float | None:
        """Instant at which the next replica becomes ready; None where none starts."""
        return self._crew.next_ready_at()

    def scale(self, at: float, replicas: int) -> None:
        """Ask for so many replicas: new ones start cold; of those to go the starting ones leave at
        once and the youngest ready ones drain.
        """
        if replicas < 0:
            raise ValueError(f"a fleet cannot have {replicas} replicas; 0 is the least")
        self.advance(at)
        self._target = replicas
        while self._crew.staying < replicas:
            self._start(at)
        while self._crew.staying > replicas:
            self._crew.remove(at, drain_until=at + self._config.drain_seconds)
        self._gateway.open()
        self._settle()

    def crash(self, at: float, count: int = 1, *, restarts: bool = True) -> int:
        """Lose ready replicas, the oldest first, with all they were doing; each starts anew, cold,
        if `restarts`. Returns how many were lost.
        """
        self.advance(at)
        lost = sum(self._crew.crash(at) for _ in range(count))
        for _ in range(lost if restarts else 0):
            self._start(at)
        self._settle()
        return lost

    def alter(self, at: float, physics: Physics) -> None:
        """Change the physics of all replicas from their next step on."""
        self.advance(at)
        self._set_physics(physics)
        for member in self._crew.members:
            member.replica.order(at, self._timing)
            member.replica.run(at)

    def _set_physics(self, physics: Physics) -> None:
        self._gateway.cached_ratio = physics.cached_prompt_ratio
        self._timing = StepTime(
            self._config.profile, physics, seed=self._config.seed, origin=self._config.at
        )

    def _build(self, replica_id: int) -> Replica:
        return Replica(replica_id, self._timing, self._completions)

    def _start(self, at: float) -> None:
        spread = self._config.cold_start_spread_ratio * self._starts.uniform(-1.0, 1.0)
        self._crew.add(at, ready_at=at + self._config.cold_start_seconds * (1.0 + spread))

    # -- the view from outside ------------------------------------------------------------

    def replicas(self) -> tuple[ReplicaView, ...]:
        """All replicas that are billed now, oldest first."""
        return tuple(view(member, self._now) for member in self._crew.members)

    def billed_replica_seconds(self) -> float:
        """Replica-seconds so far, each from the start of its provisioning to the end of its
        drain.
        """
        return self._crew.billed_seconds(self._now)

    def gauges(self) -> Gauges:
        """Counters and gauges as of `now`."""
        self._flush()
        views, totals = self.replicas(), replace(self._gone)
        for replica in (member.replica for member in self._crew.members):
            totals.add(replica)
            totals.generated += replica.batch.size * replica.look(self._now).passed
        return Gauges(
            running=sum(shown.running for shown in views),
            waiting=sum(shown.waiting for shown in views) + self._gateway.waiting,
            kv_usage_ratio=mean_kv_usage(views),
            prompt_tokens_total=totals.prefilled,
            generation_tokens_total=totals.generated,
            preemptions_total=totals.preemptions,
            aborted_total=totals.aborted + self._gateway.refused,
            arrived_total=self._gateway.arrived,
            tallies=self._tallies,
        )

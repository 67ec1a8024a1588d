"""A fleet of emulated replicas: requests come, are routed, queued, batched; replicas come and go.

Pure arithmetic on one time line of floats (seconds); whoever drives it says what time it is, and
never goes back. Background requests are never stepped token by token: see `replica` for how.
"""

import math
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import dropwhile

from autoscaler.emulator.balancer import Balancer, Router
from autoscaler.emulator.crew import Crew, Member, Phase
from autoscaler.emulator.physics import Physics
from autoscaler.emulator.profiles import Profile
from autoscaler.emulator.replica import Replica
from autoscaler.emulator.steptime import ADMIT_RATIO, StepTime
from autoscaler.emulator.stream import Job, Stream
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
"""Takes finished requests in batches, unordered across replicas, at the latest when `advance` ends."""


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
    """Each cold start is drawn evenly from cold_start_seconds x (1 ± this)."""
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
    """Mean over the replicas that serve, 0..1; 0 where none does."""
    prompt_tokens_total: int
    """Tokens of the prompts whose prefill is done, cached ones among them."""
    generation_tokens_total: int
    """Tokens generated, of unfinished requests too."""
    preemptions_total: int
    aborted_total: int
    """Requests that ended early: given up, lost with a replica, cut off, or too long to fit."""
    arrived_total: int
    """Always running + waiting + aborted + completed, but for requests given up whose step still
    runs: they count as running until it ends."""
    tallies: Tallies
    """Totals and histograms of the finished requests."""


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
        self._cold_start_seconds = config.cold_start_seconds
        self._starts = random.Random(config.seed + 2)  # noqa: S311  # reproducible, no secrets
        self._balancer = Balancer(config.router, config.seed)
        self._probe_balancer = Balancer(config.router, config.seed + 1)
        self._set_physics(config.physics)
        self._completions: list[Completion] = []
        self._tallies = Tallies()
        self._gateway: deque[Job] = deque()
        self._arrived = self._aborted = 0
        self._gone_prefilled = self._gone_generated = self._gone_preemptions = 0
        self._crew = Crew(self._build)
        for _ in range(config.replicas):
            self._crew.add(config.at, ready_at=config.at)
        self.feed(workload)

    def feed(self, workload: Iterable[Request]) -> None:
        """Replace the background load from `now` on; earlier requests of it are skipped."""
        self._requests = dropwhile(lambda request: request.arrival_at < self._now, workload)
        self._next = next(self._requests, None)

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
            self._crew.turn(due)
            self._now = due
            self._open_gateway()
        self._flow(until)
        self._now = until
        self._settle()

    def _flow(self, until: float) -> None:
        """Route what arrives by `until`, in blocks, and run the replicas up to it."""
        while (request := self._next) is not None and request.arrival_at <= until:
            if self._balancer.router is Router.LEAST_LOADED or not self._crew.ready:
                self._route_one(request)
            else:
                self._route_block(request, until)
        self._run(until)

    def _route_one(self, request: Request) -> None:
        self._run(request.arrival_at)
        self._place(self._job(request), self._balancer)
        self._next = next(self._requests, None)

    def _route_block(self, request: Request | None, until: float) -> None:
        """Route without a look at the replicas, then run them: the same result, and faster."""
        ready, pick = self._crew.ready, self._balancer.pick
        reached = self._now
        for _ in range(BLOCK):
            if request is None or request.arrival_at > until:
                break
            reached = request.arrival_at
            job = self._job(request)
            if self._fits(job):
                pick(ready).inbox.append(job)
            request = next(self._requests, None)
        self._next = request
        self._run(reached)

    def _run(self, until: float) -> None:
        for member in self._crew.members:
            member.replica.run(until)
        if len(self._completions) >= BLOCK:
            self._flush()

    def _settle(self) -> None:
        """Bring all that is seen from outside up to `now`."""
        self._crew.release_drained()
        for replica in self._crew.gone:
            self._aborted += replica.aborted
            self._gone_prefilled += replica.prefilled
            self._gone_generated += replica.generated
            self._gone_preemptions += replica.preemptions
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
        job = self._job(Request(at, prompt_tokens, output_tokens))
        if cached_tokens is not None:
            job.cached = min(cached_tokens, prompt_tokens)
        job.stream = stream = Stream(job, self._look, self._give_up)
        self._place(job, self._probe_balancer)
        self._run(at)
        return stream

    def _job(self, request: Request) -> Job:
        self._arrived += 1
        arrival, prompt, output = request
        return Job(arrival, prompt, output, int(prompt * self._cached_ratio))

    def _fits(self, job: Job) -> bool:
        """Whether a replica can ever hold it; if not, it is turned away."""
        room = ADMIT_RATIO * self._config.profile.kv_capacity_tokens
        if 1 <= job.output and 1 <= job.prompt <= room - job.output:
            return True
        self._turn_away(job)
        return False

    def _turn_away(self, job: Job) -> None:
        self._aborted += 1
        if job.stream is not None:
            job.stream.aborted = True

    def _place(self, job: Job, balancer: Balancer) -> None:
        if not self._fits(job):
            return
        if not self._crew.ready:
            self._gateway.append(job)
            return
        replica = balancer.pick(self._crew.ready)
        replica.inbox.append(job)
        if job.stream is not None:
            job.stream.replica = replica.id

    def _open_gateway(self) -> None:
        while self._gateway and self._crew.ready:
            self._place(self._gateway.popleft(), self._balancer)

    def _look(self, stream: Stream) -> float | None:
        replica = self._home(stream)
        if replica is None:
            return self._crew.next_ready_at()
        sight = replica.look(self._now)
        if stream.job in sight.admitted and stream.prefill_started_at is None:
            stream.prefill_started_at = replica.t
        return sight.step_end

    def _give_up(self, stream: Stream, at: float) -> None:
        self.advance(at)
        if stream.ended:
            return
        stream.aborted = True
        replica = self._home(stream)
        if replica is None:
            self._gateway.remove(stream.job)
            self._aborted += 1
        else:
            replica.orders.append((at, stream.job))

    def _home(self, stream: Stream) -> Replica | None:
        homes = (m.replica for m in self._crew.members if m.replica.id == stream.replica)
        return next(homes, None)

    # -- replicas -------------------------------------------------------------------------

    @property
    def current(self) -> int:
        """Replicas that are ready."""
        return len(self._crew.ready)

    @property
    def target(self) -> int:
        """Replicas last asked for."""
        return self._target

    def next_change_at(self) -> float | None:
        """Instant at which the next replica becomes ready; None where none starts."""
        return self._crew.next_ready_at()

    def scale(self, at: float, replicas: int) -> None:
        """Ask for so many replicas: new ones start cold; of those to go the starting ones leave at
        once and the youngest ready ones drain.
        """
        self.advance(at)
        self._target = replicas
        while self._crew.staying < replicas:
            self._start(at)
        while self._crew.staying > replicas:
            self._crew.remove(at, drain_until=at + self._config.drain_seconds)
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

    def set_cold_start(self, seconds: float) -> None:
        """Change the cold start of replicas that are asked for from now on."""
        self._cold_start_seconds = seconds

    def alter(self, at: float, physics: Physics) -> None:
        """Change the physics of all replicas from their next step on."""
        self.advance(at)
        self._set_physics(physics)
        for member in self._crew.members:
            member.replica.orders.append((at, self._timing))
            member.replica.run(at)

    def _set_physics(self, physics: Physics) -> None:
        self._cached_ratio = physics.cached_prompt_ratio
        self._timing = StepTime(
            self._config.profile, physics, seed=self._config.seed, origin=self._config.at
        )

    def _build(self, replica_id: int) -> Replica:
        return Replica(replica_id, self._timing, self._completions)

    def _start(self, at: float) -> None:
        spread = self._config.cold_start_spread_ratio * self._starts.uniform(-1.0, 1.0)
        self._crew.add(at, ready_at=at + self._cold_start_seconds * (1.0 + spread))

    # -- the view from outside ------------------------------------------------------------

    def replicas(self) -> tuple[ReplicaView, ...]:
        """All replicas that are billed now, oldest first."""
        return tuple(self._view(member) for member in self._crew.members)

    def _view(self, member: Member) -> ReplicaView:
        replica = member.replica
        sight = replica.look(self._now)
        prompts = sum(job.prompt + job.produced for job in sight.admitted)
        kv_used = replica.batch.context + replica.batch.size * sight.passed + prompts
        running = replica.batch.size + len(sight.admitted)
        return ReplicaView(
            id=replica.id,
            phase=member.phase,
            since=member.since,
            running=running,
            waiting=replica.jobs - running,
            kv_usage_ratio=min(1.0, kv_used / self._config.profile.kv_capacity_tokens),
        )

    def billed_replica_seconds(self) -> float:
        """Replica-seconds so far, each from the start of its provisioning to the end of its drain."""
        return self._crew.billed_seconds(self._now)

    def gauges(self) -> Gauges:
        """Counters and gauges as of `now`."""
        self._flush()
        views = self.replicas()
        here = [member.replica for member in self._crew.members]
        serving = [view.kv_usage_ratio for view in views if view.phase is not Phase.STARTING]
        ahead = sum(replica.batch.size * replica.look(self._now).passed for replica in here)
        return Gauges(
            running=sum(view.running for view in views),
            waiting=sum(view.waiting for view in views) + len(self._gateway),
            kv_usage_ratio=math.fsum(serving) / len(serving) if serving else 0.0,
            prompt_tokens_total=self._gone_prefilled + sum(r.prefilled for r in here),
            generation_tokens_total=self._gone_generated + ahead + sum(r.generated for r in here),
            preemptions_total=self._gone_preemptions + sum(r.preemptions for r in here),
            aborted_total=self._aborted + sum(replica.aborted for replica in here),
            arrived_total=self._arrived,
            tallies=self._tallies,
        )

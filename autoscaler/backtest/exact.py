"""The request-exact judge: the emulator's fleet, every request of the trace, real probe streams.

The same policies as in the slot model, with the same views, on replicas that queue, batch and
prefill each request. It says what share of the requests was served within the SLO, and how far the
slot model's attainment and cost are from it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from autoscaler.backtest.clairvoyant import attainment_of
from autoscaler.backtest.ours import EPOCH, PROBE_TIMEOUT_SECONDS, Ours, Path
from autoscaler.backtest.slots import Run, SlotPolicy, View, World, count_flaps, first_count
from autoscaler.backtest.trace import SLOT_SECONDS, Trace
from autoscaler.core.model import ProbeResult
from autoscaler.core.words import FailureReason
from autoscaler.emulator.fleet import Completion, Fleet, FleetConfig, Stream
from autoscaler.emulator.physics import Physics
from autoscaler.emulator.profiles import Profile
from autoscaler.emulator.workload import Request

PROBE_PROMPT_TOKENS = 40
"""What our probes ask: short, so that they cost next to nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """How the requests of a run were served."""

    requests: int
    good_ratio: float
    """Share within both objectives; a request that never finished is bad."""
    wait_good_ratio: float
    """Share that waited no longer than the objective before its prefill."""
    itl_good_ratio: float
    """Share whose mean ITL was within the objective."""
    billed_replica_seconds: float


@dataclass(slots=True)
class Tally:
    """Counts completions as they come; the fleet's sink."""

    wait_seconds: float
    itl_seconds: float
    requests: int = 0
    good: int = 0
    wait_good: int = 0
    itl_good: int = 0
    slot_output: float = 0.0
    slot_itl: list[float] = field(default_factory=list)
    slot_ttft: list[float] = field(default_factory=list)

    def take(self, completions: Sequence[Completion]) -> None:
        """Count a batch of finished requests."""
        table = np.array(completions, dtype=np.float64)
        arrival, prefill, first, last, _, output = table.T
        itl = (last - first) / np.maximum(output - 1, 1.0)
        on_time = prefill - arrival <= self.wait_seconds
        smooth = itl <= self.itl_seconds
        self.requests += len(table)
        self.good += int((on_time & smooth).sum())
        self.wait_good += int(on_time.sum())
        self.itl_good += int(smooth.sum())
        self.slot_output += float(output.sum())
        self.slot_itl.append(float(itl.mean()))
        self.slot_ttft.append(float((first - arrival).mean()))

    def drain(self) -> tuple[float | None, float | None]:
        """Return mean ITL and TTFT since the last call; None where nothing finished."""
        itl = float(np.mean(self.slot_itl)) if self.slot_itl else None
        ttft = float(np.mean(self.slot_ttft)) if self.slot_ttft else None
        self.slot_itl.clear()
        self.slot_ttft.clear()
        return itl, ttft


@dataclass(slots=True)
class FleetProbes:
    """Real streams through the fleet's own queues. Mutable: it holds what is in flight."""

    fleet: Fleet
    rng: np.random.Generator
    alpha_seconds: float
    path: Path = field(default_factory=Path)
    sent: list[Stream] = field(default_factory=list)
    made: int = 0

    def send(self, start: float, *, count: int) -> None:
        """Send `count` probes at random instants of the slot that begins at `start`."""
        tokens = int(np.clip(round(1.0 / self.alpha_seconds), 24, 128))
        for instant in sorted(start + SLOT_SECONDS * self.rng.random(count)):
            self.sent.append(
                self.fleet.submit(
                    float(instant),
                    prompt_tokens=PROBE_PROMPT_TOKENS,
                    output_tokens=tokens,
                    cached_tokens=0,
                )
            )

    def collect(self, view: View, *, count: int) -> tuple[ProbeResult, ...]:
        """Return the results that ended in the slot just over."""
        del count
        done: list[Stream] = []
        flying: list[Stream] = []
        for stream in self.sent:
            timed_out = view.at - stream.arrival_at > PROBE_TIMEOUT_SECONDS and not stream.tokens
            if timed_out:
                stream.abort(view.at)
            (done if stream.ended or timed_out else flying).append(stream)
        self.sent = flying
        return tuple(self._result(stream) for stream in done)

    def _result(self, stream: Stream) -> ProbeResult:
        self.made += 1
        sent_at = EPOCH + stream.arrival_at
        failed = ProbeResult(
            id=f"p{self.made}",
            deployment_id="dep-1",
            profile="short",
            scheduled_at=sent_at,
            sent_at=sent_at,
            duration_seconds=PROBE_TIMEOUT_SECONDS,
            failure=FailureReason.TIMEOUT_TTFT,
            http_status=200,
        )
        if not stream.finished or self.rng.random() < self.path.loss_ratio:
            reason = FailureReason.TRUNCATED if stream.tokens else FailureReason.TIMEOUT_TTFT
            return replace(failed, failure=reason)
        noise = self.rng.exponential(self.path.jitter_seconds, len(stream.tokens))
        seen = np.array(stream.tokens) - stream.arrival_at + self.path.round_trip_seconds + noise
        times = np.maximum.accumulate(seen)
        first, last = float(times[0]), float(times[-1])
        return replace(
            failed,
            failure=None,
            duration_seconds=last,
            ttft_seconds=first,
            itl_seconds=(last - first) / (len(times) - 1),
            output_tokens=len(times),
            prompt_tokens=PROBE_PROMPT_TOKENS,
            cached_tokens=0,
            token_times=tuple((float(t), i + 1) for i, t in enumerate(times)),
            times_trusted=True,
        )


class Schedule:
    """A fixed schedule, the clairvoyant's: what it wants in a slot it asked for a cold start
    before.
    """

    def __init__(self, counts: Sequence[int], cold_slots: int) -> None:
        self._counts, self._cold = counts, cold_slots

    def decide(self, view: View) -> int:
        """Return the most that is wanted from now until a start would be ready."""
        ahead = self._counts[view.slot : view.slot + self._cold + 1]
        return max(ahead, default=view.wanted)


class Progress(Protocol):
    """Told how far a long run is."""

    def __call__(self, done: int, total: int) -> None:
        """`done` of `total` slots are simulated."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Exactly:
    """The world of a request-exact run."""

    world: World
    trace: Trace
    profile: Profile
    physics: Physics = field(default_factory=Physics)
    seed: int = 0

    def fleet(self, tally: Tally, initial: int) -> Fleet:
        """Return a fleet at the trace's start."""
        config = FleetConfig(
            profile=self.profile,
            physics=self.physics,
            replicas=initial,
            seed=self.seed,
            cold_start_seconds=self.world.cold_start_seconds,
        )
        return Fleet(config, _requests(self.trace), sink=tally.take)


def _requests(trace: Trace) -> Iterator[Request]:
    columns = trace.arrival.tolist(), trace.prompt.tolist(), trace.output.tolist()
    return (Request(at, int(p), int(o)) for at, p, o in zip(*columns, strict=True))


@dataclass(slots=True)
class Course:
    """What happened slot by slot."""

    ready: list[int] = field(default_factory=list)
    billed: list[int] = field(default_factory=list)
    changes: list[tuple[int, int]] = field(default_factory=list)
    longest_wait_seconds: float = 0.0

    def note(self, view: View) -> None:
        """Put down one slot."""
        self.ready.append(view.ready)
        self.billed.append(view.wanted)
        self.longest_wait_seconds = max(self.longest_wait_seconds, view.ttft_seconds)


def run_exactly(
    policy: SlotPolicy,
    place: Exactly,
    *,
    path: Path | None = None,
    progress: Progress | None = None,
) -> tuple[Run, Served]:
    """Run one policy on every request of a trace."""
    world = place.world
    need = np.minimum(world.load.need(world.objective), world.maximum)
    tally = Tally(
        wait_seconds=world.objective.wait_seconds,
        itl_seconds=world.objective.itl_ratio * world.load.alpha_seconds,
    )
    fleet = place.fleet(tally, first_count(world, need))
    alpha, rng = world.load.alpha_seconds, np.random.default_rng(place.seed)
    probes = FleetProbes(fleet=fleet, rng=rng, alpha_seconds=alpha, path=path or Path())
    if isinstance(policy, Ours):
        policy.probes = probes
    course = Course()
    for slot in range(len(need)):
        if isinstance(policy, Ours):
            probes.send(slot * SLOT_SECONDS, count=policy.probes_wanted(slot + 1))
        fleet.advance((slot + 1) * SLOT_SECONDS)
        view = _view(slot, world, fleet, tally)
        course.note(view)
        asked = min(max(policy.decide(view), world.minimum), world.maximum)
        if asked != view.wanted:
            course.changes.append((slot, 1 if asked > view.wanted else -1))
            fleet.scale(view.at, asked)
        if progress is not None and slot % 100 == 0:
            progress(slot, len(need))
    run = _run_of(course, need, world, fleet)
    return run, _served(tally, fleet, len(place.trace.arrival))


def _run_of(course: Course, need: NDArray[np.int64], world: World, fleet: Fleet) -> Run:
    ready = np.array(course.ready, dtype=np.int64)
    return Run(
        ready=ready,
        billed=np.array(course.billed, dtype=np.int64),
        need=need,
        attainment=attainment_of(ready, need, world.load.requests),
        cost=fleet.billed_replica_seconds() / SLOT_SECONDS,
        actions=len(course.changes),
        flaps=count_flaps(course.changes),
        longest_wait_seconds=course.longest_wait_seconds,
    )


def _served(tally: Tally, fleet: Fleet, requests: int) -> Served:
    """Return how requests were served; those still under way in the end are left out, a tail."""
    counted = max(1, min(requests, tally.requests + fleet.gauges().waiting))
    return Served(
        requests=counted,
        good_ratio=tally.good / counted,
        wait_good_ratio=tally.wait_good / counted,
        itl_good_ratio=tally.itl_good / counted,
        billed_replica_seconds=fleet.billed_replica_seconds(),
    )


def _view(slot: int, world: World, fleet: Fleet, tally: Tally) -> View:
    load = world.load
    gauges = fleet.gauges()
    itl, ttft = tally.drain()
    requests = max(float(load.requests[slot]), 1e-9)
    ready = max(1, fleet.current)
    itl = load.alpha_seconds if itl is None else max(itl, load.alpha_seconds)
    return View(
        at=(slot + 1) * SLOT_SECONDS,
        slot=slot + 1,
        ready=ready,
        wanted=fleet.target,
        rate=float(load.requests[slot]) / SLOT_SECONDS,
        running=float(gauges.running),
        waiting=float(gauges.waiting),
        usage=max(gauges.running / (ready * load.batch), gauges.kv_usage_ratio),
        rho=float(load.work[slot]) / ready,
        itl_seconds=itl,
        ttft_seconds=itl if ttft is None else ttft,
        output=float(load.output[slot]) / requests,
        work=float(load.work[slot]) * SLOT_SECONDS / requests,
    )

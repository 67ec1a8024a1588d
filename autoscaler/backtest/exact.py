"""The request-exact judge: the emulator's fleet, every request of the trace, real probe streams.

The same policies as in the slot model, with the same views, on replicas that queue, batch and
prefill each request. It says what share of the requests was served within the SLO, and how far the
slot model's attainment and cost are from it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from autoscaler.backtest.clairvoyant import attainment_of
from autoscaler.backtest.fleet_probes import FleetProbes
from autoscaler.backtest.ours import Ours, Path
from autoscaler.backtest.served import Served, Tally
from autoscaler.backtest.slots import Run, SlotPolicy, View, World, count_flaps, first_count
from autoscaler.backtest.trace import SLOT_SECONDS, Trace
from autoscaler.emulator.fleet import Fleet, FleetConfig, Router
from autoscaler.emulator.physics import Physics
from autoscaler.emulator.profiles import Profile
from autoscaler.emulator.workload import Request


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
    router: Router = Router.RANDOM
    tokens_per_chunk: int = 1
    """Tokens that the endpoint sends at a time."""
    seed: int = 0

    def fleet(self, tally: Tally, initial: int) -> Fleet:
        """Return a fleet at the trace's start."""
        config = FleetConfig(
            profile=self.profile,
            physics=self.physics,
            replicas=initial,
            seed=self.seed,
            router=self.router,
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
    need = world.need
    tally = Tally(
        wait_seconds=world.objective.wait_seconds,
        itl_seconds=world.objective.itl_ratio * world.load.alpha_seconds,
    )
    fleet = place.fleet(tally, first_count(world, need))
    probes = FleetProbes(
        fleet=fleet,
        rng=np.random.default_rng(place.seed),
        alpha_seconds=world.load.alpha_seconds,
        path=path or Path(),
        tokens_per_chunk=place.tokens_per_chunk,
    )
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
    return run, _served(tally, fleet)


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


def _served(tally: Tally, fleet: Fleet) -> Served:
    """Return how requests were served, our own probes among them (one in some hundred); those in a
    batch in the end are left out, those that wait are bad.
    """
    counted = max(1, tally.requests + fleet.gauges().waiting)
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

"""One workload, several policies and seeds: what `neevscale backtest` runs.

Each (policy, seed) is a task of its own, computed from its description alone, so the result is the
same on one process or on many. Policies are swept over their target in the slot model and compared
at equal attainment; with `exact`, each is then judged at its chosen target on every request of the
trace.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from autoscaler.backtest import clairvoyant
from autoscaler.backtest.clairvoyant import Frontier
from autoscaler.backtest.contenders import CONTENDERS, OURS, Contender, build_ours
from autoscaler.backtest.exact import Exactly, Schedule, run_exactly
from autoscaler.backtest.load import Objective, load_of
from autoscaler.backtest.measures import Score, score
from autoscaler.backtest.ours import Ours
from autoscaler.backtest.search import search
from autoscaler.backtest.served import Served
from autoscaler.backtest.slots import Run, World, simulate
from autoscaler.backtest.trace import SLOT_SECONDS, Trace
from autoscaler.core.model import Decision
from autoscaler.core.policy import Policy
from autoscaler.emulator.physics import Physics
from autoscaler.emulator.profiles import Profile

CLAIRVOYANT = "clairvoyant"
"""Name under which the clairvoyant's own schedule is replayed in the request-exact fleet."""

HOURS = SLOT_SECONDS / 3600.0
"""Replica-hours in a replica-slot."""

Task = TypeVar("Task")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A policy to run: a contender by name, or ours with a stated policy."""

    name: str
    policy: Policy | None = None
    """Ours with this policy (from a file); None = the contender of that name."""

    def contender(self) -> Contender:
        """Return how to build it at a target."""
        if self.policy is None:
            return CONTENDERS[self.name]
        base = self.policy
        return replace(
            CONTENDERS[OURS],
            name=self.name,
            build=lambda world, target, seed: build_ours(world, target, seed, base=base),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One workload and how it is judged."""

    trace: Trace
    profile: Profile
    physics: Physics = field(default_factory=Physics)
    objective: Objective = field(default_factory=Objective)
    rate_scale: float = 1.0
    cold_start_seconds: float = 180.0
    minimum: int = 1
    maximum: int | None = None
    """None = three times the largest need of the trace."""
    attainment: float = 0.98
    exact: bool = False

    def world(self, seed: int) -> World:
        """Return the slot world of one seed."""
        load = load_of(self.trace, self.profile, self.physics, factor=self.rate_scale, seed=seed)
        top = int(load.need(self.objective).max())
        return World(
            load=load,
            objective=self.objective,
            cold_start_seconds=self.cold_start_seconds,
            minimum=self.minimum,
            maximum=self.maximum or max(3 * top, self.minimum),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One policy with one seed."""

    name: str
    seed: int
    sweep: tuple[tuple[float, Run], ...]
    score: Score
    target: float
    """The target closest to the wanted attainment."""
    run: Run
    """The slot model's run at that target."""
    served: Served | None
    """The request-exact fleet's word; None where it was not asked."""
    decisions: tuple[Decision, ...] = ()
    """Ours only: every decision of that run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One task of a trial."""

    setup: Setup
    entry: Entry
    seed: int


def best_of(setup: Setup, seed: int) -> Frontier:
    """Return the clairvoyant's frontier for one seed."""
    world = setup.world(seed)
    need = world.need
    return clairvoyant.frontier(
        need, world.load.requests, cold=world.cold_slots, minimum=setup.minimum
    )


def run_job(job: Job) -> Outcome:
    """Sweep one policy, score it, and judge its chosen target."""
    setup, seed = job.setup, job.seed
    world, contender = setup.world(seed), job.entry.contender()
    need = world.need
    tried = search(contender, world, seed=seed).around(setup.attainment)
    scored = score(
        [run for _, run in tried],
        best_of(setup, seed),
        wanted=setup.attainment,
        static_cost=float(need.max() * len(need)),
    )
    target, run = min(tried, key=lambda pair: abs(pair[1].attainment - scored.attainment))
    decisions: tuple[Decision, ...] = ()
    if contender.kind == "ours":
        decisions = _decisions(contender, world, target, seed)
    served = None
    if setup.exact:
        _, served = run_exactly(contender.build(world, target, seed), _exactly(setup, seed))
    return Outcome(
        name=job.entry.name,
        seed=seed,
        sweep=tuple(tried),
        score=scored,
        target=target,
        run=run,
        served=served,
        decisions=decisions,
    )


def _decisions(
    contender: Contender, world: World, target: float, seed: int
) -> tuple[Decision, ...]:
    policy = contender.build(world, target, seed)
    if not isinstance(policy, Ours):
        raise TypeError(f"{contender.name} is not ours and explains nothing")
    policy.keep = True
    simulate(policy, world)
    return tuple(policy.decisions)


def _exactly(setup: Setup, seed: int) -> Exactly:
    trace = setup.trace
    if setup.rate_scale != 1.0:
        trace = trace.multiplied(setup.rate_scale, seed=seed)
    return Exactly(
        world=setup.world(seed),
        trace=trace,
        profile=setup.profile,
        physics=setup.physics,
        seed=seed,
    )


def clairvoyant_served(setup: Setup, seed: int) -> Served:
    """Return how the clairvoyant's own schedule serves the requests, in the same fleet."""
    world = setup.world(seed)
    need = world.need
    bounds = (setup.minimum, int(max(need.max(), setup.minimum)))
    everything = np.array([1e12])
    path = clairvoyant.schedule_at_price(
        need, world.load.requests, everything, cold=world.cold_slots, bounds=bounds
    )[0]
    schedule = Schedule(path.tolist(), world.cold_slots)
    return run_exactly(schedule, _exactly(setup, seed))[1]


def run_trial(
    setup: Setup,
    entries: Sequence[Entry],
    seeds: Sequence[int],
    *,
    processes: int = 2,
    progress: Callable[[str], None] | None = None,
) -> list[Outcome]:
    """Run every policy with every seed; results are in the order of policies, then seeds."""
    jobs = [Job(setup=setup, entry=entry, seed=seed) for entry in entries for seed in seeds]
    found = []
    for job, outcome in zip(jobs, mapped(run_job, jobs, processes), strict=True):
        found.append(outcome)
        if progress is not None:
            progress(f"{job.entry.name}, seed {job.seed}")
    return found


def mapped(work: Callable[[Task], Made], tasks: Sequence[Task], processes: int) -> Iterator[Made]:
    """Map in order, on that many processes; on one, in this one."""
    if processes <= 1 or len(tasks) <= 1:
        yield from map(work, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(min(processes, len(tasks))) as pool:
        yield from pool.imap(work, tasks)


def as_json(setup: Setup, outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Return the result for programs: per policy G, attainment, cost, flaps; and by seed."""
    policies: dict[str, dict[str, object]] = {}
    for name in dict.fromkeys(outcome.name for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome.name == name]
        policies[name] = {
            "G": float(np.mean([o.score.gap for o in mine])),
            "G_worst_seed": max(o.score.gap for o in mine),
            "attainment": float(np.mean([o.score.attainment for o in mine])),
            "reached": all(o.score.reached for o in mine),
            "cost": float(np.mean([o.score.cost for o in mine])) * HOURS,
            "flaps": float(np.mean([o.run.flaps for o in mine])),
            "flaps_per_day": float(np.mean([o.score.flaps_per_day for o in mine])),
            "actions_per_day": float(np.mean([o.score.actions_per_day for o in mine])),
            "seeds": {str(o.seed): _seed_json(o) for o in mine},
        }
    return {
        "trace": setup.trace.name,
        "profile": setup.profile.name,
        "cold_start_seconds": setup.cold_start_seconds,
        "rate_scale": setup.rate_scale,
        "attainment_wanted": setup.attainment,
        "cost_unit": "replica-hours",
        "policies": policies,
    }


def _seed_json(outcome: Outcome) -> Mapping[str, object]:
    served = outcome.served
    return {
        "G": outcome.score.gap,
        "attainment": outcome.score.attainment,
        "target": outcome.target,
        "cost": outcome.score.cost * HOURS,
        "flaps": outcome.run.flaps,
        "actions": outcome.run.actions,
        "captured_saving": outcome.score.captured,
        "requests_within_slo": None if served is None else served.good_ratio,
        "requests_waited_well": None if served is None else served.wait_good_ratio,
        "requests_itl_well": None if served is None else served.itl_good_ratio,
    }

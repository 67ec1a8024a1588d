"""Ours where engines, routers and streams are not as in the model: one bench row a world.

The slot model knows the plain engine only. So ours runs here in the request-exact fleet, with real
streams through its queues, and is judged against the need under that world's own physics (`bent`).
The references look at request rates and at the true need alone, never at a latency: for them the
slot model is exact enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from autoscaler.backtest import clairvoyant
from autoscaler.backtest.bent import pressure_under
from autoscaler.backtest.contenders import CONTENDERS, OURS, build_ours
from autoscaler.backtest.exact import Exactly, run_exactly
from autoscaler.backtest.load import Objective, load_of, peak_of
from autoscaler.backtest.measures import Score, score
from autoscaler.backtest.search import Search, search
from autoscaler.backtest.served import Served
from autoscaler.backtest.slots import Run, World
from autoscaler.backtest.trace import Trace, synthetic
from autoscaler.emulator.fleet import Physics, Router
from autoscaler.emulator.profile_table import DEFAULT_PROFILE, PROFILES

REFERENCES = ("skyserve-qps", "oracle-now", "static")
"""The best peer of the plain grid, the oracle of the present, and a fleet sized for the peak."""

NEAR = 0.75
"""Head-room at which the search for ours begins: what the plain world's days ask for."""

TRIAL_RATE = 20.0
"""Requests a second at the peak of the trace that finds the scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """In what a world differs from the plain one."""

    physics: Physics = field(default_factory=Physics)
    router: Router = Router.RANDOM
    tokens_per_chunk: int = 1


KINDS: dict[str, Kind] = {
    "plain": Kind(),
    "exponent 0.5": Kind(physics=Physics(exponent=0.5)),
    "exponent 1.6": Kind(physics=Physics(exponent=1.6)),
    "plateau of 8": Kind(physics=Physics(plateau_seqs=8)),
    "drift of 25 % in half an hour": Kind(physics=Physics(drift_ratio=0.125)),
    "step jitter of 5 %": Kind(physics=Physics(step_jitter_ratio=0.05)),
    "least-loaded router": Kind(router=Router.LEAST_LOADED),
    "prompts cached to 95 %": Kind(physics=Physics(cached_prompt_ratio=0.95)),
    "32 tokens a chunk": Kind(tokens_per_chunk=32),
}
"""The plain world and the others. At 32 tokens a chunk a probe's stream comes in four reads, and
nothing can be heard through it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One world under one workload."""

    kind: str
    shape: str
    days: float = 0.5
    peak: float = 3.0
    """Replicas that the busiest 5 minutes need in this world."""
    cold_start_seconds: float = 180.0
    seed: int = 1
    wanted: float = 0.98


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What ours and the references cost in a place."""

    place: Place
    ours: Score
    served: Served
    """How the requests were served at the target closest to the wanted attainment."""
    references: tuple[tuple[str, Score], ...]


def world_of(place: Place) -> tuple[World, Trace]:
    """Return the world of a place and its requests."""
    physics = KINDS[place.kind].physics
    trial, _ = _loaded(place, physics, rate=TRIAL_RATE)
    rate = TRIAL_RATE * place.peak / peak_of(trial.pressure)
    return _loaded(place, physics, rate=rate)


def _loaded(place: Place, physics: Physics, *, rate: float) -> tuple[World, Trace]:
    profile, objective = PROFILES[DEFAULT_PROFILE], Objective()
    trace = synthetic(place.shape, days=place.days, peak_rate=rate, seed=place.seed)
    load = load_of(trace, profile, physics)
    world = World(
        load=load,
        objective=objective,
        cold_start_seconds=place.cold_start_seconds,
        maximum=int(3 * place.peak),
        bent=pressure_under(load, objective, profile=profile, physics=physics),
    )
    return world, trace


def judged(place: Place) -> Row:
    """Sweep ours and the references, and score them."""
    world, trace = world_of(place)
    need = world.need
    best = clairvoyant.frontier(need, world.load.requests, cold=world.cold_slots)

    def scored(runs: Sequence[Run]) -> Score:
        return score(runs, best, wanted=place.wanted, static_cost=float(need.max() * len(need)))

    ours = _ours(place, world, trace)
    found = scored([run for run, _ in ours])
    references = []
    for name in REFERENCES:
        tried = search(CONTENDERS[name], world, seed=place.seed).around(place.wanted)
        references.append((name, scored([run for _, run in tried])))
    _, served = min(ours, key=lambda one: abs(one[0].attainment - found.attainment))
    return Row(place=place, ours=found, served=served, references=tuple(references))


def _ours(place: Place, world: World, trace: Trace) -> list[tuple[Run, Served]]:
    """Return what ours did in the exact fleet, at each target tried."""
    kind = KINDS[place.kind]
    exactly = Exactly(
        world=world,
        trace=trace,
        profile=PROFILES[DEFAULT_PROFILE],
        physics=kind.physics,
        router=kind.router,
        tokens_per_chunk=kind.tokens_per_chunk,
        seed=place.seed,
    )
    made: list[tuple[Run, Served]] = []

    def run_at(target: float) -> Run:
        made.append(run_exactly(build_ours(world, target, place.seed), exactly))
        return made[-1][0]

    Search(evaluate=run_at, span=CONTENDERS[OURS].span(world), near=NEAR).around(place.wanted)
    return made


def table(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown."""
    names = [name for name, _ in rows[0].references]
    heads = [
        "world",
        "workload",
        "ours",
        "attainment",
        "flaps a day",
        "requests within SLO",
        *names,
    ]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for row in rows:
        cells = (
            row.place.kind,
            row.place.shape,
            f"{row.ours.gap:+.1%}",
            f"{row.ours.attainment:.1%}",
            f"{row.ours.flaps_per_day:.0f}",
            f"{row.served.good_ratio:.1%}",
            *(_reference(found) for _, found in row.references),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _reference(found: Score) -> str:
    missed = "" if found.reached else f" at {found.attainment:.1%}"
    return f"{found.gap:+.1%}{missed}"

"""The grid of the policy bench: workloads x sizes x cold starts x seeds, everybody in each cell.

A cell is computed by one process from its own description and seed, so the result does not depend
on how many processes there are or in which order they finish. Cut as SEMANTICS 7 says: all peers at
a cold start of 180 s; at the others ours, static, the oracles and the three best peers of the same
workload.
"""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from autoscaler.backtest import clairvoyant
from autoscaler.backtest.contenders import CONTENDERS, sweep
from autoscaler.backtest.load import Objective, factor_for_peak, load_of
from autoscaler.backtest.measures import Score, score
from autoscaler.backtest.slots import Run, World
from autoscaler.backtest.trace import DAY, SHAPES, Trace, read_trace, synthetic
from autoscaler.emulator.physics import Physics
from autoscaler.emulator.profile_table import DEFAULT_PROFILE, PROFILES

LONGEST_DAYS = 2.0
"""Days of a trace that are used: the week by two of its days."""

CLASSES = {
    "azure2023_AzureLLMInferenceTrace_conv": "RAW",
    "azure2024_conv_1week_RECONSTRUCTED_scale0": "RECONSTRUCTED",
    "mooncake_FAST25_synthetic_trace": "RAW, Poisson at source",
    "servegen_m-large_days00-01_scale6rps": "RESAMPLED",
    "servegen_m-large_days02-03_scale6rps": "RESAMPLED",
    "servegen_m-small_days03-04_scale6rps": "RESAMPLED",
}
"""How far each public trace is a recording; to be quoted with every result on it."""

PREDICTABLE = ("steady", "day", "mixshift")
"""Synthetic families without bursts or steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One workload at one size and cold start, with one seed."""

    workload: str
    """A synthetic family, or the path of a trace."""
    peak: float
    """Replicas that the busiest 5 minutes need."""
    cold_start_seconds: float
    seed: int
    names: tuple[str, ...]
    """Contenders to run."""
    attainments: tuple[float, ...] = (0.98, 0.99)
    days: float = LONGEST_DAYS
    objective: Objective = field(default_factory=Objective)

    @property
    def name(self) -> str:
        """The workload's name without folder and suffix."""
        return Path(self.workload).name.split(".")[0]

    @property
    def kind(self) -> str:
        """Class of the workload, to be quoted with the result."""
        return "SYNTHETIC" if self.workload in SHAPES else CLASSES.get(self.name, "TRACE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One contender in one cell, at one attainment."""

    cell: Cell
    contender: str
    wanted: float
    score: Score


def trace_of(cell: Cell) -> Trace:
    """Return the cell's requests."""
    if cell.workload in SHAPES:
        days = min(cell.days, 1.0)
        return synthetic(cell.workload, days=days, peak_rate=20.0, seed=cell.seed)
    return read_trace(Path(cell.workload)).between(0.0, cell.days * DAY)


def world_of(cell: Cell, trace: Trace) -> World:
    """Return the cell's world: the trace scaled to its size, on the bench's profile."""
    profile, physics = PROFILES[DEFAULT_PROFILE], Physics()
    plain = load_of(trace, profile, physics)
    factor = factor_for_peak(plain, cell.objective, cell.peak)
    load = load_of(trace, profile, physics, factor=factor, seed=cell.seed)
    maximum = int(3 * cell.peak)
    return World(
        load=load,
        objective=cell.objective,
        cold_start_seconds=cell.cold_start_seconds,
        maximum=maximum,
    )


def compute(cell: Cell) -> list[Result]:
    """Run every contender of one cell and score it."""
    world = world_of(cell, trace_of(cell))
    need = np.minimum(world.load.need(world.objective), world.maximum)
    best = clairvoyant.frontier(need, world.load.requests, cold=world.cold_slots)
    static = float(need.max() * len(need))
    results = []
    for name in cell.names:
        tried: list[tuple[float, Run]] = []
        for wanted in cell.attainments:
            tried = sweep(CONTENDERS[name], world, wanted=wanted, seed=cell.seed, known=tried)
            scored = score([run for _, run in tried], best, wanted=wanted, static_cost=static)
            results.append(Result(cell=cell, contender=name, wanted=wanted, score=scored))
    return results


def run_cells(
    cells: Sequence[Cell],
    *,
    processes: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> list[Result]:
    """Compute all cells; the order of the results is that of the cells."""
    found: list[Result] = []
    for done, results in enumerate(_mapped(cells, processes), start=1):
        found.extend(results)
        if progress is not None:
            progress(done, len(cells))
    return found


def _mapped(cells: Sequence[Cell], processes: int) -> Iterator[list[Result]]:
    if processes <= 1:
        yield from map(compute, cells)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(compute, cells)


def first_cells(
    workloads: Iterable[str], *, seeds: Sequence[int], peaks: Sequence[float], days: float
) -> list[Cell]:
    """Return the cells in which everybody runs: the cold start of 180 s."""
    return [
        Cell(
            workload=workload,
            peak=peak,
            cold_start_seconds=180.0,
            seed=seed,
            names=tuple(CONTENDERS),
            days=days,
        )
        for workload in workloads
        for peak in peaks
        for seed in seeds
    ]


def other_cells(
    first: Sequence[Result], cells: Sequence[Cell], cold_starts: Sequence[float]
) -> list[Cell]:
    """Return the cells of the other cold starts, with the three best peers of each workload."""
    return [
        Cell(
            workload=cell.workload,
            peak=cell.peak,
            cold_start_seconds=cold,
            seed=cell.seed,
            names=_finalists(first, cell.workload),
            days=cell.days,
        )
        for cell in cells
        for cold in cold_starts
    ]


def _finalists(results: Sequence[Result], workload: str) -> tuple[str, ...]:
    gaps: dict[str, list[float]] = {}
    for result in results:
        if result.cell.workload == workload and CONTENDERS[result.contender].kind == "peer":
            missed = 0.0 if result.score.reached else 10.0
            gaps.setdefault(result.contender, []).append(result.score.gap + missed)
    best = sorted(gaps, key=lambda name: float(np.mean(gaps[name])))[:3]
    always = [name for name, contender in CONTENDERS.items() if contender.kind != "peer"]
    return (*always, *best)

"""The grid of the policy bench: workloads x sizes x cold starts x seeds, everybody in each cell.

A cell is computed by one process from its own description and seed, so the result does not depend
on how many processes there are or in which order they finish. Cut as SEMANTICS 7 says: all peers at
a cold start of 180 s; at the others ours, static, the oracles and the three best peers of the same
workload.
"""

import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from autoscaler.backtest import clairvoyant
from autoscaler.backtest.contenders import CONTENDERS
from autoscaler.backtest.load import Objective, factor_for_peak, load_of
from autoscaler.backtest.measures import Score, score
from autoscaler.backtest.search import Tried, search
from autoscaler.backtest.slots import World
from autoscaler.backtest.trace import DAY, SHAPES, Trace, read_trace, synthetic
from autoscaler.core.codec import decode, encode
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
    near: tuple[tuple[str, float], ...] = ()
    """Targets that are near the good ones, by contender: those of another cold start."""
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
    target: float
    """The target tried whose attainment is closest."""
    score: Score


def trace_of(cell: Cell) -> Trace:
    """Return the cell's requests."""
    if cell.workload in SHAPES:
        days = min(cell.days, 1.0)
        return synthetic(cell.workload, days=days, peak_rate=20.0, seed=cell.seed)
    return _recorded(cell.workload).between(0.0, cell.days * DAY)


@lru_cache(maxsize=1)
def _recorded(path: str) -> Trace:
    """Return a trace that was read; a worker's cells come workload by workload."""
    return read_trace(Path(path))


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
    need = world.need
    best = clairvoyant.frontier(need, world.load.requests, cold=world.cold_slots)
    static = float(need.max() * len(need))
    near = dict(cell.near)
    results = []
    for name in cell.names:
        found = search(CONTENDERS[name], world, seed=cell.seed, near=near.get(name))
        tried: list[Tried] = []
        for wanted in cell.attainments:
            tried = found.around(wanted, tried)
            scored = score([run for _, run in tried], best, wanted=wanted, static_cost=static)
            target, _ = min(tried, key=lambda one: abs(one[1].attainment - scored.attainment))
            results.append(
                Result(cell=cell, contender=name, wanted=wanted, target=target, score=scored)
            )
    return results


def run_cells(
    cells: Sequence[Cell],
    *,
    processes: int = 2,
    progress: Callable[[int, int], None] | None = None,
    kept: Path | None = None,
) -> list[Result]:
    """Compute all cells; the order of the results is that of the cells.

    `kept`: a file of results, one cell a line: what is there is not computed again, what is
    computed is added at once, so that an interrupted grid goes on where it stopped.
    """
    known = _read(kept) if kept is not None and kept.exists() else {}
    missing = [cell for cell in cells if cell not in known]
    there = len(cells) - len(missing)
    if progress is not None:
        progress(there, len(cells))
    for done, results in enumerate(_mapped(missing, processes), start=there + 1):
        known[results[0].cell] = results
        if kept is not None:
            with kept.open("a") as lines:
                lines.write(json.dumps(encode(results)) + "\n")
        if progress is not None:
            progress(done, len(cells))
    return [result for cell in cells for result in known[cell]]


def _read(kept: Path) -> dict[Cell, list[Result]]:
    """Return the results of a file by cell; cuts off a last line that is not whole."""
    text = kept.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        kept.write_text(whole)
    found = {}
    for line in whole.splitlines():
        results = [decode(Result, one) for one in json.loads(line)]
        found[results[0].cell] = results
    return found


def _mapped(cells: Sequence[Cell], processes: int) -> Iterator[list[Result]]:
    if processes <= 1 or len(cells) <= 1:
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
    """Return the cells of the other cold starts, with the three best peers of each workload; each
    target is looked for near the one that was good in the same cell of `first`.
    """
    return [
        replace(
            cell,
            cold_start_seconds=cold,
            names=_finalists(first, cell.workload),
            near=tuple(
                (result.contender, result.target)
                for result in first
                if result.cell == cell and result.wanted == cell.attainments[0]
            ),
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

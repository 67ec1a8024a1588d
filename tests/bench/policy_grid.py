"""`make bench-policy`: the table of all policies on public traces and synthetic families.

Public traces stay out of the repository: their folder is NEEVSCALE_SHARED_DATA or ../shared/data.
FAST=1 cuts the grid to about five minutes. KEPT=FILE keeps each cell's results there as they come,
so that a grid that was cut off goes on where it stopped. Prints Markdown; progress goes to standard
error.
"""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from autoscaler.backtest.grid import (
    PREDICTABLE,
    Cell,
    Result,
    first_cells,
    other_cells,
    run_cells,
)
from autoscaler.backtest.table import lines, summary_table, workload_table
from autoscaler.backtest.trace import SHAPES

FAST = bool(os.environ.get("FAST"))
KEPT = Path(os.environ["KEPT"]) if os.environ.get("KEPT") else None
CORES = os.cpu_count() or 1
SEEDS = (1,) if FAST else (1, 2, 3)
PEAKS = (8.0,) if FAST else (3.0, 8.0)
COLD_STARTS = () if FAST else (60.0, 420.0)
DAYS = 0.5
WEEK_DAYS = 0.5 if FAST else 2.0
"""Of the one trace that is a week long: what is learned by the day can show there."""
WANTED = (0.98, 0.99)


def traces() -> list[str]:
    """The public traces that lie on this machine; none is no fault, but is said."""
    folder = Path(os.environ.get("NEEVSCALE_SHARED_DATA", "../shared/data")) / "traces"
    found = sorted(str(path) for path in folder.glob("*.csv.gz"))
    if not found:
        print(f"No public traces in {folder}: synthetic families only.", file=sys.stderr)
    return found


def run(cells: Sequence[Cell], what: str) -> list[Result]:
    began = time.monotonic()

    def progress(done: int, total: int) -> None:
        spent = time.monotonic() - began
        print(f"\r{what}: {done} of {total} cells, {spent:.0f} s ", end="", file=sys.stderr)

    results = run_cells(cells, processes=CORES, progress=progress, kept=KEPT)
    print(file=sys.stderr)
    return results


def at(results: Sequence[Result], wanted: float) -> list[Result]:
    return [result for result in results if result.wanted == wanted]


def headline(results: Sequence[Result]) -> str:
    """Mean G of everybody over all public traces, and over the predictable families."""
    public = [r for r in results if r.cell.workload not in SHAPES]
    predictable = [r for r in results if r.cell.workload in PREDICTABLE]
    parts = []
    for name, found in (("public traces", public), ("predictable families", predictable)):
        if found:
            parts.append(f"### Mean over {name}\n\n{workload_table(found)}")
    return "\n\n".join(parts)


def cells_of(workloads: Sequence[str]) -> list[Cell]:
    return [
        cell
        for one in workloads
        for cell in first_cells(
            [one], seeds=SEEDS, peaks=PEAKS, days=WEEK_DAYS if "week" in one else DAYS
        )
    ]


def main() -> None:
    began = time.monotonic()
    workloads = [*traces(), *SHAPES]
    cells = cells_of(workloads)
    results = run(cells, "cold start 180 s")
    for wanted in WANTED:
        print(f"\n## {wanted:.0%} attainment, cold start 180 s\n")
        print(headline(at(results, wanted)))
        for workload in workloads:
            mine = [r for r in at(results, wanted) if r.cell.workload == workload]
            print(f"\n### {mine[0].cell.name} ({mine[0].cell.kind})\n\n{workload_table(mine)}")
    print(f"\nSo far {time.monotonic() - began:.0f} s on {CORES} cores.", flush=True)
    if COLD_STARTS:
        results += run(other_cells(results, cells, COLD_STARTS), "other cold starts")
    for wanted in WANTED:
        print(f"\n## Summary at {wanted:.0%}\n\n{summary_table(at(results, wanted))}")
    worst = max(
        line.worst_gap for line in lines(at(results, 0.98)) if line.contender == "neevscale"
    )
    print(f"\nWorst single result of ours at 98 %: {worst:+.1%}.")
    print(f"Wall time {time.monotonic() - began:.0f} s on {CORES} cores.")


if __name__ == "__main__":
    main()

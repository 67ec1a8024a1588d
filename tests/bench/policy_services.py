"""`make bench-services`: our policy, SkyServe's and two oracles on services that nobody recorded.

Half days at cold starts of 180 and 600 s, and a week of office hours at 600 s, at 98 %. FAST=1
leaves the week and the slow starts out. Prints Markdown; progress goes to standard error.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from services import HALF_DAYS, office_week

from autoscaler.backtest.grid import Cell, run_cells
from autoscaler.backtest.table import summary_table

FAST = bool(os.environ.get("FAST"))
CORES = os.cpu_count() or 1
NAMES = ("neevscale", "skyserve-qps", "oracle-now", "static")
COLD_STARTS = (180.0,) if FAST else (180.0, 600.0)
SEED = 5


def cells(folder: Path) -> list[Cell]:
    """The cells, their traces written into the folder."""
    found = []
    for place, service in enumerate((*HALF_DAYS, *(() if FAST else (office_week,)))):
        path = folder / f"{service.__name__}.csv"
        service(np.random.default_rng([SEED, place])).write(path)
        is_week = service is office_week
        found += [
            Cell(
                workload=str(path),
                peak=8.0,
                cold_start_seconds=cold,
                seed=1,
                names=NAMES,
                attainments=(0.98,),
                days=7.0 if is_week else 0.5,
            )
            for cold in (COLD_STARTS[1:] if is_week else COLD_STARTS)
        ]
    return found


def main() -> None:
    began = time.monotonic()

    def progress(done: int, total: int) -> None:
        print(f"\r{done} of {total}, {time.monotonic() - began:.0f} s ", end="", file=sys.stderr)

    with tempfile.TemporaryDirectory() as folder:
        results = run_cells(cells(Path(folder)), processes=CORES, progress=progress)
    print(file=sys.stderr)
    print(summary_table(results))
    print(f"\nWall time {time.monotonic() - began:.0f} s on {CORES} cores.")


if __name__ == "__main__":
    main()

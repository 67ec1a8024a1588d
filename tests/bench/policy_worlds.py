"""`make bench-worlds`: our policy where engines, routers and streams are not as in the model.

FAST=1 takes a quarter of a day of `bursts` in place of half a day of `day` and of `bursts`. Prints
Markdown; progress goes to standard error.
"""

import os
import sys
import time

from autoscaler.backtest.trial import mapped
from autoscaler.backtest.worlds import KINDS, Place, judged, table

FAST = bool(os.environ.get("FAST"))
SHAPES = ("bursts",) if FAST else ("day", "bursts")
DAYS = 0.25 if FAST else 0.5
CORES = os.cpu_count() or 1


def main() -> None:
    began = time.monotonic()
    places = [Place(kind=kind, shape=shape, days=DAYS) for shape in SHAPES for kind in KINDS]
    rows = []
    for row in mapped(judged, places, CORES):
        rows.append(row)
        spent = time.monotonic() - began
        print(f"\r{len(rows)} of {len(places)}, {spent:.0f} s ", end="", file=sys.stderr)
    print(file=sys.stderr)
    print(table(rows))
    print(f"\nWall time {time.monotonic() - began:.0f} s on {CORES} cores.")


if __name__ == "__main__":
    main()

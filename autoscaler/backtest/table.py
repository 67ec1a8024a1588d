"""The bench's tables, as Markdown: one row per contender, the worst seed beside the mean."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from autoscaler.backtest.contenders import CONTENDERS
from autoscaler.backtest.grid import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One contender over the seeds and sizes of one workload."""

    contender: str
    mean_gap: float
    worst_gap: float
    attainment: float
    """Lowest attainment at which a gap was taken; below the wanted one, the sweep missed it."""
    flaps_per_day: float
    captured: float


def lines(results: Iterable[Result]) -> list[Line]:
    """Return one line per contender, best first within its kind; those that miss come last."""
    by_name: dict[str, list[Result]] = {}
    for result in results:
        by_name.setdefault(result.contender, []).append(result)
    made = [_line(name, found) for name, found in by_name.items()]
    kinds = ["ours", "peer", "static", "oracle"]
    return sorted(
        made,
        key=lambda line: (
            kinds.index(CONTENDERS[line.contender].kind),
            -round(line.attainment, 2),
            line.mean_gap,
        ),
    )


def _line(name: str, results: Sequence[Result]) -> Line:
    gaps = [result.score.gap for result in results]
    return Line(
        contender=name,
        mean_gap=float(np.mean(gaps)),
        worst_gap=max(gaps),
        attainment=min(result.score.attainment for result in results),
        flaps_per_day=float(np.mean([result.score.flaps_per_day for result in results])),
        captured=float(np.mean([result.score.captured for result in results])),
    )


def workload_table(results: Sequence[Result]) -> str:
    """Return the table of one workload at one attainment."""
    rows = ["| policy | G mean | G worst seed | attainment | saving captured | flaps a day |"]
    rows.append("|---|---|---|---|---|---|")
    rows.extend(
        f"| {line.contender} | {line.mean_gap:+.1%} | {line.worst_gap:+.1%} "
        f"| {line.attainment:.1%} | {line.captured:.0%} | {line.flaps_per_day:.1f} |"
        for line in lines(results)
    )
    return "\n".join(rows)


def summary_table(results: Sequence[Result]) -> str:
    """Return G of ours, of the best peer and of the oracle that knows the present, per workload."""
    rows = [
        "| workload (class) | cold start | ours, mean (worst) | best peer | now-oracle | static |",
        "|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, str, float], list[Result]] = {}
    for result in results:
        key = (result.cell.name, result.cell.kind, result.cell.cold_start_seconds)
        groups.setdefault(key, []).append(result)
    for (name, kind, cold), found in groups.items():
        by_name = {line.contender: line for line in lines(found)}
        peers = [line for line in lines(found) if CONTENDERS[line.contender].kind == "peer"]
        ours, now, static = (by_name[n] for n in ("neevscale", "oracle-now", "static"))
        rows.append(
            f"| {name} ({kind}) | {cold:.0f} s | {_cell(ours)} ({ours.worst_gap:+.1%}) "
            f"| {_cell(peers[0])} {peers[0].contender} | {_cell(now)} | {_cell(static)} |"
        )
    return "\n".join(rows)


def _cell(line: Line) -> str:
    missed = "" if line.attainment >= 0.9799 else f" at {line.attainment:.1%}"
    return f"{line.mean_gap:+.1%}{missed}"

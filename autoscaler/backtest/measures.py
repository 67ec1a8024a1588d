"""How far a policy is from a clairvoyant, at equal attainment (SEMANTICS 7, policy.md 6.4).

A policy is swept over its target, so it has a frontier of its own; cost is compared where its
attainment is the wanted one, by interpolation between neighbouring targets. A policy whose whole
sweep stays below the wanted attainment is compared at its best one, and said to miss it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autoscaler.backtest.clairvoyant import Frontier
from autoscaler.backtest.slots import Run
from autoscaler.backtest.trace import SLOT_SECONDS

DAY_SLOTS = 86400.0 / SLOT_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One policy on one workload at one wanted attainment."""

    gap: float
    """G: cost above the clairvoyant's at equal attainment; 0.2 = 20 % more."""
    cost: float
    """Replica-slots at that attainment, between the two nearest targets of the sweep."""
    attainment: float
    """The attainment that G is taken at: the wanted one, or the best reached if that is lower."""
    reached: bool
    """True if the sweep reaches the wanted attainment."""
    attainment_gap: float
    """Attainment that the clairvoyant would reach at this cost, less ours."""
    captured: float
    """Share of the saving of static over the clairvoyant that is captured; 1 = all."""
    under: float
    """Mean relative shortfall of capacity."""
    over: float
    """Mean relative surplus of capacity."""
    actions_per_day: float
    flaps_per_day: float
    recover_seconds: float
    """Mean length of a stretch with too little capacity."""


def score(runs: Sequence[Run], frontier: Frontier, *, wanted: float, static_cost: float) -> Score:
    """Score one policy's sweep; `static_cost` is what a fleet at the peak need costs."""
    ordered = sorted(runs, key=lambda run: (run.attainment, -run.cost))
    reached = ordered[-1].attainment >= wanted
    attainment = min(wanted, ordered[-1].attainment)
    cost = _cost_at(ordered, attainment)
    best = frontier.cost_at(attainment)
    near = min(ordered, key=lambda run: abs(run.attainment - attainment))
    days = len(near.need) / DAY_SLOTS
    return Score(
        gap=cost / best - 1.0,
        cost=cost,
        attainment=attainment,
        reached=reached,
        attainment_gap=frontier.attainment_at(cost) - attainment,
        captured=(static_cost - cost) / max(static_cost - best, 1e-9),
        under=float(np.maximum(near.need - near.ready, 0).mean() / near.need.mean()),
        over=float(np.maximum(near.ready - near.need, 0).mean() / near.need.mean()),
        actions_per_day=near.actions / days,
        flaps_per_day=near.flaps / days,
        recover_seconds=_mean_shortfall_seconds(near),
    )


def _cost_at(ordered: Sequence[Run], attainment: float) -> float:
    """Return the policy's cost at an attainment: the cheapest mixture of two targets."""
    above = [run for run in ordered if run.attainment >= attainment]
    below = [run for run in ordered if run.attainment < attainment]
    cheapest = min(run.cost for run in above)
    for low in below:
        for high in above:
            share = (attainment - low.attainment) / (high.attainment - low.attainment)
            cheapest = min(cheapest, low.cost + share * (high.cost - low.cost))
    return cheapest


def _mean_shortfall_seconds(run: Run) -> float:
    short = np.concatenate(([False], run.ready < run.need, [False]))
    edges = np.flatnonzero(np.diff(short.astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    return float(lengths.mean() * SLOT_SECONDS) if len(lengths) else 0.0

"""What a clairvoyant would pay: the cheapest schedule that knows the whole future.

Time in slots; `need[t]` replicas are wanted in slot t, a replica costs 1 per slot it runs and
`cold` slots more for each start (billed while it loads); stopping is free and at once. This is
discrete right-sizing with switching cost (Lin and Wierman; Albers and Quedenfeld, arXiv
1807.05112).

Two exact methods, each the oracle of the other's test: - dynamic programming over (slot, count),
which also prices slots that fall short, so that a sweep of the price draws the frontier of cost
over attainment; - interval merge, for no shortfall at all: level k must be on where need >= k, and
a gap between two such stretches is bridged if it is no longer than a cold start.

Backlog is ignored, as if users had no patience to lose: a lower bound on what any policy can pay.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """Cost over attainment of the cheapest schedules, both ascending."""

    attainment: Floats
    cost: Floats
    """Replica-slots billed."""

    def cost_at(self, attainment: float) -> float:
        """Return the least cost at an attainment, in replica-slots."""
        return float(np.interp(attainment, self.attainment, self.cost))

    def attainment_at(self, cost: float) -> float:
        """Return the best attainment that a cost can buy."""
        return float(np.interp(cost, self.cost, self.attainment))


def cost_of(schedule: Counts, cold: float) -> float:
    """Return the replica-slots billed for a schedule; its first count is free of a start."""
    starts = np.maximum(np.diff(schedule), 0).sum()
    return float(schedule.sum() + cold * starts)


def attainment_of(schedule: Counts, need: Counts, weight: Floats) -> float:
    """Return the traffic-weighted share of slots with enough capacity; 1 without traffic."""
    total = float(weight.sum())
    return float(weight[schedule >= need].sum() / total) if total > 0 else 1.0


def interval_merge(need: Counts, cold: float, *, minimum: int = 1) -> float:
    """Return the least cost without any shortfall, level by level."""
    wanted = np.maximum(need, minimum)
    total = 0.0
    for level in range(1, int(wanted.max()) + 1):
        total += _level_cost(wanted >= level, cold)
    return total


def _level_cost(on: NDArray[np.bool_], cold: float) -> float:
    """Return the cost of one level: on-time, and the cheaper of bridging or restarting each gap."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], on, [False])).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    busy = float((ends - starts).sum())
    gaps = starts[1:] - ends[:-1]
    leading = min(float(starts[0]), cold)
    return busy + leading + float(np.minimum(gaps, cold).sum())


def schedule_at_price(
    need: Counts, weight: Floats, prices: Floats, *, cold: float, bounds: tuple[int, int]
) -> NDArray[np.int16]:
    """Return the cheapest schedule for each price of a unit of traffic that falls short.

    Row i of the result belongs to `prices[i]`; columns are slots. O(slots x counts x prices): the
    best predecessor above is a suffix minimum, the best below a prefix minimum of cost less
    start-up cost.
    """
    minimum, maximum = bounds
    counts = np.arange(minimum, maximum + 1, dtype=np.float64)
    slots, shape = len(need), (len(prices), len(counts))
    parents = np.empty((slots, *shape), dtype=np.int16)
    value = np.zeros(shape)
    for slot in range(slots):
        if slot:
            value, parents[slot] = _best_move(value, counts, cold)
        short = counts < min(int(need[slot]), maximum)
        value = value + counts + np.outer(prices * weight[slot], short)
    path = np.empty((len(prices), slots), dtype=np.int16)
    at = value.argmin(axis=1)
    rows = np.arange(len(prices))
    for slot in range(slots - 1, -1, -1):
        path[:, slot] = at + minimum
        at = parents[slot, rows, at] if slot else at
    return path


def _best_move(value: Floats, counts: Floats, cold: float) -> tuple[Floats, NDArray[np.int16]]:
    """Return for each count the best value to come from, start-up included, and where it comes
    from.
    """
    width = value.shape[1]
    index = np.arange(width, dtype=np.int16)
    down = np.minimum.accumulate(value[:, ::-1], axis=1)[:, ::-1]
    origin = np.where(value <= down, index, width)
    came_down = np.minimum.accumulate(origin[:, ::-1], axis=1)[:, ::-1]
    raised = value - cold * counts
    up = np.minimum.accumulate(raised, axis=1)
    came_up = np.maximum.accumulate(np.where(raised <= up, index, -1), axis=1)
    up = up + cold * counts
    better = up < down
    return np.where(better, up, down), np.where(better, came_up, came_down).astype(np.int16)


def frontier(
    need: Counts, weight: Floats, *, cold: float, minimum: int = 1, floor: float = 0.9
) -> Frontier:
    """Return the lower convex hull of cost over attainment, exact from `floor` attainment on.

    Each vertex is the schedule of some price. Between two known vertices the price that makes them
    equal finds a vertex in between, or proves that there is none; so the hull needs no guess at
    prices, and no chord of it lies above the optimum, where a policy could seem better than
    perfect.
    """
    top = int(max(need.max(initial=minimum), minimum))
    clipped = np.minimum(need, top)

    def price_out(prices: list[float]) -> set[tuple[float, float]]:
        paths = schedule_at_price(need, weight, np.array(prices), cold=cold, bounds=(minimum, top))
        rows = [row.astype(np.int64) for row in paths]
        return {(attainment_of(row, clipped, weight), cost_of(row, cold)) for row in rows}

    total = float(weight.sum()) or 1.0
    highest = 10.0 * len(need) * top * (cold + 1.0) / float(weight[weight > 0].min(initial=1.0))
    points = price_out([0.0, highest])
    proven: set[tuple[tuple[float, float], tuple[float, float]]] = set()
    while True:
        ordered = sorted(points)
        pairs = [
            pair
            for pair in pairwise(ordered)
            if pair not in proven and pair[1][0] >= floor and pair[1][0] > pair[0][0]
        ]
        if not pairs:
            break
        prices = [(right[1] - left[1]) / ((right[0] - left[0]) * total) for left, right in pairs]
        proven.update(pairs)
        points |= price_out([max(0.0, price) for price in prices])
    hull = _lower_hull(sorted(points))
    return Frontier(attainment=np.array([a for a, _ in hull]), cost=np.array([c for _, c in hull]))


def _lower_hull(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points that no mixture of others undercuts, attainment and cost ascending."""
    hull: list[tuple[float, float]] = []
    for point in points:
        while hull and hull[-1][1] >= point[1]:
            hull.pop()
        while len(hull) > 1 and _is_above(hull[-1], hull[-2], point):
            hull.pop()
        hull.append(point)
    return hull


def _is_above(
    middle: tuple[float, float], left: tuple[float, float], right: tuple[float, float]
) -> bool:
    slope = (right[1] - left[1]) / (right[0] - left[0])
    return middle[1] >= left[1] + slope * (middle[0] - left[0])

"""Finding a contender's frontier: a few targets, chosen where the wanted attainment is.

Attainment falls as the target rises, a little noisily since the loop is closed. Five halvings of
the span leave the two neighbours of the wanted attainment within a few percent of each other, which
is where a frontier is read (SEMANTICS 7). What is known already saves evaluations: runs made for
another attainment, and the target that was good at another cold start.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autoscaler.backtest.contenders import Contender
from autoscaler.backtest.slots import Run, World, simulate

EVALUATIONS = 5
"""Targets tried per policy and workload (SEMANTICS 7)."""

NEAR_EVALUATIONS = 4
"""Targets tried where one is known that served the same workload at another cold start."""

MORE_EVALUATIONS = 2
"""Targets tried for each further attainment, between what is known."""

STRIDE = 1.2
"""Factor of the first step away from a target that is near; each further one is as long again."""

LEAST_SHARE = 0.2
"""How near to an end of its bracket the next target may be, so that the bracket shrinks."""

Tried = tuple[float, Run]
"""A target and what the policy did at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One contender in one world, to be swept over its target."""

    evaluate: Callable[[float], Run]
    """What it does at a target."""
    span: tuple[float, float]
    """Lowest target (most capacity) and highest."""
    near: float | None = None
    """A target that served well in a world much like this one; None = none is known."""

    def around(self, wanted: float, known: Sequence[Tried] = ()) -> list[Tried]:
        """Return the runs known and some more, close to the wanted attainment on both sides."""
        tried = list(known)
        for _ in range(self._tries(known)):
            target = min(max(self._next(tried, wanted, known), self.span[0]), self.span[1])
            if any(target == before for before, _ in tried):
                break
            tried.append((target, self.evaluate(target)))
        return tried

    def _tries(self, known: Sequence[Tried]) -> int:
        if known:
            return MORE_EVALUATIONS
        return EVALUATIONS if self.near is None else NEAR_EVALUATIONS

    def _next(self, tried: Sequence[Tried], wanted: float, known: Sequence[Tried]) -> float:
        below, above = _neighbours(tried, wanted)
        if below and above and known:
            return _between(below, above, wanted)
        if self.near is not None and not (below and above):
            stride = STRIDE ** len(tried)
            return self.near * stride if below else self.near / stride
        low = below[0] if below else self.span[0]
        high = above[0] if above else self.span[1]
        return math.sqrt(low * high)


def search(contender: Contender, world: World, *, seed: int, near: float | None = None) -> Search:
    """Return the search for a contender's targets in the slot model."""
    return Search(
        evaluate=lambda target: simulate(contender.build(world, target, seed), world),
        span=contender.span(world),
        near=near,
    )


def _neighbours(tried: Sequence[Tried], wanted: float) -> tuple[Tried | None, Tried | None]:
    """Return the highest target that attains what is wanted, and the lowest that does not."""
    good = [one for one in tried if one[1].attainment >= wanted]
    bad = [one for one in tried if one[1].attainment < wanted]
    return max(good, key=_target, default=None), min(bad, key=_target, default=None)


def _target(tried: Tried) -> float:
    return tried[0]


def _between(below: Tried, above: Tried, wanted: float) -> float:
    """Return where the odds of a bad slot, log-linear in the log of the target, are the wanted
    ones. Example: 99.5 % at .6 and 95 % at .8; 98 % is expected at .6 (.8/.6)^.60 = .71.
    """
    low, high = _log_odds(below[1].attainment), _log_odds(above[1].attainment)
    share = (_log_odds(wanted) - low) / (high - low)
    return float(below[0] * (above[0] / below[0]) ** min(max(share, LEAST_SHARE), 1 - LEAST_SHARE))


def _log_odds(attainment: float) -> float:
    missed = min(max(1.0 - attainment, 1e-4), 1.0 - 1e-4)
    return math.log(missed / (1.0 - missed))

"""The plain line through a deployment's pairs: alpha, exponent and rate, with their uncertainty.

    1 - alpha/ITL = (arrivals per replica / nu) ** exponent

E1's shape is exponent 1; real engines lay between 0.6 and 2. Given alpha and exponent the counts in
the bins of ITL are Poisson with known proportions, so nu drops out and the likelihood of a grid of
(alpha, exponent) is exact: no start value, nothing that can run away. It is tempered, because the
line is a model. What the issue asks for follows: an idle hour fixes alpha, pairs at different loads
fix the exponent, a saturated spell reaches far up, and whatever was not seen stays wide.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from autoscaler.core.pairs import Pairs, itl_of

ALPHA_STEPS = 18
ALPHA_RANGE = (0.5, 1.1)
"""Grid of alpha, in units of the lowest ITL that was seen in earnest."""
EXPONENTS = (0.45, 0.55, 0.68, 0.82, 1.0, 1.2, 1.45, 1.75, 2.1)
EXPONENT_SIGMA = 0.45
"""Prior of ln exponent: 0 +- this."""
TEMPER = 0.25
"""Weight of a count: neighbouring minutes are not independent and the line is not the truth."""
MOST_EVENTS = 400.0
"""More tempered arrivals than this do not make a model truer."""
LEAST_SHARE = 0.02
"""Share of the listening below which an ITL is not taken for the lowest seen: one odd minute."""
IDLE_SIGMA = 0.03
"""Deviation of ln alpha about the mean ITL of idle minutes."""
LEAST_BUSY = 0.01
"""1 - alpha/ITL below which nothing is told apart from idle."""
TRUSTED_SIGMA = 0.2
"""Deviation of ln alpha at which the line fixes alpha: the load is read by pairs, so alpha only
enters through a default objective, where it weighs half or less; and what it does to the load
shrinks as a fleet that goes down comes nearer to its objective.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The plain line's posterior."""

    alpha: float
    """Seconds."""
    alpha_sigma: float
    """Standard deviation of ln alpha."""
    exponent: float
    exponent_sigma: float
    """Standard deviation of ln exponent."""
    nu: float
    """Arrivals per replica and second at which the plain line would diverge."""

    def rate(self, itl_ratio: float) -> float:
        """Arrivals per replica and second at an ITL in units of alpha."""
        busy = max(LEAST_BUSY, 1.0 - 1.0 / itl_ratio)
        return self.nu * math.exp(math.log(busy) / self.exponent)


def fitted(
    pairs: Pairs, *, idle_itl: float | None = None, given_alpha: float | None = None
) -> Curve | None:
    """Fit the plain line; None where nothing was heard.

    `idle_itl`: mean ITL of idle minutes, seconds. `given_alpha`: alpha that is not in question.
    """
    listened = sum(seconds for _, _, seconds in pairs.bins)
    events = sum(count for _, count, _ in pairs.bins)
    if events <= 0.0 or listened <= 0.0:
        return None
    lowest = itl_of(next(i for i, _, s in pairs.bins if s >= LEAST_SHARE * listened))
    temper = min(TEMPER, MOST_EVENTS / events)
    steps, grid = _alphas(lowest, given_alpha)
    nodes = [node for log_alpha in steps for node in _nodes(pairs, log_alpha)]
    scores = [temper * one[2] - _prior(one[0], one[1], idle_itl) for one in nodes]
    best = max(scores)
    weights = [math.exp(score - best) for score in scores]
    total = sum(weights)
    alpha, alpha_sigma = _moments([one[0] for one in nodes], weights, total)
    exponent, exponent_sigma = _moments([one[1] for one in nodes], weights, total)
    log_nu = sum(w * math.log(one[3]) for w, one in zip(weights, nodes, strict=True)) / total
    return Curve(
        alpha=math.exp(alpha),
        alpha_sigma=math.hypot(alpha_sigma, grid / math.sqrt(12.0)),
        exponent=math.exp(exponent),
        exponent_sigma=max(0.05, exponent_sigma),
        nu=math.exp(log_nu),
    )


def _alphas(lowest: float, given: float | None) -> tuple[list[float], float]:
    """Return the grid of ln alpha and its step: one point where alpha is given."""
    if given is not None:
        return [math.log(given)], 0.0
    low, high = (math.log(lowest * end) for end in ALPHA_RANGE)
    step = (high - low) / (ALPHA_STEPS - 1)
    return [low + step * number for number in range(ALPHA_STEPS)], step


_Node: TypeAlias = tuple[float, float, float, float]
"""ln alpha, ln exponent, log-likelihood, nu."""


def _nodes(pairs: Pairs, log_alpha: float) -> Iterator[_Node]:
    """Yield the grid's nodes at one alpha."""
    alpha = math.exp(log_alpha)
    busy = [math.log(_busy(itl_of(index), alpha)) for index, _, _ in pairs.bins]
    for exponent in EXPONENTS:
        yield log_alpha, math.log(exponent), *_likelihood(pairs, busy, exponent)


def _busy(itl: float, alpha: float) -> float:
    """1 - alpha/ITL, bent softly above zero: a mean of probes may lie a little below alpha."""
    busy = 1.0 - alpha / itl
    return 0.5 * (busy + math.sqrt(busy * busy + 4.0 * LEAST_BUSY * LEAST_BUSY))


def _likelihood(pairs: Pairs, busy: list[float], exponent: float) -> tuple[float, float]:
    """Logarithm of the likelihood with nu at its best, and that nu."""
    told = expected = events = 0.0
    for (_, counted, seconds), log_busy in zip(pairs.bins, busy, strict=True):
        share = log_busy / exponent
        told += counted * share
        expected += seconds * math.exp(share)
        events += counted
    return told - events * math.log(expected), events / expected


def _prior(log_alpha: float, log_exponent: float, idle_itl: float | None) -> float:
    prior = (log_exponent / EXPONENT_SIGMA) ** 2
    if idle_itl is not None:
        prior += ((log_alpha - math.log(idle_itl)) / IDLE_SIGMA) ** 2
    return 0.5 * prior


def _moments(values: list[float], weights: list[float], total: float) -> tuple[float, float]:
    mean = sum(v * w for v, w in zip(values, weights, strict=True)) / total
    variance = sum(w * (v - mean) ** 2 for v, w in zip(values, weights, strict=True)) / total
    return mean, math.sqrt(variance)

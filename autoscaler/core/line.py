"""One deployment's line: inter-token latency as a function of load, and back.

Learned as rates over latency (pairs.py); where nothing is heard it is E1's own:

    1 - alpha / ITL = cap x rho        (T = alpha / (1 - cap x rho))

rho is the share of a replica's capacity, 1 where its queue begins; cap is the left side's value
there. Worked: alpha 10 ms, cap 0.75: ITL 20 ms is 0.5 on the left, so rho 0.67. Beyond rho 1 the
latency stands at its plateau and only TTFT grows.
"""

import math
from dataclasses import dataclass

from autoscaler.core import pairs, waits
from autoscaler.core.pairs import BINS, PRIOR_EVENTS, WIDTH, Rates, rate_at
from autoscaler.core.policy import Slo

DEFAULT_ITL_RATIO = 3.0
"""Default objective: ITL at most 3 x alpha (SEMANTICS §2)."""
DEFAULT_TTFT_SECONDS = 1.0
DEFAULT_TTFT_RATIO = 5.0
INFEASIBLE_RATIO = 0.9
"""An idle latency above this share of its objective leaves no room for any load."""
MODEL_SIGMA = 0.05
"""Relative error of a learned line; of the kind seen on real engines (real-engines.md §3)."""
LEAST_CAPACITY = 0.1
"""A replica is never planned for less: below it the line's low end, not the load, would decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """The objectives in force, seconds; None = set aside or unknown."""

    itl: float | None
    ttft: float | None
    infeasible: tuple[str, ...] = ()
    """One sentence for each objective that no count can meet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """ITL and TTFT over load, for one deployment at one instant."""

    alpha: float
    cap: float
    """1 - alpha/ITL where the batch is full."""
    rates: Rates
    """Arrivals per replica over latency; in units of their own where nothing is heard."""
    full_rate: float
    """Arrivals per replica where its queue begins, same unit."""
    sigma: float
    """Deviation of the line's exponent, where no arrival has been paired."""
    idle_ttft: float | None = None
    waits: tuple[float, ...] = ()
    """TTFT over latency as it was seen (waits.py); empty = in step with ITL."""
    objectives: Objectives

    def rho(self, itl: float) -> float:
        """Share of capacity at which a replica shows this ITL; 0..1."""
        if itl <= self.alpha:
            return 0.0
        return min(1.0, rate_at(self.rates, math.log(itl / self.alpha)) / self.full_rate)

    def itl(self, rho: float) -> float:
        """ITL of a replica at this share of its capacity, seconds."""
        if rho <= 0.0:
            return self.alpha
        if rho >= 1.0:
            return self.alpha / (1.0 - self.cap)
        return self.alpha * math.exp(pairs.log_ratio_at(self.rates, rho * self.full_rate))

    def ttft(self, rho: float) -> float | None:
        """TTFT at this share, seconds; None where unknown, and from rho 1 on, where it grows."""
        if self.idle_ttft is None or rho >= 1.0:
            return None
        if rho <= 0.0:
            return self.idle_ttft
        place = pairs.log_ratio_at(self.rates, rho * self.full_rate)
        return self.idle_ttft * waits.ratio_at(self.waits, place)

    @property
    def capacity(self) -> float:
        """Share of a replica's capacity that it carries within the objectives, 0..1."""
        rho = 1.0
        if self.objectives.itl is not None:
            rho = min(rho, self.rho(self.objectives.itl))
        if self.objectives.ttft is not None and self.idle_ttft is not None:
            place = waits.log_ratio_at(self.waits, self.objectives.ttft / self.idle_ttft)
            rho = min(rho, self.rho(self.alpha * math.exp(place)))
        return max(rho, LEAST_CAPACITY)

    def meets(self, rho: float) -> bool:
        """True if a replica at this share is predicted to meet the objectives."""
        if rho >= 1.0:
            return False
        itl, ttft, wanted = self.itl(rho), self.ttft(rho), self.objectives
        return (wanted.itl is None or itl <= wanted.itl) and (
            wanted.ttft is None or ttft is None or ttft <= wanted.ttft
        )

    def uncertainty(self, rho: float, capacity: float) -> float:
        """Relative deviation of rho/capacity that comes from the line's shape between the two.

        None at capacity itself; where pairs were seen they stand in for the exponent.
        """
        if rho <= 0.0:
            return self.sigma
        place = min(BINS - 1, int(pairs.log_ratio_at(self.rates, rho * self.full_rate) / WIDTH))
        prior = min(1.0, PRIOR_EVENTS / self.rates.weights[place])
        shape = prior * (math.log(rho / capacity) * self.sigma) ** 2
        seen = (1.0 - prior) / self.rates.weights[place]
        return math.sqrt(shape + seen + (MODEL_SIGMA**2 if prior < 1.0 else 0.0))


def objectives_of(
    slo: Slo, *, alpha: float, alpha_trusted: bool, idle_ttft: float | None
) -> Objectives:
    """Return the objectives in force; those that no count can meet are set aside, by trust only."""
    itl: float | None = (
        slo.itl_seconds if slo.itl_seconds is not None else DEFAULT_ITL_RATIO * alpha
    )
    ttft = slo.ttft_seconds
    if ttft is None:
        ttft = max(DEFAULT_TTFT_SECONDS, DEFAULT_TTFT_RATIO * (idle_ttft or 0.0))
    infeasible = []
    if alpha_trusted and itl is not None and alpha > INFEASIBLE_RATIO * itl:
        infeasible.append(
            f"an idle replica needs {alpha * 1000:.3g} ms a token, the objective is"
            f" {itl * 1000:.3g} ms: no count can meet it"
        )
        itl = None
    if alpha_trusted and idle_ttft is not None and idle_ttft > INFEASIBLE_RATIO * ttft:
        infeasible.append(
            f"an idle replica needs {idle_ttft:.3g} s to the first token, the objective is"
            f" {ttft:.3g} s: no count can meet it"
        )
        return Objectives(itl=itl, ttft=None, infeasible=tuple(infeasible))
    return Objectives(itl=itl, ttft=ttft, infeasible=tuple(infeasible))

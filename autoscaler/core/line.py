"""One deployment's line: inter-token latency as a function of load, and back.

    1 - alpha / ITL = cap x rho ** exponent        (exponent 1: T = alpha / (1 - cap x rho))

rho is the share of a replica's capacity, 1 where its queue begins; cap is the left side's value
there. Worked: alpha 10 ms, cap 0.75, exponent 1: ITL 20 ms is 0.5 on the left, so rho 0.67.
Beyond rho 1 the latency stands at its plateau and only TTFT grows.
"""

import math
from dataclasses import dataclass

from autoscaler.core.policy import Slo

DEFAULT_ITL_RATIO = 3.0
"""Default objective: ITL at most 3 x alpha (SEMANTICS §2)."""
DEFAULT_TTFT_SECONDS = 1.0
DEFAULT_TTFT_RATIO = 5.0
INFEASIBLE_RATIO = 0.9
"""An idle latency above this share of its objective leaves no room for any load."""
MOST_RHO = 1.0


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
    exponent: float = 1.0
    idle_ttft: float | None = None
    objectives: Objectives

    def rho(self, itl: float) -> float:
        """Share of capacity at which a replica shows this ITL; 0..1."""
        return self.rho_of(1.0 - self.alpha / itl)

    def rho_of(self, busy: float) -> float:
        """The same from 1 - alpha/ITL."""
        if busy <= 0.0:
            return 0.0
        return min(MOST_RHO, (busy / self.cap) ** (1.0 / self.exponent))

    def itl(self, rho: float) -> float:
        """ITL of a replica at this share of its capacity, seconds."""
        return self.alpha / (1.0 - self.cap * min(1.0, max(0.0, rho)) ** self.exponent)

    def ttft(self, rho: float) -> float | None:
        """TTFT at this share, seconds; None where unknown, and from rho 1 on, where it grows."""
        if self.idle_ttft is None or rho >= 1.0:
            return None
        return self.idle_ttft * self.itl(rho) / self.alpha

    @property
    def capacity(self) -> float:
        """Share of a replica's capacity that it carries within the objectives, 0..1."""
        rho = MOST_RHO
        if self.objectives.itl is not None:
            rho = min(rho, self.rho(self.objectives.itl))
        if self.objectives.ttft is not None and self.idle_ttft is not None:
            rho = min(rho, self.rho(self.alpha * self.objectives.ttft / self.idle_ttft))
        return max(rho, 0.01)

    def meets(self, rho: float) -> bool:
        """True if a replica at this share is predicted to meet the objectives."""
        if rho >= 1.0:
            return False
        itl, ttft, wanted = self.itl(rho), self.ttft(rho), self.objectives
        return (wanted.itl is None or itl <= wanted.itl) and (
            wanted.ttft is None or ttft is None or ttft <= wanted.ttft
        )


def objectives_of(
    slo: Slo, *, alpha: float, alpha_trusted: bool, idle_ttft: float | None
) -> Objectives:
    """Return the objectives in force; those that no count can meet are set aside, by trust only."""
    itl = slo.itl_seconds if slo.itl_seconds is not None else DEFAULT_ITL_RATIO * alpha
    ttft = slo.ttft_seconds
    if ttft is None:
        ttft = max(DEFAULT_TTFT_SECONDS, DEFAULT_TTFT_RATIO * (idle_ttft or 0.0))
    infeasible = []
    if alpha_trusted and alpha > INFEASIBLE_RATIO * itl:
        infeasible.append(
            f"an idle replica needs {alpha * 1000:.3g} ms a token, the objective is"
            f" {itl * 1000:.3g} ms: no count can meet it"
        )
    if alpha_trusted and idle_ttft is not None and idle_ttft > INFEASIBLE_RATIO * ttft:
        infeasible.append(
            f"an idle replica needs {idle_ttft:.3g} s to the first token, the objective is"
            f" {ttft:.3g} s: no count can meet it"
        )
    return Objectives(
        itl=None if alpha_trusted and alpha > INFEASIBLE_RATIO * itl else itl,
        ttft=None
        if alpha_trusted and idle_ttft is not None and idle_ttft > INFEASIBLE_RATIO * ttft
        else ttft,
        infeasible=tuple(infeasible),
    )


def shape_uncertainty(relative: float, sigma: float) -> float:
    """Error of load/capacity that an uncertain exponent brings: |r ln r| x sigma; none at r = 1."""
    if relative <= 0.0:
        return 0.0
    return abs(relative * math.log(relative)) * sigma

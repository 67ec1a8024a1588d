"""What one deployment has taught about itself: the memory that learning.py keeps."""

import math
from dataclasses import dataclass, field

from autoscaler.core.curve import Curve
from autoscaler.core.hearing import Ear
from autoscaler.core.level import Level
from autoscaler.core.pairs import Pairs, Rates, rate_at, rates_of

FULL_SHARE = 0.8
"""Of what is heard of such a full replica, the part that is prompts: there 15 to 35 % too many were
heard on GPU steps (real-engines.md §7.3), and the line to it is as uncertain the other way.
"""
SURE_SIGMA = 0.4
"""Deviation of ln alpha from which the line's alpha is not used: nothing is known of it."""


def _plain(ratio: float) -> float:
    return 1.0 - 1.0 / ratio


PLAIN = rates_of(Pairs(), _plain, 1.0)
"""E1's own line, in units of its own: what is used where nothing is heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """The memory of what was learned."""

    ear: Ear = field(default_factory=Ear)
    pairs: Pairs = field(default_factory=Pairs)
    """ITLs are put down without the drift of their minute and the scatter of its probes."""
    level: Level = field(default_factory=Level)
    curve: Curve | None = None
    """None until enough was heard."""
    fitted_at: float = 0.0
    full_prompts: float = 0.0
    full_seconds: float = 0.0
    """What was heard of full replicas (MOST_SLOW), newest weight 1."""
    exact: bool = False
    """True if arrivals are counted by the engine: then what full replicas served is their rate, and
    each minute's latency belongs to its own count (level.py is for counts that are chance).
    """
    audible: bool = False
    """True if what is heard follows the load."""
    fixes_alpha: bool = False
    """True if the line alone vouches for alpha: latency went far enough once since the mix last
    changed, and the line is still sharp. At a constant load it stays true for days: nothing says
    otherwise.
    """
    faint: bool = False
    """True if it does, but more steeply: it fixes the plain line, which then stands for itself."""
    counted_above: float = 0.0
    """The ear's threshold when the first of the pairs was counted, seconds; 0 before any."""
    rates: Rates = PLAIN
    """Arrivals per replica over latency, as learned; E1's own where nothing is heard."""
    idle_itl: float | None = None
    """Mean ITL of idle minutes, without their drift, seconds; None = none was heard to be idle."""
    idle_at: float = 0.0
    """Instant of the last one."""
    drift: float = 0.0
    """ln(latencies now / latencies of the pairs)."""
    drift_variance: float = 0.0
    surprises: int = 0
    """Surprising chunks in a row."""
    mixes: int = 0
    """How often the mix of traffic has changed so far."""
    queueing: bool = False
    """Whether users queued when it was taught last."""
    chunk_from: float = 0.0
    """Instant from which samples wait for the next chunk; 0 before the first."""

    def full_rate(self, cap: float) -> float:
        """Arrivals per replica and second where its queue begins, at 1 - alpha/ITL = `cap`.

        The line says it, and so does what was heard of full replicas; each errs its own way, and
        the geometric mean lay within a few per cent where it could be checked.
        """
        by_line = rate_at(self.rates, -math.log(1.0 - cap))
        if not self.audible or self.faint or self.full_seconds * self.full_prompts <= 0.0:
            return by_line
        seen = self.full_prompts / self.full_seconds
        return seen if self.exact else math.sqrt(by_line * FULL_SHARE * seen)

    @property
    def alpha(self) -> float | None:
        """Alpha by the line, now, seconds; None where it does not fix it well enough to use."""
        if self.curve is None or not self.audible or self.curve.alpha_sigma > SURE_SIGMA:
            return None
        return self.curve.alpha * math.exp(self.drift)

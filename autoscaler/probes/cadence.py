"""How often to probe, from the attention that the latest decision asks for (SEMANTICS 2). Pure."""

from dataclasses import dataclass
from typing import Final

from autoscaler.core.model import Decision
from autoscaler.core.words import Attention


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What an attention means."""

    interval_ratio: float
    """Multiple of `probe_seconds`."""
    in_flight: int
    """Most probes of one deployment at a time."""
    short_only: bool
    """Whether other profiles rest."""


PACES: Final = {
    Attention.STEADY: Pace(interval_ratio=1.0, in_flight=1, short_only=False),
    Attention.DOUBT: Pace(interval_ratio=1 / 3, in_flight=2, short_only=False),
    Attention.IDLE: Pace(interval_ratio=2.0, in_flight=1, short_only=False),
    Attention.OVERLOAD: Pace(interval_ratio=1.0, in_flight=2, short_only=True),
}
"""A second one is sent in doubt where the first waits: the growth of a queue is told by two."""


def pace_of(decision: Decision | None) -> Pace:
    """The pace that the latest decision asks for; without one there is everything to learn."""
    return PACES[Attention.DOUBT if decision is None else decision.attention]

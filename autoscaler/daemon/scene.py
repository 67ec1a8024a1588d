"""What most parts of the daemon work on: the seams, the fleet and what is kept about it."""

from dataclasses import dataclass

from autoscaler.daemon.accounts import PriceBook
from autoscaler.daemon.config import Live, Parts
from autoscaler.daemon.fleet import Fleet
from autoscaler.daemon.jobs import JobBoard
from autoscaler.daemon.probing import Probing


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One daemon's, made once and shared by tick, evidence and picture."""

    parts: Parts
    fleet: Fleet
    board: JobBoard
    book: PriceBook
    probing: Probing
    live: Live
    started_at: float
    """Instant of the daemon's start."""
    warnings: tuple[str, ...] = ()
    """Sentences of the start that stay true, e.g. about the state file."""

"""How requests were served, counted as the request-exact fleet finishes them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from autoscaler.emulator.fleet import Completion


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """How the requests of a run were served."""

    requests: int
    good_ratio: float
    """Share within both objectives; a request that never finished is bad."""
    wait_good_ratio: float
    """Share that waited no longer than the objective before its prefill."""
    itl_good_ratio: float
    """Share whose mean ITL was within the objective."""
    billed_replica_seconds: float


@dataclass(slots=True)
class Tally:
    """Counts completions as they come; the fleet's sink."""

    wait_seconds: float
    itl_seconds: float
    requests: int = 0
    good: int = 0
    wait_good: int = 0
    itl_good: int = 0
    slot_output: float = 0.0
    slot_itl: list[float] = field(default_factory=list)
    slot_ttft: list[float] = field(default_factory=list)

    def take(self, completions: Sequence[Completion]) -> None:
        """Count a batch of finished requests."""
        table = np.array(completions, dtype=np.float64)
        arrival, prefill, first, last, _, output = table.T
        itl = (last - first) / np.maximum(output - 1, 1.0)
        on_time = prefill - arrival <= self.wait_seconds
        smooth = itl <= self.itl_seconds
        self.requests += len(table)
        self.good += int((on_time & smooth).sum())
        self.wait_good += int(on_time.sum())
        self.itl_good += int(smooth.sum())
        self.slot_output += float(output.sum())
        self.slot_itl.append(float(itl.mean()))
        self.slot_ttft.append(float((first - arrival).mean()))

    def drain(self) -> tuple[float | None, float | None]:
        """Return mean ITL and TTFT since the last call; None where nothing finished."""
        itl = float(np.mean(self.slot_itl)) if self.slot_itl else None
        ttft = float(np.mean(self.slot_ttft)) if self.slot_ttft else None
        self.slot_itl.clear()
        self.slot_ttft.clear()
        return itl, ttft

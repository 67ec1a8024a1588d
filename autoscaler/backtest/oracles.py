"""What a policy could do that knew more: the present without noise, or the next cold start.

Each is given the true load, runs through the same plant and the same bounds, and is swept over the
same head-room as ours. Their distance to the clairvoyant prices, one by one, rounding, the cold
start, and (for ours) estimation and guards.
"""

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from autoscaler.backtest.slots import View, World
from autoscaler.backtest.trace import SLOT_SECONDS


@dataclass(slots=True)
class NowOracle:
    """Knows the true load of the last minute exactly, and nothing of the future.

    Goes up at once, down when a lower count has sufficed for `hold_seconds`.
    """

    world: World
    target: float
    """Share of a replica's good load that is planned for."""
    hold_seconds: float
    pressure: NDArray[np.float64] = field(init=False)
    recent: deque[int] = field(init=False)

    def __post_init__(self) -> None:
        self.pressure = self.world.pressure
        self.recent = deque(maxlen=max(1, round(self.hold_seconds / SLOT_SECONDS)))

    def decide(self, view: View) -> int:
        """Return the count wanted from now on."""
        minute = self.pressure[max(0, view.slot - 4) : view.slot]
        self.recent.append(max(1, math.ceil(float(minute.mean()) / self.target)))
        wanted = self.recent[-1]
        return wanted if wanted > view.wanted else min(view.wanted, max(self.recent))


@dataclass(slots=True)
class ForesightOracle:
    """Knows the true need of exactly one cold start ahead, and keeps what it will want again by
    then.
    """

    world: World
    target: float
    need: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        pressure = self.world.pressure / self.target
        self.need = np.maximum(1, np.ceil(pressure - 1e-9)).astype(np.int64)

    def decide(self, view: View) -> int:
        """Return the count wanted from now on."""
        ahead = self.need[view.slot : view.slot + self.world.cold_slots + 1]
        return int(ahead.max()) if len(ahead) else view.wanted

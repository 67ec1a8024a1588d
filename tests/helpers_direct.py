"""A daemon over an emulated platform without HTTP, for stories of days and months."""

import random
from dataclasses import dataclass, field
from itertools import pairwise

from helpers import managed
from helpers_fakes import FakeNotifier, SteadyPlan
from helpers_meter import CountingMeter

from autoscaler.clock import LoopClock, LoopEvery
from autoscaler.daemon.config import Config, Parts
from autoscaler.daemon.jobs import JobBoard
from autoscaler.daemon.loop import Daemon
from autoscaler.emulator.direct import DirectCloud
from autoscaler.emulator.direct_platform import DirectPlatform
from autoscaler.emulator.direct_probing import DirectProber
from autoscaler.emulator.ledger import Truth
from autoscaler.emulator.scenario import Scenario
from autoscaler.ports import Notifier, ProbePlan, Store
from autoscaler.store import MemoryStore

BASE = 1_798_761_600.0
"""2027-01-01 00:00 UTC, the begin of a month of 31 days."""


@dataclass
class DirectWorld:
    """One emulated platform and one store, and daemons on them, one after the other. Make it on the
    loop that it is to run on.
    """

    scenario: Scenario
    store: Store = field(default_factory=MemoryStore)
    clock: LoopClock = field(default_factory=lambda: LoopClock(BASE))
    meter: CountingMeter = field(default_factory=CountingMeter)

    def __post_init__(self) -> None:
        self.direct = DirectPlatform.build(self.scenario, clock=self.clock)

    def daemon(
        self,
        config: Config,
        *,
        probe_seconds: float = 15.0,
        plan: ProbePlan | None = None,
        notifier: Notifier | None = None,
    ) -> Daemon:
        """Make one; call it on the loop that it is to run on."""
        board = JobBoard(self.clock, self.meter)
        parts = Parts(
            clock=self.clock,
            every=LoopEvery(self.clock, missed=board.missed),
            cloud=DirectCloud(self.direct),
            prober=DirectProber(self.direct),
            plan=plan or SteadyPlan(probe_seconds),
            store=self.store,
            notifier=notifier or FakeNotifier(self.store, self.clock),
            meter=self.meter,
            rng=random.Random(1),
        )
        return Daemon(parts, config, board=board)

    async def live(self, daemon: Daemon, seconds: float) -> None:
        """Let a daemon run for a while, and stop it in order."""
        await daemon.start()
        await self.clock.sleep(seconds)
        await daemon.stop()

    def config(self, **changes: object) -> Config:
        """A configuration under which everything is managed."""
        project = self.scenario.project_id
        return Config(project=project, policy_for=managed(alpha_seconds=0.0075), **changes)  # type: ignore[arg-type]  # names and types are the story's


def seconds_in(truth: Truth, name: str, word: str, *, windows: list[tuple[float, float]]) -> float:
    """How long a deployment truly was in a status, within these windows."""
    changes = [c for c in truth.status_changes if c.name == name]
    ends = [*(c.at for c in changes[1:]), truth.at]
    total = 0.0
    for change, end in zip(changes, ends, strict=True):
        if change.after == word:
            total += sum(max(0.0, min(end, b) - max(change.at, a)) for a, b in windows)
    return total


def without(start: float, end: float, gaps: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The windows that are left of [start, end) without the gaps."""
    cuts = [start, *(edge for gap in sorted(gaps) for edge in gap), end]
    return [(a, b) for a, b in list(pairwise(cuts))[::2] if b > a]

"""A daemon over fakes at its seams, for tests of the daemon and whoever else needs one."""

import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import structlog
from helpers_fakes import BASE, PROJECT, FakeCloud, FakeNotifier, FakeProber, SteadyPlan
from helpers_meter import CountingMeter
from structlog.typing import EventDict, WrappedLogger

from autoscaler.clock import LoopClock, LoopEvery
from autoscaler.core.alerting.rules import AlertRules, ReceiverRule
from autoscaler.core.model import Deployment
from autoscaler.core.policy import Policy
from autoscaler.core.snapshot import Snapshot
from autoscaler.core.words import Mode
from autoscaler.daemon.config import Config, Parts
from autoscaler.daemon.jobs import JobBoard
from autoscaler.daemon.loop import Daemon
from autoscaler.ports import (
    Store,
)
from autoscaler.store import MemoryStore


def managed(**changes: object) -> Callable[[Deployment], Policy]:
    """A policy for all: active, one to eight replicas."""
    plain = Policy(mode=Mode.ACTIVE, matched="deployments[0] (*)", min_replicas=1, max_replicas=8)
    policy = replace(plain, **changes)  # type: ignore[arg-type]  # names and types are the story's
    return lambda _: policy


@dataclass
class World:
    """A daemon over fakes, on virtual time."""

    cloud: FakeCloud
    prober: FakeProber
    notifier: FakeNotifier
    meter: CountingMeter
    store: Store
    clock: LoopClock
    daemon: Daemon

    @property
    def picture(self) -> Snapshot:
        """The latest snapshot."""
        found = self.daemon.console.snapshot()
        assert found is not None
        return found

    async def run(self, seconds: float) -> None:
        """Let time pass."""
        await self.clock.sleep(seconds)

    async def kill(self) -> None:
        """End the daemon without drain, as a killed process."""
        await kill(self.daemon)


async def kill(daemon: Daemon) -> None:
    """End a daemon without drain, as a killed process: nothing more is written or sent."""
    every = daemon._parts.every
    assert isinstance(every, LoopEvery)
    await every.stop()
    tasks = [
        *([daemon._pump] if daemon._pump else []),
        *daemon._acting.values(),
        *daemon._tasks,
        *daemon._probing._tasks,
    ]
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(BaseException):  # killed is killed
            await task


@dataclass(kw_only=True)
class Build:
    """How to build a World."""

    cloud: FakeCloud
    config: dict[str, object] = field(default_factory=dict)
    """Fields of the daemon's Config that differ."""
    store: Store | None = None
    meter: CountingMeter = field(default_factory=CountingMeter)
    seconds: float = 15.0
    """Between two probes."""
    reload: Callable[[], tuple[Config, str]] | None = None
    is_offline: Callable[[], Awaitable[bool]] | None = None


def a_config(**changes: object) -> Config:
    """The daemon's configuration: everything told to one receiver, everything managed."""
    rules = AlertRules(receivers=(ReceiverRule(name="hook"),), group_wait_seconds=0.0)
    plain = Config(project=PROJECT, policy_for=managed(), rules=rules)
    return replace(plain, **changes)  # type: ignore[arg-type]  # names and types are the story's


def _drop(_logger: WrappedLogger, _method: str, _event: EventDict) -> EventDict:
    raise structlog.DropEvent


async def a_world(build: Build) -> World:
    """Start a daemon over fakes; stop it with `world.daemon.stop()`. It logs nothing: rendering
    what nobody reads would take most of the time.
    """
    structlog.configure(processors=[_drop])
    clock = LoopClock(BASE)
    meter = build.meter
    store = build.store or MemoryStore()
    board = JobBoard(clock, meter)
    prober, notifier = FakeProber(clock), FakeNotifier(store, clock)
    parts = Parts(
        clock=clock,
        every=LoopEvery(clock, missed=board.missed),
        cloud=build.cloud,
        prober=prober,
        plan=SteadyPlan(build.seconds),
        store=store,
        notifier=notifier,
        meter=meter,
        reload=build.reload,
        is_offline=build.is_offline,
        rng=random.Random(1),
    )
    daemon = Daemon(parts, a_config(**build.config), board=board)
    await daemon.start()
    return World(
        cloud=build.cloud,
        prober=prober,
        notifier=notifier,
        meter=meter,
        store=store,
        clock=clock,
        daemon=daemon,
    )

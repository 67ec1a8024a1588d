"""The daemon over HTTP, and the daemon on direct adapters, each with what outlives its restart."""

import random
from dataclasses import dataclass, field
from pathlib import Path

from helpers_meter import CountingMeter
from twin_story import BASE, live_through, scenario, settings

from autoscaler.app import App, Seams, build_app
from autoscaler.app.adapters import build_plan, probe_config
from autoscaler.app.translate import daemon_config
from autoscaler.clock import LoopClock, LoopEvery
from autoscaler.core.model import Deployment, ProbeResult
from autoscaler.daemon.config import Parts
from autoscaler.daemon.jobs import JobBoard
from autoscaler.daemon.loop import Daemon
from autoscaler.emulator.chat import CHARACTERS_PER_TOKEN, TEMPLATE_TOKENS
from autoscaler.emulator.direct import DirectCloud
from autoscaler.emulator.direct_platform import DirectPlatform
from autoscaler.emulator.direct_probing import DirectProber, Question
from autoscaler.emulator.server import Emulator
from autoscaler.ports import Console
from autoscaler.probes.memory import Memory, TokenBudget
from autoscaler.probes.request import build_prompt
from autoscaler.settings import Settings
from autoscaler.store import MemoryStore

SALT = "0" * 16
"""As long as the prober's own salts."""
LOTS = 1
"""Of the schedule's jitter."""


@dataclass
class OverHttp:
    """The app, as `neevscale run` makes it, on a loop of virtual time."""

    settings: Settings
    seams: Seams
    app: App | None = None

    async def start(self) -> Console:
        self.app = build_app(self.settings, seams=self.seams)
        await self.app.start()
        return self.app.console

    async def stop(self) -> None:
        assert self.app is not None
        await self.app.stop()


async def through_http(folder: Path) -> MemoryStore:
    """Return what the daemon over HTTP has written."""
    clock, store = LoopClock(BASE), MemoryStore()
    async with Emulator(scenario(), clock=clock) as emulator:
        where = emulator.connection
        cloud = {
            "base_url": where.base_url,
            "tenant_url": where.tenant_url,
            "inventory_url": where.inventory_url,
            "org_id": where.org_id,
            "project_id": where.project_id,
            "token": where.token,
        }
        hosts = [where.base_url.split("/")[2]]
        inference = {"key": where.inference_key, "allowed_hosts": hosts}
        told = settings(folder, cloud, inference=inference)
        seams = Seams(clock=clock, store=store, rng=random.Random(LOTS), virtual=True)
        await live_through(clock, OverHttp(told, seams))
    return store


@dataclass
class ProbersMemory:
    """Asks what the real prober would ask: lengths come from its own memory."""

    settings: Settings
    memories: dict[str, Memory] = field(default_factory=dict)
    asked: list[tuple[float, str]] = field(default_factory=list)
    """Instant and profile of every question."""

    def ask(self, deployment: Deployment, profile: str, *, monotonic: float) -> Question:
        self.asked.append((BASE + monotonic, profile))
        config = probe_config(self.settings)
        schedule = config.schedule
        memory = self.memories.setdefault(deployment.id, self._fresh())
        chosen = next(p for p in schedule.profiles if p.name == profile)
        prompt = build_prompt(chosen, SALT)
        warmup = memory.is_warming_up(
            deployment, seconds=config.warmup_seconds, monotonic=monotonic
        )
        return Question(
            prompt_tokens=TEMPLATE_TOKENS - (-len(prompt) // CHARACTERS_PER_TOKEN),
            output_tokens=memory.tokens(
                chosen, stream_seconds=schedule.stream_seconds, monotonic=monotonic
            ),
            warmup=warmup,
        )

    def learn(self, deployment: Deployment, result: ProbeResult) -> None:
        self.memories[deployment.id].learn(deployment.name, result, server="")

    def restart(self) -> None:
        """Keep what the prober writes down, and nothing else."""
        for id_, memory in self.memories.items():
            self.memories[id_] = self._fresh()
            self.memories[id_].restore(memory.export())

    def _fresh(self) -> Memory:
        schedule = probe_config(self.settings).schedule
        longest = max(p.max_tokens for p in schedule.profiles)
        return Memory(TokenBudget(schedule.tokens_per_minute, float(longest)))


class NoNotifier:
    """Tells nobody."""

    async def send_due(self) -> None:
        pass

    def receivers(self) -> tuple[()]:
        return ()

    async def close(self) -> None:
        pass


@dataclass
class Directly:
    """The daemon on adapters that make no requests."""

    settings: Settings
    clock: LoopClock
    store: MemoryStore = field(default_factory=MemoryStore)
    daemon: Daemon | None = None

    def __post_init__(self) -> None:
        self.direct = DirectPlatform.build(scenario(), clock=self.clock)
        self.questions = ProbersMemory(self.settings)
        self.rng = random.Random(LOTS)

    async def start(self) -> Console:
        meter = CountingMeter()
        board = JobBoard(self.clock, meter)
        self.questions.restart()
        parts = Parts(
            clock=self.clock,
            every=LoopEvery(self.clock, missed=board.missed),
            cloud=DirectCloud(self.direct),
            prober=DirectProber(self.direct, self.questions),
            plan=build_plan(self.settings, meter, self.rng),
            store=self.store,
            notifier=NoNotifier(),
            meter=meter,
            rng=self.rng,
        )
        self.daemon = Daemon(parts, daemon_config(self.settings), board=board)
        await self.daemon.start()
        return self.daemon.console

    async def stop(self) -> None:
        assert self.daemon is not None
        await self.daemon.stop()


async def directly(folder: Path) -> Directly:
    """Return the daemon on direct adapters, with what it has asked and written."""
    clock = LoopClock(BASE)
    driver = Directly(settings(folder, {"project_id": "prj-emulated"}), clock)
    await live_through(clock, driver)
    return driver

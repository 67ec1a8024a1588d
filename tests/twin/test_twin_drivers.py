"""The same workload and policy through every driver give the same decisions.

(a) the daemon over the HTTP emulator, (b) the daemon with direct adapters, (c) a plain loop as the
backtest's: the core on a fresh fleet of the same seed, probed at the instants of (a), without event
loop or network, (d) the recorded observations of (a) given to the core again. (a) and (d) agree bit
by bit; the others in instant, count, target and verdict of every tick.
"""

import logging
import math
import random
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog
from helpers_meter import CountingMeter

from autoscaler.app import Seams, build_app
from autoscaler.app.adapters import build_plan, probe_config
from autoscaler.app.translate import daemon_config
from autoscaler.clock import LoopClock, LoopEvery, run_virtual
from autoscaler.core.codec import decode, encode
from autoscaler.core.model import Ask, Decision, Deployment, Json, Observation, ProbeResult
from autoscaler.core.policy import Policy
from autoscaler.core.state import State
from autoscaler.core.step import step
from autoscaler.core.words import Verdict
from autoscaler.daemon.asks import followed
from autoscaler.daemon.config import Parts
from autoscaler.daemon.jobs import JobBoard
from autoscaler.daemon.loop import Daemon
from autoscaler.emulator.chat import CHARACTERS_PER_TOKEN, TEMPLATE_TOKENS
from autoscaler.emulator.direct import DirectCloud
from autoscaler.emulator.direct_platform import DirectPlatform
from autoscaler.emulator.direct_probing import DirectProber, Question
from autoscaler.emulator.scenario import DeploymentPlan, Scenario
from autoscaler.emulator.server import Emulator
from autoscaler.emulator.shapes import Lengths, Shape, ShapeKind
from autoscaler.emulator.stream import Stream
from autoscaler.emulator.workload import Mix, Workload
from autoscaler.probes.memory import Memory, TokenBudget
from autoscaler.probes.request import build_prompt
from autoscaler.settings import Settings
from autoscaler.store import MemoryStore

pytestmark = pytest.mark.day

BASE = 1_799_971_200.0
SECONDS = 3600.0
SALT = "0" * 16
"""As long as the prober's own salts."""

T = TypeVar("T")
Row = tuple[float, int, int, Verdict]


def scenario() -> Scenario:
    """Load swells to three replicas' worth and falls again within the hour."""
    mix = Mix(prompt=Lengths(typical=1000, p95=3000), output=Lengths(typical=700, p95=1500))
    swell = Shape(
        kind=ShapeKind.SPIKE,
        low=0.8,
        high=7.0,
        start_seconds=900.0,
        length_seconds=900.0,
        rise_seconds=300.0,
    )
    plan = DeploymentPlan(
        name="chat", replicas=1, workload=Workload(shapes=(swell,), mix=mix), cold_start_seconds=90
    )
    return Scenario(deployments=(plan,), seed=7)


def settings(folder: Path, cloud: Mapping[str, object], **more: object) -> Settings:
    return Settings.model_validate(
        {
            "mode": "active",
            "cloud": cloud,
            "state": {"path": str(folder / "never-made.db")},
            "web": {"listen": "127.0.0.1:0"},
            "deployments": [
                {
                    "match": {"name": "chat"},
                    "min_replicas": 1,
                    "max_replicas": 6,
                    "alpha_seconds": 0.0075,
                }
            ],
            **more,
        }
    )


async def through_http(folder: Path) -> MemoryStore:
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
        app = build_app(
            settings(folder, cloud, inference=inference),
            seams=Seams(clock=clock, store=store, rng=random.Random(7), virtual=True),
        )
        await app.start()
        await clock.sleep(SECONDS)
        await app.stop()
    return store


@dataclass
class ProbersMemory:
    """Asks what the real prober would ask: lengths come from its own memory."""

    settings: Settings
    memories: dict[str, Memory] = field(default_factory=dict)

    def ask(self, deployment: Deployment, profile: str, *, monotonic: float) -> Question:
        config = probe_config(self.settings)
        schedule = config.schedule
        longest = max(p.max_tokens for p in schedule.profiles)
        budget = TokenBudget(schedule.tokens_per_minute, float(longest))
        memory = self.memories.setdefault(deployment.id, Memory(budget))
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


class NoNotifier:
    """Tells nobody."""

    async def send_due(self) -> None:
        pass

    def receivers(self) -> tuple[()]:
        return ()

    async def close(self) -> None:
        pass


async def directly(folder: Path) -> MemoryStore:
    clock, store, rng = LoopClock(BASE), MemoryStore(), random.Random(7)
    direct = DirectPlatform.build(scenario(), clock=clock)
    told = settings(folder, {"project_id": "prj-emulated"})
    meter = CountingMeter()
    board = JobBoard(clock, meter)
    parts = Parts(
        clock=clock,
        every=LoopEvery(clock, missed=board.missed),
        cloud=DirectCloud(direct),
        prober=DirectProber(direct, ProbersMemory(told)),
        plan=build_plan(told, meter, rng),
        store=store,
        notifier=NoNotifier(),
        meter=meter,
        rng=rng,
    )
    daemon = Daemon(parts, daemon_config(told), board=board)
    await daemon.start()
    await clock.sleep(SECONDS)
    await daemon.stop()
    return store


def id_of(store: MemoryStore) -> str:
    (deployment_id,) = store.documents("watch")
    return deployment_id


def written(store: MemoryStore) -> dict[float, dict[str, Json]]:
    """Decisions as the daemon wrote them, by instant."""
    found = store.decisions(id_of(store), limit=100_000)
    return {float(str(decision["at"])): decision for decision in found}


def replayed(store: MemoryStore, policy: Policy) -> list[Decision]:
    """The core's decisions on the recorded observations, one a tick."""
    state, made = State(), []
    for seen in recorded(store):
        outcome = step(state, seen, policy)
        state = outcome.state
        made.append(outcome.decision)
    return made


def recorded(store: MemoryStore) -> list[Observation]:
    return [decode(Observation, seen) for seen in store.observations(id_of(store))]


def policy_of(folder: Path, store: MemoryStore) -> Policy:
    told = settings(folder, {"project_id": "prj-emulated"})
    return told.policy_for(recorded(store)[0].deployment)


def rows(made: Sequence[Decision]) -> list[Row]:
    return [(round(d.at, 3), d.current, d.target, d.verdict) for d in made]


@dataclass
class SetClock:
    """Time that stands where it is put."""

    at: float = BASE

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at - BASE

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits in a plain loop")


class PlainLoop:
    """The core, a fleet, and nothing else. What it takes from the recording is when it looks and
    when it asks how much, never what was seen.
    """

    def __init__(self, policy: Policy) -> None:
        self._clock = SetClock()
        self._direct = DirectPlatform.build(scenario(), clock=self._clock)
        (self._unit,) = self._direct.platform.living()
        self._cloud = DirectCloud(self._direct)
        self._policy = policy
        self._state = State()
        self._ask: Ask | None = None
        self._flying: list[tuple[ProbeResult, Stream]] = []

    def decide(self, schedule: Observation, sends: Sequence[ProbeResult]) -> Decision:
        """Make one tick; `sends` are the probes that leave before it."""
        self._send(sends, until=schedule.read_at)
        self._clock.at = schedule.read_at
        (deployment,) = at_once(self._cloud.list()).deployments
        if self._ask is not None and self._ask.is_open:
            self._ask = followed(
                self._ask, deployment, read_at=schedule.read_at, policy=self._policy
            )
        self._send(sends, after=schedule.read_at)
        self._clock.at = schedule.at
        self._direct.advance()
        seen = replace(schedule, deployment=deployment, probes=self._ended(), ask=self._ask)
        outcome = step(self._state, seen, self._policy)
        self._state, decision = outcome.state, outcome.decision
        if decision.ask is not None:
            at_once(self._cloud.scale(deployment.id, decision.ask))
            self._ask = Ask(
                count=decision.ask,
                from_count=decision.current,
                asked_at=decision.at,
                outcome="accepted",
            )
        return decision

    def _send(
        self, sends: Sequence[ProbeResult], *, after: float = 0.0, until: float = math.inf
    ) -> None:
        for probe in sends:
            if after < probe.sent_at <= until:
                self._clock.at = probe.sent_at
                self._direct.advance()
                stream = self._unit.submit(
                    probe.sent_at,
                    prompt_tokens=probe.prompt_tokens or 0,
                    output_tokens=probe.output_tokens or 0,
                    cached_tokens=0,
                )
                self._flying.append((probe, stream))

    def _ended(self) -> tuple[ProbeResult, ...]:
        done = [(probe, stream) for probe, stream in self._flying if stream.finished]
        self._flying = [(probe, stream) for probe, stream in self._flying if not stream.finished]
        done.sort(key=lambda pair: pair[1].tokens[-1])
        return tuple(_result(probe, stream) for probe, stream in done)


def _result(asked: ProbeResult, stream: Stream) -> ProbeResult:
    times = [at - asked.sent_at for at in stream.tokens]
    return replace(
        asked,
        duration_seconds=times[-1],
        ttft_seconds=times[0],
        itl_seconds=(times[-1] - times[0]) / (len(times) - 1),
        token_times=tuple((at, number) for number, at in enumerate(times, 1)),
    )


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # the coroutine's own
    raise AssertionError("it waits")


def in_a_plain_loop(store: MemoryStore, policy: Policy) -> list[Decision]:
    looks = recorded(store)
    sends = sorted((p for look in looks for p in look.probes), key=lambda p: p.sent_at)
    loop, made, before = PlainLoop(policy), [], 0.0
    for look in looks:
        made.append(loop.decide(look, [p for p in sends if before < p.sent_at <= look.at]))
        before = look.at
    return made


@pytest.fixture(scope="module")
def over_http(tmp_path_factory: pytest.TempPathFactory) -> MemoryStore:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return run_virtual(through_http(tmp_path_factory.mktemp("twin")))


def test_recorded_observations_replay_bit_by_bit(over_http: MemoryStore, tmp_path: Path) -> None:
    again = {d.at: encode(d) for d in replayed(over_http, policy_of(tmp_path, over_http))}

    assert len(again) >= SECONDS / 15
    for at, decision in written(over_http).items():
        assert again[at] == decision


def test_the_daemon_decides_the_same_over_http_and_directly(
    over_http: MemoryStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    policy = policy_of(tmp_path, over_http)
    expected = rows(replayed(over_http, policy))
    direct = rows(replayed(run_virtual(directly(tmp_path)), policy))
    report(capsys, "the direct daemon", direct, expected)
    assert direct == expected


def test_a_plain_loop_over_a_fresh_fleet_decides_the_same(
    over_http: MemoryStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = policy_of(tmp_path, over_http)
    expected = rows(replayed(over_http, policy))
    plain = rows(in_a_plain_loop(over_http, policy))
    report(capsys, "the plain loop", plain, expected)
    assert plain == expected


def report(
    capsys: pytest.CaptureFixture[str], who: str, found: list[Row], expected: list[Row]
) -> None:
    same = sum(a == b for a, b in zip(found, expected, strict=False))
    changes = sum(a[2] != b[2] for a, b in pairwise(expected))
    with capsys.disabled():
        print(
            f"\n{who}: {same} of {len(expected)} decisions as over HTTP; the target changes"
            f" {changes} times"
        )
        different = [pair for pair in zip(found, expected, strict=False) if pair[0] != pair[1]]
        for one, other in different[:5]:
            print(f"  {one} in place of {other}")

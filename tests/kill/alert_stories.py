"""Many incidents side by side while the daemon is killed again and again.

Each deployment lives one story: it fails, recovers, its endpoint goes down and comes back, it
fails again and is deleted. The next act begins only when the receiver has been told of the last, so
an alert that is lost shows as a story that never goes on. Emulator, receiver and state outlive the
daemon, which is killed with -9 at random moments or dies at a chosen point of its own writing.
"""

import asyncio
import json
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

POLL_SECONDS = 0.4
PROBE_SECONDS = 2.0
PATIENCE_SECONDS = 240.0
"""Longest wait of one act, on however slow a machine; longer means that an alert is lost."""
FAILED, DOWN = "NeevDeploymentFailed", "NeevEndpointDown"
POINTS = {
    "before commit": 8,
    "after commit": 8,
    "before send": 3,
    "before delivered": 3,
    "after delivered": 3,
    "after failed": 1,
}
"""Point of the daemon's writing to the most times that it is passed before the daemon dies there.
"""
RUNNER = Path(__file__).with_name("crash_run.py")


@dataclass(frozen=True)
class Told:
    """One delivery that the receiver answered with 200."""

    key: str
    alert: str
    deployment: str
    status: str
    collapsed: bool


@dataclass
class Tally:
    """What a sweep counted."""

    stories: int = 0
    kills: int = 0
    crashes: dict[str, int] = field(default_factory=dict)
    deliveries: int = 0
    repeats: int = 0
    collapsed: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.stories += other.stories
        self.kills += other.kills
        self.deliveries += other.deliveries
        self.repeats += other.repeats
        self.collapsed += other.collapsed
        self.refused += other.refused
        self.faults += other.faults
        for point, count in other.crashes.items():
            self.crashes[point] = self.crashes.get(point, 0) + count

    def text(self) -> str:
        died = ", ".join(f"{point} {count}" for point, count in sorted(self.crashes.items()))
        return (
            f"{self.stories} stories, {self.kills} kills with -9, deaths at points: {died or 0};"
            f" {self.deliveries} notifications, of these {self.repeats} repeats under the same key,"
            f" {self.collapsed} that tell trigger and end at once; {self.refused} attempts were"
            f" refused with 500; {len(self.faults)} faults"
        )


@dataclass
class Receiver:
    """A webhook that now and then answers 500, after or instead of taking the alert."""

    rng: random.Random
    told: list[Told] = field(default_factory=list)
    refused: int = 0
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["type"].startswith("alert."):
            data = body["data"]
            if self.rng.random() < 0.1:
                self.refused += 1
                return web.Response(status=500)
            alert = data["alert"]
            status = body["type"].removeprefix("alert.")
            told = Told(data["key"], alert["name"], alert["deployment"], status, data["collapsed"])
            self.told.append(told)
        return web.Response()

    def first_of(self, deployment: str, alert: str) -> list[Told]:
        """Deliveries about one alert of one deployment without repeats, in order."""
        seen: dict[str, Told] = {}
        for told in self.told:
            if (told.deployment, told.alert) == (deployment, alert):
                seen.setdefault(told.key, told)
        return list(seen.values())

    def state(self, deployment: str, alert: str) -> tuple[int, str]:
        """(number of episodes begun, last status) as the receiver knows them."""
        firsts = self.first_of(deployment, alert)
        begun = sum(1 for told in firsts if told.status == "firing" or told.collapsed)
        return begun, firsts[-1].status if firsts else ""


@dataclass
class World:
    """One emulator, one receiver, one daemon that dies."""

    folder: Path
    where: dict[str, str]
    session: aiohttp.ClientSession
    receiver: Receiver
    ids: dict[str, str] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    @property
    def origin(self) -> str:
        return self.where["base_url"].removesuffix("/aimodels")

    async def fault(self, **fields: Any) -> str:
        async with self.session.post(f"{self.origin}/emulator/faults", json=fields) as answer:
            return str((await answer.json())["id"])

    async def heal(self, fault_id: str) -> None:
        async with self.session.delete(f"{self.origin}/emulator/faults/{fault_id}"):
            pass

    async def delete(self, name: str) -> None:
        async with self.session.get(f"{self.origin}/emulator/truth") as answer:
            units = (await answer.json())["deployments"]
        [unit] = [unit for unit in units if unit["name"] == name]
        where = self.where
        url = (
            f"{where['base_url']}/api/v1beta1/orgs/{where['org_id']}/projects/"
            f"{where['project_id']}/aimodels/{unit['id']}"
        )
        headers = {"Authorization": f"Bearer {where['token']}"}
        async with self.session.delete(url, headers=headers) as answer:
            assert answer.status == 204, await answer.text()

    def log_tail(self) -> str:
        return (self.folder / "daemon.log").read_text(errors="replace")[-4000:]


async def live_one_story(world: World, name: str, rng: random.Random) -> None:
    """Fail, recover, endpoint down, recover, fail again, delete; faults are noted, not raised."""
    try:
        await asyncio.sleep(rng.uniform(0, 8))
        failing = {"kind": "forced_status", "word": "failed", "deployment": name}
        fault = await world.fault(**failing)
        await until(world, lambda: world.receiver.state(name, FAILED)[0] >= 1, f"{name} failed")
        await world.heal(fault)
        await until(world, lambda: _over(world, name, FAILED), f"{name} recovered")
        fault = await world.fault(kind="refused", operations=["chat"], deployment=name)
        await until(world, lambda: world.receiver.state(name, DOWN)[0] >= 1, f"{name} down")
        await world.heal(fault)
        await until(world, lambda: _over(world, name, DOWN), f"{name} up again")
        begun = world.receiver.state(name, FAILED)[0]
        fault = await world.fault(**failing)
        await until(
            world, lambda: world.receiver.state(name, FAILED)[0] > begun, f"{name} failed again"
        )
        await world.delete(name)
        await until(world, lambda: _over(world, name, FAILED), f"{name} deleted")
    except TimeoutError as lost:
        world.tally.faults.append(f"lost: {lost}")


def _over(world: World, name: str, alert: str) -> bool:
    return world.receiver.state(name, alert)[1] == "resolved"


async def until(world: World, holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        await asyncio.sleep(0.1)


async def kill_again_and_again(world: World, over: asyncio.Event, rng: random.Random) -> None:
    """Start the daemon and let it die, until all stories are told; then end it in order."""
    config = str(world.folder / "neevscale.yaml")
    while not over.is_set():
        point = rng.choice(list(POINTS)) if rng.random() < 0.6 else ""
        command = (
            (str(RUNNER), config, point, str(rng.randint(1, POINTS[point])))
            if point
            else ("-m", "autoscaler", "run", "--config", config)
        )
        process = await _start(world, command)
        try:
            async with asyncio.timeout(rng.uniform(3.0, 10.0)):
                await process.wait()
        except TimeoutError:
            process.send_signal(signal.SIGKILL)
            await process.wait()
            world.tally.kills += 1
        else:
            if process.returncode != 99:
                world.tally.faults.append(f"ended by itself: {world.log_tail()}")
                return
            world.tally.crashes[point] = world.tally.crashes.get(point, 0) + 1
    process = await _start(world, ("-m", "autoscaler", "run", "--config", config))
    await asyncio.sleep(5)
    process.send_signal(signal.SIGTERM)
    await process.wait()


async def _start(world: World, command: tuple[str, ...]) -> asyncio.subprocess.Process:
    with (world.folder / "daemon.log").open("ab") as log:  # a local file
        return await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=log, stderr=log
        )


def check(world: World, names: list[str]) -> None:
    """Order and keys at the receiver: trigger, end, trigger, end; nothing missing or twice."""
    tally = world.tally
    keys = [told.key for told in world.receiver.told]
    tally.deliveries += len(keys)
    tally.repeats += len(keys) - len(set(keys))
    tally.refused += world.receiver.refused
    tally.collapsed += sum(1 for told in world.receiver.told if told.collapsed)
    for name in names:
        for alert in (FAILED, DOWN):
            tally.faults += faults_of(world.receiver.first_of(name, alert))


def faults_of(firsts: list[Told]) -> list[str]:
    """What is wrong with the deliveries about one alert, repeats left out."""
    faults: list[str] = []
    open_episode = ""
    for told in firsts:
        episode = told.key.split(".")[1]
        if told.status == "firing" and told.key.split(".")[3] == "trigger":
            if open_episode:
                faults.append(f"a second trigger: {told}")
            open_episode = episode
        elif told.status == "resolved":
            if open_episode != episode and not told.collapsed:
                faults.append(f"an end without its trigger: {told}")
            open_episode = ""
    if open_episode:
        faults.append(f"never ended: {firsts[-1]}")
    return faults


async def sweep(folder: Path, *, stories: int, rng: random.Random) -> Tally:
    """Live `stories` stories side by side under kills; return the counts."""
    names = [f"story-{number:03}" for number in range(stories)]
    async with _world(folder, names, rng) as world:
        over = asyncio.Event()
        killer = asyncio.create_task(kill_again_and_again(world, over, rng))
        await asyncio.gather(*(live_one_story(world, name, rng) for name in names))
        over.set()
        await killer
        check(world, names)
        world.tally.stories = stories
        return world.tally


@asynccontextmanager
async def _world(folder: Path, names: list[str], rng: random.Random) -> AsyncIterator[World]:
    scenario = {
        "seed": 5,
        "org_id": "org-kill",
        "project_id": "prj-kill",
        "rules": {"terminate_seconds": 0.5},
        "deployments": [{"name": name, "replicas": 1, "cold_start_seconds": 0.5} for name in names],
    }
    (folder / "scenario.yaml").write_text(json.dumps(scenario))
    emulator = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "autoscaler", "emulate", "--scenario", str(folder / "scenario.yaml")),
        stdout=asyncio.subprocess.PIPE,
    )
    assert emulator.stdout is not None
    where = json.loads(await asyncio.wait_for(emulator.stdout.readline(), 60))
    receiver = Receiver(rng=rng)
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    (folder / "neevscale.yaml").write_text(json.dumps(_config(folder, where, receiver.url)))
    try:
        async with aiohttp.ClientSession() as session:
            yield World(folder=folder, where=where, session=session, receiver=receiver)
    finally:
        await runner.cleanup()
        emulator.kill()
        await emulator.wait()


def _config(folder: Path, where: dict[str, str], hook: str) -> dict[str, Any]:
    """The daemon's configuration; JSON is YAML."""
    places = ("base_url", "tenant_url", "inventory_url", "org_id", "project_id", "token")
    return {
        "cloud": {key: where[key] for key in places},
        "inference": {"key": where["inference_key"], "allowed_hosts": ["127.0.0.1"]},
        "intervals": {
            "discover_seconds": POLL_SECONDS,
            "decide_seconds": POLL_SECONDS,
            "probe_seconds": PROBE_SECONDS,
        },
        "alerting": {
            "webhook": [{"url": hook, "name": "hook", "shape": "neev.v1"}],
            "storm": {"alerts": 100000},
        },
        "web": {"listen": "127.0.0.1:0"},
        "state": {"path": str(folder / "state.db")},
        "slo": {"allow_low_volume": True},
    }

"""What outlives the daemon in the sweep of kills: emulator, receiver, state file."""

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from helpers_connection import connection_sections

POLL_SECONDS = 0.8
PROBE_SECONDS = 3.0
ADMIN_TOKEN = "an-admin-token"


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
    silences: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.stories += other.stories
        self.kills += other.kills
        self.deliveries += other.deliveries
        self.repeats += other.repeats
        self.collapsed += other.collapsed
        self.refused += other.refused
        self.silences += other.silences
        self.faults += other.faults
        for point, count in other.crashes.items():
            self.crashes[point] = self.crashes.get(point, 0) + count

    def text(self) -> str:
        died = ", ".join(f"{point} {count}" for point, count in sorted(self.crashes.items()))
        return (
            f"{self.stories} stories, {self.kills} kills with -9, deaths at points: {died or 0};"
            f" {self.deliveries} notifications, of these {self.repeats} repeats under the same key,"
            f" {self.collapsed} that tell trigger and end at once; {self.refused} attempts were"
            f" refused with 500; {self.silences} silences were kept meanwhile;"
            f" {len(self.faults)} faults"
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

    async def silence(self) -> None:
        """Keep a silence about nobody, if a daemon serves."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        serving = [line for line in lines if '"serving"' in line]
        if not serving:
            return
        url = f"{json.loads(serving[-1])['url']}/api/v1/silences"
        body = {"matchers": ["deployment=nobody"], "seconds": 5, "by": "ann", "reason": "test"}
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        try:
            async with self.session.post(url, json=body, headers=headers) as answer:
                self.tally.silences += answer.ok
        except (aiohttp.ClientError, TimeoutError):
            pass  # it has just been killed

    @property
    def log(self) -> Path:
        return self.folder / "daemon.log"

    def log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


@asynccontextmanager
async def open_world(folder: Path, names: list[str], rng: random.Random) -> AsyncIterator[World]:
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
    return {
        **connection_sections(where),
        "intervals": {
            "discover_seconds": POLL_SECONDS,
            "decide_seconds": POLL_SECONDS,
            "probe_seconds": PROBE_SECONDS,
        },
        "alerting": {
            "webhook": [{"url": hook, "name": "hook", "shape": "neev.v1"}],
            "storm": {"alerts": 100000},
        },
        "web": {"listen": "127.0.0.1:0", "admin_token": ADMIN_TOKEN},
        "state": {"path": str(folder / "state.db")},
        "slo": {"allow_low_volume": True},
    }

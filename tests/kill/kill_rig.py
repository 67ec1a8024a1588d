"""The real process against the emulated platform, each in a process of its own, and kill -9.

The emulator, the receiver (this process) and the state file live on; only the daemon dies.
Intervals are a fraction of a second, time runs at 1x.
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from helpers_connection import connection_sections

from autoscaler.core.codec import decode
from autoscaler.emulator.ledger import ScaleCall, Truth

POLL_SECONDS = 0.3
SETTLING_SECONDS = 2.0
PATIENCE_SECONDS = 90.0
"""Longest wait for anything, on however slow a machine."""
ASKS, FAILS = "asks", "fails"
WANTED = 3
"""Min of `asks`: it is dropped to 1 behind the daemon's back, and asked up again."""

SCENARIO = """
seed: 3
org_id: org-kill
project_id: prj-kill
deployments:
  - {name: asks, replicas: 1, cold_start_seconds: 0.6, drain_seconds: 0}
  - {name: fails, replicas: 1, cold_start_seconds: 0.6, drain_seconds: 0}
"""


@dataclass
class Rig:
    """One story's processes and files."""

    folder: Path
    where: dict[str, str]
    session: aiohttp.ClientSession
    webhook_url: str
    told: list[tuple[str, str, str]] = field(default_factory=list)
    """(webhook-id, status, alertname) of every delivery about `fails`."""
    daemon: asyncio.subprocess.Process | None = None
    starts: int = 0

    @property
    def config(self) -> Path:
        """The daemon's configuration file."""
        return self.folder / "neevscale.yaml"

    @property
    def state(self) -> Path:
        """The daemon's state file."""
        return self.folder / "state.db"

    def write_config(self) -> None:
        """Write it; JSON is YAML."""
        sections = connection_sections(self.where)
        sections["cloud"] |= {"deadline_seconds": 1, "read_deadline_seconds": 1}
        tree = {
            "mode": "active",
            **sections,
            "intervals": {
                "discover_seconds": POLL_SECONDS,
                "decide_seconds": POLL_SECONDS,
                "probe_seconds": 1,
            },
            "defaults": {
                "settling_window_seconds": SETTLING_SECONDS,
                "settle_deadline_seconds": 20,
                "scale_up_step": {"replicas": 10, "ratio": 1, "period_seconds": 1},
            },
            "deployments": [
                {"match": {"name": ASKS}, "min_replicas": WANTED, "max_replicas": 4},
                {"match": {"name": FAILS}, "min_replicas": 1, "max_replicas": 4},
            ],
            "alerting": {"webhook": [{"url": self.webhook_url, "name": "hook"}]},
            "web": {"listen": "127.0.0.1:0"},
            "state": {"path": str(self.state)},
            "slo": {"allow_low_volume": True},
        }
        self.config.write_text(json.dumps(tree))

    async def start(self, command: Sequence[str] | None = None) -> None:
        """Start the daemon, by default as people do."""
        self.starts += 1
        log = (self.folder / "daemon.log").open("ab")
        with log:
            self.daemon = await asyncio.create_subprocess_exec(
                sys.executable,
                *(command or ("-m", "autoscaler", "run", "--config", str(self.config))),
                stdout=log,
                stderr=log,
            )

    async def started(self) -> None:
        """Wait until the daemon that was started last has asked the platform something."""
        seen = (await self.truth()).requests.get("list 200", 0)

        async def has_listed() -> bool:
            return (await self.truth()).requests.get("list 200", 0) > seen

        await self.until("a list", has_listed)

    async def kill(self) -> None:
        """kill -9."""
        assert self.daemon is not None
        assert self.daemon.returncode is None, self.log_tail()
        self.daemon.send_signal(signal.SIGKILL)
        await self.daemon.wait()

    async def end(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.daemon is not None
        assert self.daemon.returncode is None, self.log_tail()
        self.daemon.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.daemon.wait(), PATIENCE_SECONDS)

    async def truth(self) -> Truth:
        """The platform's own ledger."""
        origin = self.where["base_url"].removesuffix("/aimodels")
        async with self.session.get(f"{origin}/emulator/truth") as answer:
            return decode(Truth, await answer.json())

    async def scale_by_hand(self, name: str, replicas: int) -> None:
        """Somebody else's scale call, if it would change something."""
        where, unit = self.where, (await self.truth()).deployment(name)
        if unit.target == replicas:
            return
        url = (
            f"{where['base_url']}/api/v1beta1/orgs/{where['org_id']}/projects/"
            f"{where['project_id']}/aimodels/{unit.id}/scale"
        )
        headers = {"Authorization": f"Bearer {where['token']}"}
        async with self.session.put(url, json={"replicas": replicas}, headers=headers) as answer:
            await answer.read()

    async def fault(self, **fields: Any) -> str:
        """Switch a fault on; return its id."""
        origin = self.where["base_url"].removesuffix("/aimodels")
        async with self.session.post(f"{origin}/emulator/faults", json=fields) as answer:
            return str((await answer.json())["id"])

    async def heal(self, fault_id: str = "") -> None:
        """Switch one fault off, or all."""
        origin = self.where["base_url"].removesuffix("/aimodels")
        path = f"/emulator/faults/{fault_id}" if fault_id else "/emulator/faults"
        async with self.session.delete(f"{origin}{path}"):
            pass

    async def until(self, what: str, holds: Any) -> None:
        """Wait until an asynchronous claim holds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not await holds():
            assert time.monotonic() < deadline, f"never came: {what}\n{self.log_tail()}"
            await asyncio.sleep(0.05)

    async def at_wanted(self) -> bool:
        """True once `asks` runs what its min says."""
        return (await self.truth()).deployment(ASKS).current == WANTED

    def log_tail(self) -> str:
        """The end of the daemon's log."""
        return (self.folder / "daemon.log").read_text(errors="replace")[-3000:]


@asynccontextmanager
async def rig(folder: Path) -> AsyncIterator[Rig]:
    """Start the emulator and the receiver; end everything afterwards."""
    (folder / "scenario.yaml").write_text(SCENARIO)
    emulator = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "autoscaler", "emulate", "--scenario", str(folder / "scenario.yaml")),
        stdout=asyncio.subprocess.PIPE,
    )
    assert emulator.stdout is not None
    where = json.loads(await asyncio.wait_for(emulator.stdout.readline(), PATIENCE_SECONDS))
    told: list[tuple[str, str, str]] = []
    runner, url = await _receiver(told)
    try:
        async with aiohttp.ClientSession() as session:
            built = Rig(
                folder=folder, where=where, session=session, webhook_url=f"{url}/hook", told=told
            )
            built.write_config()
            try:
                yield built
            finally:
                if built.daemon is not None and built.daemon.returncode is None:
                    built.daemon.kill()
                    await built.daemon.wait()
    finally:
        await runner.cleanup()
        emulator.kill()
        await emulator.wait()


async def _receiver(told: list[tuple[str, str, str]]) -> tuple[web.AppRunner, str]:
    async def take(request: web.Request) -> web.Response:
        body = await request.json()
        for alert in body["alerts"]:
            if alert["labels"].get("deployment") == FAILS:
                key = request.headers["webhook-id"]
                told.append((key, alert["status"], alert["labels"]["alertname"]))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


def repeated(calls: Sequence[ScaleCall], truth: Truth) -> list[tuple[ScaleCall, ScaleCall]]:
    """Pairs of the daemon's calls for the same count with neither a sign nor a settling window
    between them. A sign is a change of the running replicas.
    """
    ours = [call for call in calls if call.name == ASKS and call.replicas == WANTED]
    changes = [change.at for change in truth.deployment(ASKS).replica_changes]
    return [
        (first, second)
        for first, second in pairwise(ours)
        if second.at - first.at < SETTLING_SECONDS
        and not any(first.at < at <= second.at for at in changes)
    ]

"""A small client of the emulated platform, for its own tests; it knows only the API document."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from autoscaler.emulator.scenario import DeploymentPlan, Scenario
from autoscaler.emulator.server import Emulator
from autoscaler.ports import Clock

VIRTUAL_START = 1_800_000_000.0
"""Epoch at which virtual time begins in these tests."""
ONE = Scenario(deployments=(DeploymentPlan(name="chat-a", replicas=2, cold_start_seconds=20.0),))
ORDER = {
    "name": "new-one",
    "catalog_id": "meta-llama-Llama-3.1-8B-Instruct",
    "region": "as-south-1",
    "gpu_config_id": "gpu-h100-80g-20cpu-125g",
    "gpu_count": 1,
    "plan_id": "plan-ondemand-gpu-h100-80g-20cpu-125g",
}
"""A deploy call that is accepted."""
LLAMA = "meta-llama/Llama-3.1-8B-Instruct"


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers and body of one answer."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def events(self) -> list[Any]:
        """Data of the server-sent events, `[DONE]` as text."""
        parts = [part.removeprefix(b"data: ") for part in self.raw.split(b"\n\n") if part]
        return ["[DONE]" if part == b"[DONE]" else json.loads(part) for part in parts]


class Client:
    """Calls one emulator."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession, clock: Clock) -> None:
        self.emulator = emulator
        self.session = session
        self.clock = clock
        self.token = emulator.connection.token

    @property
    def deployments(self) -> str:
        where = self.emulator.connection
        return (
            f"{where.base_url}/api/v1beta1/orgs/{where.org_id}/projects/{where.project_id}/aimodels"
        )

    def deployment(self, name: str) -> str:
        return f"{self.deployments}/{self.emulator.truth().deployment(name).id}"

    async def call(self, method: str, url: str, **options: Any) -> Reply:
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        async with self.session.request(method, url, headers=headers, **options) as response:
            return Reply(response.status, dict(response.headers), await response.read())

    async def get(self, url: str, **options: Any) -> Reply:
        return await self.call("GET", url, **options)

    async def view(self, name: str) -> Any:
        """The deployment as the API shows it."""
        return (await self.get(self.deployment(name))).body

    async def scale(self, name: str, replicas: Any) -> Reply:
        url = f"{self.deployment(name)}/scale"
        return await self.call("PUT", url, json={"replicas": replicas})

    async def chat(self, name: str, **fields: Any) -> Reply:
        """One chat completion; `key` sends another inference key."""
        body = {"model": LLAMA, "messages": [{"role": "user", "content": "hello"}]} | fields
        key = body.pop("key", self.emulator.connection.inference_key)
        return await self.call(
            "POST",
            f"{self.emulator.endpoint_url(name)}/chat/completions",
            headers={"Authorization": f"Bearer {key}"},
            json=body,
        )

    async def fault(self, **fields: Any) -> str:
        """Switch a fault on."""
        url = f"{self.emulator.platform.origin}/emulator/faults"
        reply = await self.call("POST", url, json=fields)
        assert reply.status == 201, reply.raw
        return str(reply.body["id"])


@asynccontextmanager
async def platform(scenario: Scenario, clock: Clock) -> AsyncIterator[Client]:
    """Serve a scenario and yield a client of it.

    aiohttp repeats a PUT by itself when its connection breaks, and has no public switch for that;
    a test that made one call must not see two.
    """
    async with (
        Emulator(scenario, clock=clock) as emulator,
        aiohttp.ClientSession() as session,
    ):
        session._retry_connection = False
        yield Client(emulator, session, clock)

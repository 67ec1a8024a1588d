"""A whole day in one loop: the emulated platform, a proxy that tampers, a stranger, a receiver, and
the real app with real HTTP between all of them.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from e2e_servers import Front, serve

from autoscaler.app import App, Seams, build_app
from autoscaler.clock import LoopClock
from autoscaler.emulator.scenario import Scenario
from autoscaler.emulator.server import Emulator
from autoscaler.ports import Store
from autoscaler.settings import Settings

BASE = 1_799_971_200.0
"""A midnight UTC."""


class Stranger:
    """A server on a host that is not allowed. Whatever arrives here was a mistake."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str | None]] = []
        """(path, Authorization) of every request."""
        self.url = ""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        self.requests.append((request.path, request.headers.get("Authorization")))
        return web.json_response({"items": [], "pagination": {"total_items": 0}})


class Sink:
    """A receiver of webhooks in Alertmanager's shape."""

    def __init__(self) -> None:
        self.alerts: list[tuple[str, str, str]] = []
        """(status, alertname, deployment) of every alert, in order of arrival."""
        self.url = ""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/hook", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.json()
        for alert in body["alerts"]:
            labels = alert["labels"]
            self.alerts.append((alert["status"], labels["alertname"], labels.get("deployment", "")))
        return web.Response()

    def of(self, alertname: str, deployment: str) -> list[str]:
        """Statuses of one alert, in order."""
        return [s for s, name, d in self.alerts if (name, d) == (alertname, deployment)]


@dataclass(frozen=True)
class Asked:
    """One scale call on its way."""

    name: str
    replicas: int
    current: int


class Proxy(Front):
    """Stands before the control plane, and lies while it is told to."""

    def __init__(self, emulator: Emulator, stranger: Stranger) -> None:
        super().__init__(emulator.platform.origin)
        self._emulator = emulator
        self._stranger = stranger
        self.asked: list[Asked] = []
        """Every scale call, with the count that ran just before it arrived."""
        self.foreign_endpoint: str = ""
        """Name of the deployment whose endpoint is shown on the stranger's host; empty = none."""
        self.redirects = False
        """Whether reads are redirected to the stranger."""

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        if self.redirects and request.method == "GET":
            raise web.HTTPTemporaryRedirect(f"{self._stranger.url}{request.rel_url}")
        if request.method == "PUT":
            await self._note(request)
        try:
            async with self._onward().request(
                request.method,
                f"{self._origin}{request.rel_url}",
                headers=self._headers(request),
                data=await request.read(),
                allow_redirects=False,
            ) as answer:
                body = self._tampered(await answer.read())
                return web.Response(
                    status=answer.status,
                    body=body,
                    headers={
                        k: v
                        for k, v in answer.headers.items()
                        if k.lower() not in {"content-length", "transfer-encoding"}
                    },
                )
        except aiohttp.ClientError:
            transport = request.transport
            if transport is not None:
                transport.abort()
            return web.Response(status=502)

    async def _note(self, request: web.Request) -> None:
        id_ = request.path.split("/")[-2]
        wanted = json.loads(await request.read())["replicas"]
        for unit in self._emulator.truth().deployments:
            if unit.id == id_:
                asked = Asked(name=unit.name, replicas=wanted, current=unit.current)
                self.asked.append(asked)

    def _tampered(self, body: bytes) -> bytes:
        if not self.foreign_endpoint or self.foreign_endpoint.encode() not in body:
            return body
        try:
            tree = json.loads(body)
        except ValueError:
            return body
        _move(tree, self.foreign_endpoint, self._stranger.url)
        return json.dumps(tree).encode()


def _move(tree: Any, name: str, origin: str) -> None:
    if isinstance(tree, dict):
        if tree.get("name") == name and tree.get("endpoint_url"):
            tree["endpoint_url"] = f"{origin}/v1"
        for value in tree.values():
            _move(value, name, origin)
    elif isinstance(tree, list):
        for value in tree:
            _move(value, name, origin)


@dataclass
class Platform:
    """Everything outside the app."""

    emulator: Emulator
    proxy: Proxy
    stranger: Stranger
    sink: Sink
    clock: LoopClock
    apps: list[App] = field(default_factory=list)

    def settings(self, **sections: Any) -> dict[str, Any]:
        """The tree of settings that leads an app here, through the proxy."""
        where = self.emulator.connection
        tree: dict[str, Any] = {
            "cloud": {
                "base_url": f"{self.proxy.url}/aimodels",
                "tenant_url": f"{self.proxy.url}/tenant",
                "inventory_url": f"{self.proxy.url}/inventory",
                "org_id": where.org_id,
                "project_id": where.project_id,
                "token": where.token,
            },
            "inference": {
                "key": where.inference_key,
                "allowed_hosts": [where.base_url.split("/")[2]],
            },
            "alerting": {"webhook": [{"url": f"{self.sink.url}/hook", "name": "sink"}]},
            "web": {"listen": "127.0.0.1:0"},
            "state": {"path": ":memory:"},
        }
        return tree | sections

    async def start(self, settings: dict[str, Any], store: Store) -> App:
        """Start an app over this platform."""
        app = build_app(
            Settings.model_validate(settings),
            seams=Seams(clock=self.clock, store=store, virtual=True),
        )
        await app.start()
        return app


@asynccontextmanager
async def platform(scenario: Scenario) -> AsyncIterator[Platform]:
    """Serve a scenario with its proxy, its stranger and its receiver, on the running loop."""
    clock = LoopClock(BASE)
    stranger, sink = Stranger(), Sink()
    async with Emulator(scenario, clock=clock) as emulator:
        proxy = Proxy(emulator, stranger)
        runners = []
        for part in (stranger, sink, proxy):
            runner, part.url = await serve(part.app())
            runners.append(runner)
        try:
            yield Platform(
                emulator=emulator, proxy=proxy, stranger=stranger, sink=sink, clock=clock
            )
        finally:
            for runner in reversed(runners):
                await runner.cleanup()

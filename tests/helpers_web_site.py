"""A real local server over the fake Console."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
from helpers_web import TOKEN, FakeConsole, meter_at
from multidict import CIMultiDictProxy

from autoscaler.web import PrometheusMeter, WebConfig, WebServer


class Running:
    """A server, what it stands on, and a client that asks it."""

    def __init__(
        self,
        console: FakeConsole,
        meter: PrometheusMeter,
        server: WebServer,
        client: aiohttp.ClientSession,
    ) -> None:
        self.console = console
        self.meter = meter
        self.server = server
        self.client = client
        self.url = server.url

    async def get(self, path: str, **headers: str) -> tuple[int, str, CIMultiDictProxy[str]]:
        """Status, text and headers of a GET."""
        async with self.client.get(self.url + path, headers=headers, allow_redirects=False) as got:
            return got.status, await got.text(), got.headers

    async def post(
        self, path: str, body: object = None, *, token: str | None = TOKEN, **headers: str
    ) -> tuple[int, dict[str, object]]:
        """Status and JSON of a POST."""
        if token is not None:
            headers.setdefault("Authorization", f"Bearer {token}")
        async with self.client.post(
            self.url + path, json={} if body is None else body, headers=headers
        ) as got:
            answer = await got.json()
            return got.status, answer


Start = Callable[..., Awaitable[Running]]


@asynccontextmanager
async def sites() -> AsyncIterator[Start]:
    """Start servers; all are stopped at the end."""
    running: list[Running] = []

    async def begin(
        console: FakeConsole | None = None,
        meter: PrometheusMeter | None = None,
        **settings: object,
    ) -> Running:
        settings.setdefault("admin_token", lambda: TOKEN)
        config = WebConfig(listen="127.0.0.1:0", **settings)  # type: ignore[arg-type]  # by name
        console, meter = console or FakeConsole(), meter or meter_at()
        server = WebServer(console, meter, config)
        await server.start()
        client = aiohttp.ClientSession()
        running.append(Running(console, meter, server, client))
        return running[-1]

    try:
        yield begin
    finally:
        for each in running:
            await each.client.close()
            await each.server.stop()

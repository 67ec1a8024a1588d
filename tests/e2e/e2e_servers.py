"""Servers of the e2e stories: how one is served, and what stands before another one."""

from abc import ABC, abstractmethod

import aiohttp
from aiohttp import web


async def serve(app: web.Application) -> tuple[web.AppRunner, str]:
    """Serve it on a free port; return what ends it, and its origin."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


class Front(ABC):
    """Takes every request that is meant for another server, and mostly passes it on."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._session: aiohttp.ClientSession | None = None
        self.url = ""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._pass)
        app.on_cleanup.append(self._close)
        return app

    @abstractmethod
    async def _pass(self, request: web.Request) -> web.StreamResponse: ...

    def _onward(self) -> aiohttp.ClientSession:
        """The session to the server behind: bodies as they come, and no request sent twice."""
        if self._session is None:
            self._session = aiohttp.ClientSession(auto_decompress=False)
            self._session._retry_connection = False
        return self._session

    def _headers(self, request: web.Request) -> dict[str, str]:
        return {name: value for name, value in request.headers.items() if name.lower() != "host"}

    async def _close(self, _app: web.Application) -> None:
        if self._session is not None:
            await self._session.close()

"""Stands before the inference plane and notes which key comes with each request.

It takes any key of a known set and passes the request on with the platform's own, so that keys can
be rotated which the emulated platform knows nothing of.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web


class Tap:
    """A server before the emulator's inference plane."""

    def __init__(self, origin: str, *, key: str, takes: Collection[str]) -> None:
        self._origin = origin
        self._key = key
        self._takes = takes
        self._session: aiohttp.ClientSession | None = None
        self.keys: list[str] = []
        """The key of every request, in order of arrival; empty = it carried none."""
        self.url = ""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._pass)
        app.on_cleanup.append(self._close)
        return app

    async def _close(self, _app: web.Application) -> None:
        if self._session is not None:
            await self._session.close()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.keys.append(key)
        if key not in self._takes:
            return web.json_response({"error": "unauthorized"}, status=401)
        if self._session is None:
            self._session = aiohttp.ClientSession(auto_decompress=False)
        headers = {
            name: value for name, value in request.headers.items() if name.lower() != "host"
        } | {"Authorization": f"Bearer {self._key}"}
        async with self._session.request(
            request.method,
            f"{self._origin}{request.rel_url}",
            headers=headers,
            data=await request.read(),
        ) as answer:
            kind = answer.headers.get("Content-Type", "application/json")
            passed = web.StreamResponse(status=answer.status, headers={"Content-Type": kind})
            await passed.prepare(request)
            async for part in answer.content.iter_any():
                await passed.write(part)
            return passed


@asynccontextmanager
async def tapped(tap: Tap) -> AsyncIterator[Tap]:
    """Serve it."""
    runner = web.AppRunner(tap.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    tap.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield tap
    finally:
        await runner.cleanup()

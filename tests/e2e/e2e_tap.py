"""Stands before the inference plane and notes which key comes with each request.

It takes any key of a known set and passes the request on with the platform's own, so that keys can
be rotated which the emulated platform knows nothing of.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from aiohttp import web
from e2e_servers import Front, serve


class Tap(Front):
    """A server before the emulator's inference plane."""

    def __init__(self, origin: str, *, key: str, takes: Collection[str]) -> None:
        super().__init__(origin)
        self._key = key
        self._takes = takes
        self.keys: list[str] = []
        """The key of every request, in order of arrival; empty = it carried none."""

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.keys.append(key)
        if key not in self._takes:
            return web.json_response({"error": "unauthorized"}, status=401)
        async with self._onward().request(
            request.method,
            f"{self._origin}{request.rel_url}",
            headers=self._headers(request) | {"Authorization": f"Bearer {self._key}"},
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
    runner, tap.url = await serve(tap.app())
    try:
        yield tap
    finally:
        await runner.cleanup()

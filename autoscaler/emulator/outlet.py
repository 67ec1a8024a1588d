"""Where a stream's chunks go: at once, or held back as buffering gateways do."""

import math

from aiohttp import web

from autoscaler.emulator.timeline import Timeline


class Outlet:
    """Writes chunks to a response, each at once, in bundles, or all at the end."""

    def __init__(
        self, response: web.StreamResponse, timeline: Timeline, *, bundle_seconds: float = 0.0
    ) -> None:
        """`bundle_seconds` 0 passes each chunk on at once; infinity holds all back to the end."""
        self._response = response
        self._timeline = timeline
        self._bundle_seconds = bundle_seconds
        self._held = bytearray()
        self._flush_at = timeline.now() + bundle_seconds if bundle_seconds else math.inf

    async def write(self, chunk: bytes) -> None:
        """Send a chunk, or hold it for its bundle."""
        self._held += chunk
        if not self._bundle_seconds:
            await self.flush()

    async def wait_until(self, at: float) -> None:
        """Wait, and send each bundle when it is due."""
        while self._flush_at <= at:
            await self._timeline.sleep_until(self._flush_at)
            await self.flush()
            self._flush_at += self._bundle_seconds
        await self._timeline.sleep_until(at)

    async def flush(self) -> None:
        """Send what is held."""
        if self._held:
            held, self._held = bytes(self._held), bytearray()
            await self._response.write(held)

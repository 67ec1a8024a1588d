"""Liveness and readiness, and `/metrics`: what machines ask.

Liveness says only whether the loops progress, never whether the platform answers: restarting the
daemon would not help against that.
"""

import zlib
from collections.abc import Callable

from aiohttp import web

from autoscaler.web.exporter import OPENMETRICS, TEXT
from autoscaler.web.site import Site


class HealthRoutes:
    """Handlers of `/-/healthy`, `/-/ready`, their Kubernetes names, and `/metrics`."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Return the routes."""
        paths = {
            "/-/healthy": self.healthy,
            "/livez": self.healthy,
            "/healthz": self.healthy,
            "/-/ready": self.ready,
            "/readyz": self.ready,
        }
        return [
            *(web.get(prefix + path, handler) for path, handler in paths.items()),
            web.get(f"{prefix}/metrics", self.metrics),
        ]

    async def healthy(self, request: web.Request) -> web.Response:
        """200 while the loops progress, else 503 and why not."""
        return _verdict(request, "alive", self._site.console.is_healthy)

    async def ready(self, request: web.Request) -> web.Response:
        """200 once there is something to serve, 503 before and while stopping."""
        return _verdict(request, "ready", self._site.console.is_ready)

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """The exposition, streamed as it is rendered, packed if the scraper can unpack."""
        openmetrics = wants_openmetrics(request.headers.get("Accept", ""))
        response = web.StreamResponse()
        response.headers["Content-Type"] = OPENMETRICS if openmetrics else TEXT
        response.headers["Vary"] = "Accept, Accept-Encoding"
        packer = None
        if "gzip" in request.headers.get("Accept-Encoding", "").lower():
            response.headers["Content-Encoding"] = "gzip"
            packer = zlib.compressobj(1, wbits=31)  # fast; 31 = gzip with the largest window
        await response.prepare(request)
        async for chunk in self._site.exporter.chunks(openmetrics=openmetrics):
            await response.write(packer.compress(chunk) if packer else chunk)
        await response.write_eof(packer.flush() if packer else b"")
        return response


def wants_openmetrics(accept: str) -> bool:
    """Return True if a scraper prefers OpenMetrics to the text format."""
    quality = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for part in accept.lower().split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        if kind in quality:
            weights = [p[2:] for p in parameters if p.startswith("q=")]
            weight = float(weights[0]) if weights and _is_weight(weights[0]) else 1.0
            quality[kind] = max(quality[kind], weight)
    return quality["application/openmetrics-text"] > 0 and (
        quality["application/openmetrics-text"] >= quality["text/plain"]
    )


def _is_weight(text: str) -> bool:
    return text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit()


def _verdict(request: web.Request, word: str, ask: Callable[[], tuple[bool, str]]) -> web.Response:
    good, why = ask()
    text = "OK\n" if good else f"not {word}: {why}\n"
    if "verbose" in request.query:
        text = f"[{'+' if good else '-'}]{word} {'ok' if good else why}\n"
    return web.Response(text=text, status=200 if good else 503)

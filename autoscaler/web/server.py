"""The web server: one aiohttp application under one prefix, started and stopped by the daemon.

It keeps no state but caches. Handlers live beside it: `api` reads, `actions` change, `health`
serves machines, `page` people; `middleware` stands around all of them.
"""

import asyncio
from pathlib import Path

from aiohttp import web

from autoscaler.ports import Console
from autoscaler.web.actions import ActionRoutes
from autoscaler.web.api import ReadRoutes
from autoscaler.web.auth import Guard
from autoscaler.web.config import WebConfig
from autoscaler.web.exporter import Exporter
from autoscaler.web.health import HealthRoutes
from autoscaler.web.limits import Buckets
from autoscaler.web.meter import PrometheusMeter
from autoscaler.web.middleware import Around, Next
from autoscaler.web.page import PageRoutes
from autoscaler.web.site import Site
from autoscaler.web.webfile import WebFile

SHUTDOWN_SECONDS = 3.0
"""How long running requests may take at the stop; the daemon has 25 s for everything."""


def build_app(
    console: Console, meter: PrometheusMeter, config: WebConfig, *, state_path: Path | None = None
) -> web.Application:
    """Return the application with every route of the HTTP API, `/metrics`, health and the page.

    `state_path` is the file whose size is exported. Call it on a running event loop. Raises
    WebFileFault where the web config file cannot be used.
    """
    return _app_of(_site(console, meter, config, state_path))


def _site(
    console: Console, meter: PrometheusMeter, config: WebConfig, state_path: Path | None
) -> Site:
    file = None if config.web_config_file is None else WebFile(config.web_config_file)
    return Site(
        console=console,
        meter=meter,
        config=config,
        file=file,
        guard=Guard(config, file),
        exporter=Exporter(console.snapshot, meter, state_path=state_path),
        probe_limit=Buckets(
            per_second=config.probes_per_minute / 60,
            burst=config.probes_per_minute,
            clock=asyncio.get_running_loop().time,
        ),
    )


def _app_of(site: Site) -> web.Application:
    around = Around(site, asyncio.get_running_loop().time)

    @web.middleware
    async def middleware(request: web.Request, handler: Next) -> web.StreamResponse:
        return await around.handle(request, handler)

    app = web.Application(middlewares=[middleware], client_max_size=site.config.max_body_bytes)
    app.on_response_prepare.append(around.add_headers)
    for part in (ReadRoutes(site), ActionRoutes(site), HealthRoutes(site), PageRoutes(site)):
        app.add_routes(part.routes(site.config.prefix))
    return app


class WebServer:
    """Serves one application from `start` to `stop`."""

    def __init__(
        self,
        console: Console,
        meter: PrometheusMeter,
        config: WebConfig,
        *,
        state_path: Path | None = None,
    ) -> None:
        self._console = console
        self._meter = meter
        self._config = config
        self._state_path = state_path
        self._runner: web.AppRunner | None = None
        self._scheme = "http"

    @property
    def port(self) -> int:
        """The port it listens on; only after `start`."""
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError("the web server is not started")
        return int(self._runner.addresses[0][1])

    @property
    def url(self) -> str:
        """Where it is reached from this machine, e.g. `http://127.0.0.1:9464`; after `start`."""
        host, _ = split_listen(self._config.listen)
        near = {None: "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104  # replaced
        shown = f"[{near}]" if near and ":" in near and not near.startswith("[") else near
        return f"{self._scheme}://{shown}:{self.port}{self._config.prefix}"

    async def start(self) -> None:
        """Listen. Raises OSError where the address is taken, WebFileFault for a bad file."""
        site = _site(self._console, self._meter, self._config, self._state_path)
        tls = None if site.file is None else site.file.tls_context()
        host, port = split_listen(self._config.listen)
        runner = web.AppRunner(
            _app_of(site), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS, keepalive_timeout=30
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, ssl_context=tls).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner, self._scheme = runner, "http" if tls is None else "https"

    async def stop(self) -> None:
        """Stop listening, let running requests end, close."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()


def split_listen(listen: str) -> tuple[str | None, int]:
    """Split `host:port`; a host of None means all addresses. Raises ValueError."""
    host, colon, port = listen.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(
            f"web.listen: host:port is wanted, for example 127.0.0.1:9464, not {listen!r}"
        )
    return host.strip("[]") or None, int(port)

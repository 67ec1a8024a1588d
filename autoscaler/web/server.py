"""The web server: one aiohttp application under one prefix, started and stopped by the daemon."""

from aiohttp import web

from autoscaler.ports import Console
from autoscaler.web.config import WebConfig
from autoscaler.web.meter import PrometheusMeter


def build_app(console: Console, meter: PrometheusMeter, config: WebConfig) -> web.Application:
    """Return the application with every route of the HTTP API, `/metrics`, health and the page."""
    raise NotImplementedError


class WebServer:
    """Serves one application until stopped."""

    def __init__(self, console: Console, meter: PrometheusMeter, config: WebConfig) -> None:
        self._app = build_app(console, meter, config)

    @property
    def url(self) -> str:
        """Where it listens, e.g. `http://127.0.0.1:9464`; only after `start`."""
        raise NotImplementedError

    async def start(self) -> None:
        """Listen. Raises OSError where the address is taken."""

    async def stop(self) -> None:
        """Stop listening, let running requests end, close."""

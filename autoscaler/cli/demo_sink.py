"""The demo's own receiver of alerts: a webhook on loopback that keeps what it is sent."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One alert as it arrived."""

    status: str
    """`firing` or `resolved`."""
    name: str
    deployment: str
    """Empty for an alert of the fleet or of the daemon."""
    severity: str
    summary: str


class AlertSink:
    """Serves one URL and remembers every alert that is posted to it."""

    def __init__(self) -> None:
        self.alerts: list[Delivered] = []
        self.url = ""
        """Where to post to, known after `start`."""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Serve on a free loopback port."""
        app = web.Application()
        app.add_routes([web.post("/alerts", self._receive)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/alerts"

    async def stop(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        """Read a body of the Alertmanager's shape."""
        body: dict[str, Any] = await request.json()
        for alert in body["alerts"]:
            labels, texts = alert["labels"], alert.get("annotations", {})
            self.alerts.append(
                Delivered(
                    status=alert["status"],
                    name=labels["alertname"],
                    deployment=labels.get("deployment", ""),
                    severity=labels.get("severity", ""),
                    summary=texts.get("summary", ""),
                )
            )
        return web.Response()

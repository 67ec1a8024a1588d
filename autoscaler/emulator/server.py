"""The emulated platform over HTTP, or HTTPS: one aiohttp app on one loopback port.

Control plane under /aimodels, tenant under /tenant, inventory under /inventory, inference under
/inference/<deployment>/v1, and what no real platform has (truth, faults) under /emulator. Written
from the API document and from recorded vLLM answers, never from our client. It follows the clock
that it is given, so the same code runs at 1x and on a virtual-time loop.
"""

import asyncio
import contextlib
import ipaddress
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Middleware

from autoscaler.emulator.access import PLATFORM
from autoscaler.emulator.backstage import backstage_routes
from autoscaler.emulator.control import control_routes
from autoscaler.emulator.faults import FaultPlan
from autoscaler.emulator.inference import engine_error, engine_errors, inference_routes
from autoscaler.emulator.inventory import catalog_routes, inventory_routes
from autoscaler.emulator.ledger import Truth
from autoscaler.emulator.platform import Platform
from autoscaler.emulator.replies import (
    MAX_BODY_BYTES,
    TIMELINE,
    documented_errors,
    gateway_error,
)
from autoscaler.emulator.scenario import InventoryBase, Scenario
from autoscaler.emulator.script import Script
from autoscaler.emulator.strikes import FAULTS, keep_ledger, strike
from autoscaler.emulator.tenant import TOKENS, USERS, tenant_routes
from autoscaler.emulator.timeline import Timeline
from autoscaler.emulator.tokens import TokenDesk
from autoscaler.ports import Clock

COARSE_SECONDS = 15.0
"""Longest time for which the background load is left behind; requests advance it at once."""
SHUTDOWN_SECONDS = 1.0
"""Time that open streams get when the server stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What a client needs to use the emulator; `neevscale emulate` prints exactly this."""

    base_url: str
    tenant_url: str
    inventory_url: str
    org_id: str
    project_id: str
    token: str
    inference_key: str


class Emulator:
    """The platform of one scenario. `async with Emulator(scenario, clock=clock) as platform: …`"""

    def __init__(
        self,
        scenario: Scenario,
        *,
        clock: Clock,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`tls` None = plain HTTP. Raises ValueError if `host` is no loopback address."""
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"The emulator serves on loopback addresses only, not on {host}.")
        self.scenario = scenario
        self.timeline = Timeline(clock)
        self.platform = Platform(scenario, self.timeline)
        self.faults = FaultPlan(origin=self.timeline.started_at)
        """Open to change while it runs."""
        self.tokens = TokenDesk(
            scenario.seed,
            scenario.org_id,
            access_seconds=scenario.rules.access_token_seconds,
            refresh_seconds=scenario.rules.refresh_token_seconds,
        )
        for fault in scenario.faults:
            self.faults.add(fault)
        self._host, self._port, self._tls = host, port, tls
        self._runner: web.AppRunner | None = None
        self._ticker: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve; returns once requests are answered."""
        runner = web.AppRunner(
            self._app(),
            handler_cancellation=True,
            shutdown_timeout=SHUTDOWN_SECONDS,
            access_log=None,
        )
        await runner.setup()
        site = web.TCPSite(runner, self._host, self._port, ssl_context=self._tls)
        await site.start()
        self._runner = runner
        port = runner.addresses[0][1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.platform.origin = f"{'https' if self._tls else 'http'}://{host}:{port}"
        self._ticker = asyncio.create_task(self._tick(), name="emulator ticker")

    async def stop(self) -> None:
        """Close the port and end every task."""
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        if self._runner is not None:
            await self._runner.cleanup()
        self._ticker = self._runner = None

    @property
    def connection(self) -> Connection:
        """URLs and credentials; the token is a personal access token that never expires."""
        origin, scenario = self.platform.origin, self.scenario
        return Connection(
            base_url=f"{origin}/aimodels",
            tenant_url=f"{origin}/tenant",
            inventory_url=f"{origin}/inventory",
            org_id=scenario.org_id,
            project_id=scenario.project_id,
            token=self.tokens.personal_token,
            inference_key=self.tokens.inference_key,
        )

    def endpoint_url(self, name: str) -> str:
        """Return the inference URL of a deployment, ready or not."""
        return self.platform.endpoint_url(name)

    def truth(self) -> Truth:
        """Advance to now and return the ledger."""
        return self.platform.truth()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _tick(self) -> None:
        """Play the script and keep the background load from falling far behind."""
        script = Script(self.scenario.events, self.platform)
        while True:
            script.play()
            self.platform.advance()
            now = self.timeline.now()
            known = (script.next_at(), self.platform.next_change_at(), now + COARSE_SECONDS)
            await self.timeline.sleep_until(min(at for at in known if at is not None))

    def _app(self) -> web.Application:
        app = web.Application()
        app[PLATFORM], app[TIMELINE], app[TOKENS] = self.platform, self.timeline, self.tokens
        app[FAULTS], app[USERS] = self.faults, {self.scenario.email: self.scenario.password}
        place = self.scenario.rules.inventory
        listed = inventory_routes()
        at_models = listed if place is InventoryBase.AIMODELS else []
        at_inventory = listed if place is InventoryBase.INVENTORY else []
        gateway = (keep_ledger, documented_errors, strike(gateway_error))
        engine = (keep_ledger, engine_errors, strike(engine_error))
        app.add_subapp(
            "/aimodels", _plane([*control_routes(), *catalog_routes(), *at_models], gateway)
        )
        app.add_subapp("/tenant", _plane(tenant_routes(), gateway))
        app.add_subapp("/inventory", _plane(at_inventory, gateway))
        app.add_subapp("/inference", _plane(inference_routes(), engine))
        app.add_subapp("/emulator", _plane(backstage_routes(), (documented_errors,)))
        return app


def _plane(routes: list[web.RouteDef], middlewares: tuple[Middleware, ...]) -> web.Application:
    plane = web.Application(middlewares=middlewares, client_max_size=MAX_BODY_BYTES)
    plane.add_routes(routes)
    return plane

"""The real parts together on virtual time, over real loopback HTTP, for a few minutes."""

import random
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import aiohttp
import pytest
import structlog
from aiohttp import web
from helpers_connection import connection_sections
from helpers_fakes import BASE, PROJECT

from autoscaler.app import Seams, build_app
from autoscaler.clock import LoopClock
from autoscaler.emulator.scenario import DeploymentPlan, Scenario
from autoscaler.emulator.server import Emulator
from autoscaler.ports import Denied
from autoscaler.settings import Settings
from autoscaler.store import MemoryStore

Virtual = Callable[..., Any]
TOKEN = "an-admin-token"
MINUTE = 60.0


def tree(emulator: Emulator, **sections: Any) -> dict[str, Any]:
    person = {"email": emulator.scenario.email, "password": emulator.scenario.password}
    return {
        **connection_sections(asdict(emulator.connection), **person),
        "web": {"listen": "127.0.0.1:0", "admin_token": TOKEN},
        "state": {"path": ":memory:"},
    } | sections


def scenario() -> Scenario:
    return Scenario(deployments=(DeploymentPlan(name="chat-a"), DeploymentPlan(name="chat-b")))


async def _sink(got: list[str]) -> tuple[web.AppRunner, str]:
    async def take(request: web.Request) -> web.Response:
        got.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_post("/{rest:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


def _quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


@pytest.mark.slow
def test_an_app_watches_probes_prices_and_serves(virtual: Virtual) -> None:
    """From login to `/metrics`: every adapter is the real one."""

    async def story() -> None:
        _quiet()
        clock = LoopClock(BASE)
        async with Emulator(scenario(), clock=clock) as emulator:
            app = build_app(
                Settings.model_validate(tree(emulator)),
                seams=Seams(clock=clock, virtual=True, rng=random.Random(1)),
            )
            await app.start()
            await clock.sleep(2 * MINUTE)
            picture = app.console.snapshot()
            assert picture is not None
            assert [v.deployment.name for v in picture.deployments] == ["chat-a", "chat-b"]
            for view in picture.deployments:
                assert view.probe.success_ratio == 1.0
                assert view.cost is not None
                assert view.cost.currency == "USD"
            assert picture.control_plane.credential_expires_at is not None
            async with aiohttp.ClientSession() as session:
                async with session.get(f"{app.url}/metrics") as answer:
                    text = await answer.text()
                async with session.get(f"{app.url}/-/ready") as answer:
                    assert answer.status == 200
            assert 'neevscale_deployment_replicas{deployment="chat-a"} 1' in text
            assert f'project="{PROJECT}"' not in text
            await app.stop()

    virtual(story())


@pytest.mark.slow
def test_a_reload_changes_receivers_while_it_runs(virtual: Virtual) -> None:
    async def story() -> None:
        _quiet()
        clock, got = LoopClock(BASE), list[str]()
        runner, url = await _sink(got)
        async with Emulator(scenario(), clock=clock) as emulator:
            where = {"webhook": [{"url": f"{url}/new", "name": "new"}]}
            after = Settings.model_validate(tree(emulator, alerting=where))
            app = build_app(
                Settings.model_validate(tree(emulator)),
                seams=Seams(clock=clock, store=MemoryStore(), virtual=True),
                read=lambda: after,
            )
            await app.start()
            await clock.sleep(MINUTE)
            assert "alerting" in await app.console.reload()
            await clock.sleep(1.0)
            answers = await app.console.test_alert(receiver="new", event="trigger")
            assert len(answers) == 1
            assert got == ["/new"]
            with pytest.raises(Denied, match="no receiver 'old'"):
                await app.console.test_alert(receiver="old", event="trigger")
            await app.stop()
        await runner.cleanup()

    virtual(story())


@pytest.mark.slow
def test_the_dead_mans_switch_hears_of_it_while_all_is_well(virtual: Virtual) -> None:
    async def story() -> None:
        _quiet()
        clock, got = LoopClock(BASE), list[str]()
        runner, url = await _sink(got)
        async with Emulator(scenario(), clock=clock) as emulator:
            where = {"heartbeat": {"url": f"{url}/alive", "every_seconds": 60}}
            app = build_app(
                Settings.model_validate(tree(emulator, alerting=where)),
                seams=Seams(clock=clock, virtual=True),
            )
            await app.start()
            await clock.sleep(5 * MINUTE)
            await app.stop()
        await runner.cleanup()
        assert 4 <= got.count("/alive") <= 6

    virtual(story())


def test_an_address_that_is_taken_leaves_nothing_open(virtual: Virtual) -> None:
    async def story() -> None:
        _quiet()
        clock, got = LoopClock(BASE), list[str]()
        runner, url = await _sink(got)
        async with Emulator(scenario(), clock=clock) as emulator:
            taken = {"listen": url.removeprefix("http://")}
            app = build_app(
                Settings.model_validate(tree(emulator, web=taken)),
                seams=Seams(clock=clock, virtual=True),
            )
            with pytest.raises(OSError, match="address already in use"):
                await app.start()
        await runner.cleanup()

    virtual(story())

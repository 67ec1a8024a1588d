"""What a reload swaps, and what it leaves."""

from collections.abc import Callable
from typing import Any

import pytest
from helpers import Build, a_config, a_world, managed
from helpers_fakes import FakeCloud, a_deployment

from autoscaler.core.words import Mode
from autoscaler.daemon.config import Config
from autoscaler.ports import Denied

Virtual = Callable[..., Any]
POLL = 15.0


def test_a_reload_swaps_the_policy_and_settles_anew(virtual: Virtual) -> None:
    after = a_config(policy_for=managed(mode=Mode.ADVISORY), discover_seconds=5.0)

    async def story() -> None:
        world = await a_world(
            Build(cloud=FakeCloud(a_deployment("a")), reload=lambda: (after, "mode changed"))
        )
        await world.run(POLL)
        assert world.picture.mode == "active"
        assert await world.daemon.console.reload() == "mode changed"
        await world.run(POLL)
        assert world.picture.mode == "advisory"
        lists = len(world.cloud.calls)
        await world.run(4 * POLL)
        assert len(world.cloud.calls) - lists > 10, "it lists every 5 s now"
        await world.daemon.stop()

    virtual(story())


def test_a_reload_that_is_refused_keeps_the_old_and_says_why(virtual: Virtual) -> None:
    def read() -> tuple[Config, str]:
        raise ValueError("neevscale.yaml:3: max_replica: unknown; did you mean max_replicas?")

    async def story() -> None:
        world = await a_world(Build(cloud=FakeCloud(a_deployment("a")), reload=read))
        await world.run(POLL)
        with pytest.raises(Denied, match="did you mean max_replicas"):
            await world.daemon.console.reload()
        await world.run(POLL)
        assert world.picture.mode == "active"
        assert world.meter.total("decision", "a") >= 1
        await world.daemon.stop()

    virtual(story())


def test_a_daemon_without_configuration_cannot_be_reloaded(virtual: Virtual) -> None:
    async def story() -> None:
        world = await a_world(Build(cloud=FakeCloud(a_deployment("a"))))
        with pytest.raises(Denied, match="without a configuration"):
            await world.daemon.console.reload()
        await world.daemon.stop()

    virtual(story())

"""What the daemon tells its alerts of the world around it: its own network, its credential."""

from collections.abc import Callable
from typing import Any

import pytest
from helpers import Build, World, a_world
from helpers_fakes import BASE, FakeCloud, a_deployment, unknown

from autoscaler.core.words import FailureReason

Virtual = Callable[..., Any]
POLL = 15.0


def shown(world: World) -> dict[str, str | None]:
    """Each alert that is shown, and what explains it."""
    return {alert.name: alert.inhibited_by for alert in world.picture.alerts}


@pytest.mark.slow
def test_while_our_own_network_is_lost_that_is_told_and_what_follows_is_not(
    virtual: Virtual,
) -> None:
    """The endpoint and the control plane look dead too; both are shown, neither is told."""
    offline = [False]

    async def is_offline() -> bool:
        return offline[0]

    async def story() -> None:
        cloud = FakeCloud(a_deployment("a"))
        world = await a_world(Build(cloud=cloud, is_offline=is_offline))
        await world.run(4 * POLL)
        assert "NeevSelfOffline" not in shown(world)
        offline[0] = True
        world.cloud.fail = dict.fromkeys(("list", "get", "inventory"), unknown())
        world.prober.failure["a"] = FailureReason.CONNECT
        await world.run(600.0)
        assert world.notifier.of("NeevSelfOffline") == ["trigger"]
        assert shown(world)["NeevControlPlaneStale"] == "NeevSelfOffline"
        assert shown(world)["NeevEndpointDown"] is not None
        offline[0] = False
        world.cloud.fail.clear()
        world.prober.failure.clear()
        await world.run(300.0)
        assert world.notifier.of("NeevSelfOffline") == ["trigger", "resolve"]
        assert world.notifier.of("NeevControlPlaneStale") == []
        assert world.notifier.of("NeevEndpointDown") == []
        await world.daemon.stop()

    virtual(story())


def test_without_canaries_our_own_network_is_never_blamed(virtual: Virtual) -> None:
    async def story() -> None:
        world = await a_world(Build(cloud=FakeCloud(a_deployment("a"))))
        await world.run(4 * POLL)
        assert "canaries" not in {job.name for job in world.picture.jobs}
        await world.daemon.stop()

    virtual(story())


@pytest.mark.parametrize(
    ("left", "told"), [(7200.0, []), (1200.0, ["trigger"])], ids=["two hours", "20 minutes"]
)
def test_a_token_of_a_day_is_judged_in_minutes(
    virtual: Virtual, left: float, told: list[str]
) -> None:
    """Nobody renews it, so a person must; but not for the whole of its life."""

    async def story() -> None:
        cloud = FakeCloud(a_deployment("a"))
        cloud.credential = (BASE + left, 86400.0)
        world = await a_world(Build(cloud=cloud))
        await world.run(4 * POLL)
        assert world.notifier.of("NeevCredentialExpiring") == told
        await world.daemon.stop()

    virtual(story())


@pytest.mark.parametrize(
    ("left", "told"), [(1000.0, []), (350.0, ["trigger"])], ids=["renewed soon", "overdue"]
)
def test_a_token_that_renews_itself_is_told_of_when_its_renewal_is_overdue(
    virtual: Virtual, left: float, told: list[str]
) -> None:
    async def story() -> None:
        cloud = FakeCloud(a_deployment("a"))
        cloud.credential = (BASE + left, 3600.0)
        world = await a_world(Build(cloud=cloud, config={"credential_renews": True}))
        await world.run(2 * POLL)
        assert world.notifier.of("NeevCredentialExpiring") == told
        await world.daemon.stop()

    virtual(story())

"""What the picture says on top, and when."""

import asyncio
from collections.abc import Callable
from typing import Any

from helpers import Build, World, a_world
from helpers_fakes import FakeCloud, a_deployment, unknown

from autoscaler.core.snapshot import Snapshot
from autoscaler.daemon.views import BREATH

Virtual = Callable[..., Any]
FLEET = BREATH + 10
"""Deployments: more than one turn of the loop has in its picture."""


def complaints(world: World) -> list[str]:
    return [sentence for sentence in world.picture.warnings if "No price is known" in sentence]


def test_prices_are_not_called_unknown_before_the_inventory_had_its_time(
    virtual: Virtual,
) -> None:
    """List and inventory begin together; whoever answers first must not cost a false warning."""

    async def story() -> None:
        cloud = FakeCloud(a_deployment("a"))
        cloud.fail["inventory"] = unknown()
        world = await a_world(Build(cloud=cloud))
        await world.run(30.0)
        early = complaints(world)
        await world.run(60.0)
        late = complaints(world)
        await world.daemon.stop()
        assert early == []
        assert "prices: {currency: USD" in late[0]

    virtual(story())


def test_who_waits_for_a_picture_shares_the_next(virtual: Virtual) -> None:
    """Of a large fleet one takes a while: a hundred scale calls that end at once want one more, not
    a hundred, and nobody sees a picture from before his change.
    """

    async def story() -> None:
        cloud = FakeCloud(*(a_deployment(f"chat-{number:03}") for number in range(FLEET)))
        world = await a_world(Build(cloud=cloud, seconds=600.0))
        await world.run(20.0)
        seen: list[Snapshot] = []

        async def want() -> None:
            await world.daemon._picture.renew()
            seen.append(world.picture)

        await asyncio.gather(*(want() for _ in range(100)))
        await world.daemon.stop()
        assert len({id(picture) for picture in seen}) == 2
        assert len(seen[0].deployments) == FLEET

    virtual(story())

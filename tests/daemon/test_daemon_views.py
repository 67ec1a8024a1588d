"""What the picture says on top, and when."""

from collections.abc import Callable
from typing import Any

from helpers import Build, World, a_world
from helpers_fakes import FakeCloud, a_deployment, unknown

Virtual = Callable[..., Any]


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

"""Prices, archives, and what is cleaned away."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from helpers import Build, World, a_world
from helpers_fakes import FakeCloud, a_deployment

from autoscaler.core.billing import Price
from autoscaler.core.charging import DAYS_KEPT
from autoscaler.ports import Batch, InventoryItem
from autoscaler.store import MemoryStore

Virtual = Callable[..., Any]
HOUR, DAY = 3600.0, 86400.0


def item(price: str | None, *, currency: str = "USD") -> InventoryItem:
    return InventoryItem(
        config_id="gpu-h100",
        region="as-south-1",
        gpu_model="H100",
        price_per_gpu_hour=None if price is None else Decimal(price),
        currency=currency,
        available_gpu_count=3,
        total_gpu_count=8,
        min_gpu_count=1,
        max_gpu_count=8,
        availability="Low",
    )


async def started(*items: InventoryItem, **config: object) -> World:
    cloud = FakeCloud(a_deployment("a"))
    cloud.items = items
    world = await a_world(Build(cloud=cloud, config=config, seconds=600.0))
    await world.run(2.0)
    return world


def per_hour(world: World) -> Decimal | None:
    cost = world.picture.deployments[0].cost
    return None if cost is None else cost.per_hour


def test_the_inventorys_price_is_used_where_none_is_written(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started(item("1.99"))
        assert per_hour(world) == Decimal("1.99")
        await world.daemon.stop()

    virtual(story())


def test_a_written_price_wins_over_the_inventorys(virtual: Virtual) -> None:
    async def story() -> None:
        written = (Price(amount=Decimal("1.50")),)
        world = await started(item("1.99"), prices_for=lambda _: written, currency="USD")
        assert per_hour(world) == Decimal("1.50")
        await world.daemon.stop()

    virtual(story())


def test_two_currencies_are_never_mixed(virtual: Virtual) -> None:
    """Prices are written in rupees, the inventory says dollars: it is not used at all."""

    async def story() -> None:
        world = await started(item("1.99"), currency="INR")
        assert per_hour(world) is None
        await world.daemon.stop()

    virtual(story())


def test_an_item_without_a_price_is_no_price_of_zero(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started(item(None))
        assert per_hour(world) is None
        await world.daemon.stop()

    virtual(story())


@pytest.mark.slow
def test_a_new_price_bills_the_past_as_it_was(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started(
            item("1.00"), discover_seconds=60.0, decide_seconds=60.0, notify_seconds=60.0
        )
        await world.run(HOUR)
        world.cloud.items = (item("3.00"),)
        await world.run(HOUR)
        cost = world.picture.deployments[0].cost
        assert cost is not None
        assert float(cost.total) == pytest.approx(1.0 + 3.0, abs=0.35)
        await world.daemon.stop()

    virtual(story())


def test_prices_are_remembered_over_a_restart_without_inventory(virtual: Virtual) -> None:
    async def story() -> None:
        cloud, store = FakeCloud(a_deployment("a")), MemoryStore()
        cloud.items = (item("1.99"),)
        world = await a_world(Build(cloud=cloud, store=store))
        await world.run(20.0)
        await world.kill()
        cloud.items = ()
        again = await a_world(Build(cloud=cloud, store=store))
        await again.run(2.0)
        assert per_hour(again) == Decimal("1.99")
        await again.daemon.stop()

    virtual(story())


def test_what_the_prober_learned_is_remembered_and_dropped_with_its_deployment(
    virtual: Virtual,
) -> None:
    async def story() -> None:
        cloud, store = FakeCloud(a_deployment("a")), MemoryStore()
        world = await a_world(Build(cloud=cloud, store=store))
        world.prober.remembered = {"dep-a": {"host": "a:443"}, "dep-x": {"host": "x:443"}}
        await world.run(2.0)
        await world.daemon.stop()
        again = await a_world(Build(cloud=cloud, store=store, config={"prune_seconds": 30.0}))
        assert again.prober.remembered["dep-a"] == {"host": "a:443"}
        await again.run(31.0)
        assert store.documents("prober") == {"dep-a": {"host": "a:443"}}
        await again.daemon.stop()

    virtual(story())


def test_archives_and_orders_go_when_they_are_old(virtual: Virtual) -> None:
    async def story() -> None:
        cloud, store = FakeCloud(a_deployment("a"), a_deployment("b")), MemoryStore()
        world = await a_world(Build(cloud=cloud, store=store))
        await world.run(2.0)
        world.daemon.console.pause("a", by="ann", reason="", seconds=None)
        del cloud.deployments["dep-b"]
        await world.run(20.0)
        await world.daemon.stop()
        watch = store.documents("watch")["dep-b"]
        assert isinstance(watch, dict)
        old = watch | {"gone_at": world.clock.now() - (DAYS_KEPT + 1) * DAY}
        audit = {("audit", key): None for key in store.documents("audit")}
        trace: dict[tuple[str, str], Any] = {("audit", "1000.0 dep-a 1"): {"event": "paused"}}
        store.commit(Batch(documents={("watch", "dep-b"): old, **audit, **trace}))
        again = await a_world(Build(cloud=cloud, store=store))
        await again.run(2.0)
        assert "dep-b" not in store.documents("watch")
        assert "dep-b" not in store.documents("ledger")
        assert store.documents("audit") == {}
        await again.daemon.stop()

    virtual(story())


def test_free_gpus_are_told_by_kind_and_region(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started(item("1.99"))
        fleet = world.daemon._fleet
        assert fleet.free_gpus(a_deployment("a")) == 3
        assert fleet.free_gpus(a_deployment("a", region="eu-1")) is None
        await world.daemon.stop()

    virtual(story())

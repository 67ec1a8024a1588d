"""What people may ask of the running daemon, and what it answers."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from helpers import Build, World, a_world, managed
from helpers_fakes import FakeCloud, a_deployment

from autoscaler.core.billing import Price
from autoscaler.core.codec import decode
from autoscaler.core.uptime import MonthReport
from autoscaler.core.words import Status
from autoscaler.daemon.console import DaemonConsole
from autoscaler.ports import Denied, HostRefused
from autoscaler.store import MemoryStore

Virtual = Callable[..., Any]


POLL = 15.0


async def started(**config: object) -> World:
    world = await a_world(Build(cloud=FakeCloud(a_deployment("a")), config=config))
    await world.run(POLL + 2.0)
    return world


def firing(world: World) -> set[str]:
    return {a.name for a in world.picture.alerts if a.state == "firing"}


def console(world: World) -> DaemonConsole:
    return world.daemon.console


def test_a_pause_is_kept_over_a_restart_and_ends_by_itself(virtual: Virtual) -> None:
    async def story() -> None:
        cloud, store = FakeCloud(a_deployment("a")), MemoryStore()
        world = await a_world(Build(cloud=cloud, store=store))
        await world.run(POLL)
        console(world).pause("a", by="ann", reason="migration", seconds=60.0)
        await world.kill()
        again = await a_world(Build(cloud=cloud, store=store))
        await again.run(2.0)
        pause = again.picture.deployments[0].orders.pause
        assert pause is not None
        assert (pause.by, pause.reason) == ("ann", "migration")
        await again.run(75.0)
        assert again.picture.deployments[0].orders.pause is None
        await again.daemon.stop()

    virtual(story())


def test_an_override_holds_a_count_and_resume_ends_it(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started(policy_for=managed(settling_window_seconds=10.0))
        console(world).override("a", replicas=2, seconds=3600.0, by="ann", reason="launch")
        await world.run(4 * POLL)
        assert world.cloud.puts == [("dep-a", 2)]
        override = world.picture.deployments[0].orders.override
        assert override is not None
        console(world).resume("a", by="bob")
        await world.run(POLL)
        assert world.picture.deployments[0].orders.override is None
        await world.daemon.stop()

    virtual(story())


def test_an_accepted_endpoint_is_on_disk_and_ends_its_alert(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started()
        moved = HostRefused(
            deployment_id="dep-a", deployment="a", host="new.x:443", because="It moved.", at=0.0
        )
        world.prober.refused = (moved,)
        await world.run(POLL)
        assert "NeevEndpointHostRefused" in firing(world)
        with pytest.raises(Denied, match="has not moved to elsewhere"):
            console(world).accept_endpoint("a", address="elsewhere:1", by="ann", reason="")
        assert world.store.documents("audit") == {}
        console(world).accept_endpoint("a", address="new.x:443", by="ann", reason="announced")
        assert world.store.documents("prober") == {"dep-a": {"endpoint": "new.x:443"}}
        (line,) = world.store.documents("audit").values()
        assert isinstance(line, dict)
        told = [line[word] for word in ("event", "deployment", "address", "by", "reason")]
        assert told == ["endpoint_accepted", "a", "new.x:443", "ann", "announced"]
        await world.run(2 * POLL)
        assert "NeevEndpointHostRefused" not in firing(world)
        await world.daemon.stop()

    virtual(story())


def test_every_order_leaves_a_trace(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started()
        console(world).pause("a", by="ann", reason="x", seconds=None)
        console(world).resume("a", by="bob")
        audit = list(world.store.documents("audit").values())
        told = [(entry["event"], entry["by"]) for entry in audit if isinstance(entry, dict)]
        assert sorted(told, key=str) == [("paused", "ann"), ("resumed", "bob")]
        await world.daemon.stop()

    virtual(story())


@pytest.mark.parametrize(
    ("order", "because"),
    [
        (lambda c: c.pause("b", by="", reason="", seconds=None), "no deployment 'b'; there are: a"),
        (lambda c: c.pause("a", by="", reason="", seconds=-1.0), "must be above 0"),
        (lambda c: c.pause("a", by="", reason="", seconds=float("nan")), "must be above 0"),
        (
            lambda c: c.override("a", replicas=0, seconds=60.0, by="", reason=""),
            "between 1 and 1000",
        ),
        (
            lambda c: c.override("a", replicas=2, seconds=1e9, by="", reason=""),
            "at most 31 days",
        ),
        (
            lambda c: c.silence(matchers=["nonsense"], seconds=60.0, by="", reason=""),
            "is no matcher",
        ),
        (lambda c: c.unsilence("0"), "No silence 0 is in force"),
        (lambda c: c.history("b", since=0.0), "no deployment 'b'"),
    ],
    ids=["unknown", "negative", "nan", "zero", "forever", "matcher", "silence", "history"],
)
def test_what_cannot_be_done_is_refused_with_a_sentence(
    virtual: Virtual, order: Callable[[DaemonConsole], Any], because: str
) -> None:
    async def story() -> None:
        world = await started()
        with pytest.raises(Denied, match=because):
            order(console(world))
        await world.daemon.stop()

    virtual(story())


def test_a_probe_on_demand_counts_and_tells_its_story(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started()
        before = world.meter.total("probe", "a")
        answer = await console(world).probe_now("a", debug=True)
        assert answer["story"] == {"told": True}
        assert isinstance(answer["result"], dict)
        assert "story" not in await console(world).probe_now("a")
        assert world.meter.total("probe", "a") == before + 2
        await world.daemon.stop()

    virtual(story())


def test_a_deployment_without_endpoint_cannot_be_probed(virtual: Virtual) -> None:
    async def story() -> None:
        cloud = FakeCloud(
            a_deployment("a", status=Status.INITIALIZING, endpoint_url=None, uptime_seconds=0)
        )
        world = await a_world(Build(cloud=cloud))
        await world.run(2.0)
        with pytest.raises(Denied, match="has no endpoint yet"):
            await console(world).probe_now("a")
        await world.daemon.stop()

    virtual(story())


def test_decisions_history_and_costs_are_kept_of_deployments_that_are_gone(
    virtual: Virtual,
) -> None:
    async def story() -> None:
        prices = (Price(amount=Decimal(36)),)
        world = await started(prices_for=lambda _: prices, currency="INR")
        await world.run(4 * POLL)
        del world.cloud.deployments["dep-a"]
        await world.run(POLL)
        assert world.picture.deployments == ()
        assert console(world).decisions("a")[0]["deployment"] == "a"
        assert console(world).history("a", since=0.0)[0].replicas == 1
        (row,) = console(world).costs(month=None)
        assert (row["deployment"], row["currency"]) == ("a", "INR")
        assert Decimal(str(row["cost"])) == pytest.approx(Decimal("0.75"), abs=Decimal("0.16"))
        assert world.picture.fleet_cost is not None
        assert world.picture.fleet_cost.per_hour == 0
        assert console(world).costs(month="1999-01") == []
        (month,) = console(world).uptimes(month=None)
        assert (month["deployment"], month["sessions"]) == ("a", 1)
        report = decode(MonthReport, month["report"])
        assert report.uptime_ratio == 1.0
        assert report.seconds["ready"] == pytest.approx(5 * POLL, abs=2 * POLL)
        await world.daemon.stop()

    virtual(story())


def test_the_decision_in_force_at_an_instant_comes_first(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started()
        await world.run(20 * POLL)
        at = world.clock.now() - 5 * POLL
        found = console(world).decisions("a", at=at)
        assert isinstance(found[0]["at"], float)
        assert found[0]["at"] <= at
        assert len(console(world).decisions("", limit=1)) == 1
        await world.daemon.stop()

    virtual(story())


def test_it_is_ready_after_the_first_list_or_the_grace(virtual: Virtual) -> None:
    async def story() -> None:
        cloud = FakeCloud(a_deployment("a"))
        cloud.fail["list"] = RuntimeError("a bug in the client")
        world = await a_world(Build(cloud=cloud))
        assert console(world).is_ready() == (False, "The first tick is not over yet.")
        await world.run(5.0)
        ready, because = console(world).is_ready()
        assert not ready
        assert "could not be listed yet" in because
        await world.run(60.0)
        assert console(world).is_ready() == (True, "Ready.")
        await world.daemon.stop()

    virtual(story())


def test_the_start_says_what_the_bounds_will_do(virtual: Virtual) -> None:
    async def story() -> None:
        cloud = FakeCloud(a_deployment("a", replicas=9), a_deployment("b"))
        world = await a_world(Build(cloud=cloud, config={"policy_for": managed(min_replicas=2)}))
        await world.run(2.0)
        assert world.picture.warnings[:2] == (
            "a runs 9, max 8: will remove 1.",
            "b runs 1, min 2: will add 1.",
        )
        await world.daemon.stop()

    virtual(story())


def test_active_without_a_max_is_named(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started(policy_for=managed(max_replicas=None))
        assert "only watched" in world.picture.warnings[0]
        assert world.picture.mode == "advisory"
        await world.daemon.stop()

    virtual(story())


def test_an_unknown_price_prints_the_lines_to_paste_and_no_cost(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started()
        assert world.picture.deployments[0].cost is None
        assert "per_gpu_hour: {gpu-h100: 0.00}" in world.picture.warnings[-1]
        await world.daemon.stop()

    virtual(story())

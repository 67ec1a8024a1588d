"""What the daemon believes about the fleet, and when it stops believing."""

from collections.abc import Callable
from typing import Any

from helpers import Build, World, a_world
from helpers_fakes import FakeCloud, a_deployment, unknown

from autoscaler.core.words import Status

Virtual = Callable[..., Any]
POLL = 15.0


async def started(cloud: FakeCloud, **config: object) -> World:
    world = await a_world(Build(cloud=cloud, config=config))
    await world.run(2.0)
    return world


def names(world: World) -> list[str]:
    return [view.deployment.name for view in world.picture.deployments]


def test_every_deployment_is_seen_within_a_second(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started(FakeCloud(a_deployment("b"), a_deployment("a")))
        assert names(world) == ["a", "b"]
        await world.daemon.stop()

    virtual(story())


def test_a_failed_list_deletes_nothing(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started(FakeCloud(a_deployment("a")))
        world.cloud.fail["list"] = unknown()
        await world.run(10 * POLL)
        assert names(world) == ["a"]
        assert world.picture.control_plane.consecutive_failures == 10
        assert world.picture.control_plane.last_error == "the control plane did not answer"
        await world.daemon.stop()

    virtual(story())


def test_an_incomplete_list_deletes_nothing(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started(FakeCloud(a_deployment("a"), a_deployment("b")))
        world.cloud.complete = False
        world.cloud.hidden.add("dep-b")
        await world.run(4 * POLL)
        assert names(world) == ["a", "b"]
        await world.daemon.stop()

    virtual(story())


def test_a_short_list_that_calls_itself_complete_is_checked_by_a_read(virtual: Virtual) -> None:
    """The list leaves it out, a read of its own finds it: it is there."""

    async def story() -> None:
        world = await started(FakeCloud(a_deployment("a"), a_deployment("b")))
        world.cloud.hidden.add("dep-b")
        await world.run(4 * POLL)
        assert names(world) == ["a", "b"]
        await world.daemon.stop()

    virtual(story())


def test_a_404_is_a_deletion_at_once(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started(FakeCloud(a_deployment("a"), a_deployment("b")))
        del world.cloud.deployments["dep-b"]
        await world.run(POLL)
        assert names(world) == ["a"]
        await world.daemon.stop()

    virtual(story())


def test_without_a_read_it_takes_two_complete_lists(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started(FakeCloud(a_deployment("a"), a_deployment("b")))
        world.cloud.hidden.add("dep-b")
        world.cloud.fail["get"] = unknown()
        await world.run(POLL)
        assert names(world) == ["a", "b"]
        await world.run(POLL)
        assert names(world) == ["a"]
        await world.daemon.stop()

    virtual(story())


def test_an_item_that_cannot_be_read_keeps_its_last_good_state(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started(FakeCloud(a_deployment("a"), a_deployment("b", replicas=3)))
        seen_at = world.picture.deployments[1].seen_at
        world.cloud.invalid = ("b: replicas is a text",)
        world.cloud.invalid_ids = ("dep-b",)
        await world.run(4 * POLL)
        assert names(world) == ["a", "b"]
        assert world.picture.deployments[1].deployment.replicas == 3
        assert world.picture.deployments[1].seen_at == seen_at
        assert world.picture.control_plane.invalid_items == ("b: replicas is a text",)
        await world.daemon.stop()

    virtual(story())


def test_failed_is_told_within_a_second_of_the_poll_that_sees_it(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started(FakeCloud(a_deployment("a")))
        await world.run(POLL - 2.0 + 0.1)  # just after the poll at 15 s
        world.cloud.put("dep-a", status=Status.FAILED, endpoint_url=None)
        await world.run(POLL - 0.1 + 0.9)
        assert world.notifier.of("NeevDeploymentFailed") == ["trigger"]
        await world.daemon.stop()

    virtual(story())


def test_a_single_look_at_failed_is_not_enough(virtual: Virtual) -> None:
    """It is read once more, at once; if that says ready, nobody is woken."""

    async def story() -> None:
        world = await started(FakeCloud(a_deployment("a")))
        world.cloud.put("dep-a", status=Status.FAILED)
        get = world.cloud.get

        async def recovered(deployment_id: str) -> Any:
            world.cloud.put("dep-a", status=Status.READY)
            return await get(deployment_id)

        world.cloud.get = recovered  # type: ignore[method-assign]  # the story's turn
        await world.run(POLL)
        assert ("list", "", 0) in world.cloud.calls
        assert world.notifier.of("NeevDeploymentFailed") == []
        await world.daemon.stop()

    virtual(story())


def test_recovery_resolves_and_so_does_deletion(virtual: Virtual) -> None:
    async def story() -> None:
        cloud = FakeCloud(a_deployment("a"), a_deployment("b"))
        world = await started(cloud)
        for id_ in ("dep-a", "dep-b"):
            cloud.put(id_, status=Status.FAILED)
        await world.run(2 * POLL)
        assert world.notifier.of("NeevDeploymentFailed") == ["trigger", "trigger"]
        cloud.put("dep-a", status=Status.READY)
        del cloud.deployments["dep-b"]
        await world.run(4 * POLL)
        assert world.notifier.of("NeevDeploymentFailed")[2:] == ["resolve", "resolve"]
        await world.daemon.stop()

    virtual(story())


def test_a_deployment_that_comes_back_under_its_id_keeps_its_account(virtual: Virtual) -> None:
    async def story() -> None:
        cloud = FakeCloud(a_deployment("a"))
        world = await started(cloud)
        await world.run(POLL)
        gone = cloud.deployments.pop("dep-a")
        await world.run(POLL)
        assert names(world) == []
        cloud.deployments["dep-a"] = gone
        await world.run(2 * POLL)
        uptime = world.picture.deployments[0].uptime.seconds
        assert uptime["ready"] >= 2 * POLL
        await world.daemon.stop()

    virtual(story())


def test_status_transitions_are_counted(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started(FakeCloud(a_deployment("a")))
        world.cloud.put("dep-a", status=Status.INITIALIZING)
        await world.run(POLL)
        assert world.meter.total("status_transition", "a", "ready", "initializing") == 1
        await world.daemon.stop()

    virtual(story())

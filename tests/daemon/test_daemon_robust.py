"""One bad deployment, item, probe, receiver or disk never stops another; and how it all ends."""

from collections.abc import Callable
from typing import Any

import pytest
from helpers import Build, a_world, managed
from helpers_fakes import FakeCloud, FullDisk, a_deployment, unknown

from autoscaler.core.policy import Policy
from autoscaler.core.words import FailureReason, Status
from autoscaler.ports import Batch
from autoscaler.store import MemoryStore

Virtual = Callable[..., Any]
POLL = 15.0


def test_a_deployment_whose_decision_fails_stops_no_other(virtual: Virtual) -> None:
    plain = managed()

    def policy_for(deployment: Any) -> Policy:
        if deployment.name == "bad":
            raise RuntimeError("a bug in a policy")
        return plain(deployment)

    async def story() -> None:
        cloud = FakeCloud(a_deployment("a"), a_deployment("bad"), a_deployment("z"))
        world = await a_world(Build(cloud=cloud, config={"policy_for": policy_for}))
        await world.run(4 * POLL)
        assert world.meter.total("decision", "a") >= 3
        assert world.meter.total("decision", "z") >= 3
        assert world.meter.total("job", "decide", "failed") >= 3
        await world.daemon.stop()

    virtual(story())


def test_a_prober_that_raises_stops_no_other_probe(virtual: Virtual) -> None:
    async def story() -> None:
        world = await a_world(Build(cloud=FakeCloud(a_deployment("a"), a_deployment("b"))))
        world.prober.breaks.add("a")
        await world.run(4 * POLL)
        assert world.meter.total("probe", "b", "ok") >= 3
        assert world.meter.total("job", "probe", "failed") >= 3
        assert world.daemon.console.is_healthy()[0]
        await world.daemon.stop()

    virtual(story())


def test_a_notifier_that_raises_stops_no_decision(virtual: Virtual) -> None:
    async def story() -> None:
        world = await a_world(Build(cloud=FakeCloud(a_deployment("a"))))
        world.notifier.breaks = True
        await world.run(4 * POLL)
        assert world.meter.total("decision", "a") >= 3
        assert world.meter.total("job", "notify", "failed") >= 3
        await world.daemon.stop()

    virtual(story())


@pytest.mark.slow
def test_an_hour_without_control_plane_goes_on_probing_and_alerting(virtual: Virtual) -> None:
    """Stale is told after 5 minutes; the endpoint that goes down meanwhile is told as well."""

    async def story() -> None:
        world = await a_world(Build(cloud=FakeCloud(a_deployment("a")), seconds=15.0))
        await world.run(POLL)
        world.cloud.fail = dict.fromkeys(("list", "get", "inventory"), unknown())
        await world.run(270.0)
        assert world.notifier.of("NeevControlPlaneStale") == []
        await world.run(60.0)
        assert world.notifier.of("NeevControlPlaneStale") == ["trigger"]
        assert world.picture.deployments[0].status is Status.UNKNOWN
        world.prober.failure["a"] = FailureReason.CONNECT
        await world.run(300.0)
        assert world.notifier.of("NeevEndpointDown") == ["trigger"]
        await world.run(3600.0 - 630.0)
        assert world.cloud.puts == []
        world.cloud.fail = {}
        del world.prober.failure["a"]
        await world.run(120.0)
        assert world.notifier.of("NeevControlPlaneStale")[-1] == "resolve"
        assert world.notifier.of("NeevEndpointDown")[-1] == "resolve"
        await world.daemon.stop()

    virtual(story())


def test_what_one_tick_writes_is_one_transaction(virtual: Virtual) -> None:
    """The alert, its outbox row and the state behind it come together or not at all."""

    class Recording(MemoryStore):
        def __init__(self) -> None:
            super().__init__()
            self.batches: list[Batch] = []

        def commit(self, batch: Batch) -> None:
            self.batches.append(batch)
            super().commit(batch)

    async def story() -> None:
        store = Recording()
        world = await a_world(Build(cloud=FakeCloud(a_deployment("a")), store=store))
        await world.run(POLL + 2.0)
        world.cloud.put("dep-a", status=Status.FAILED)
        await world.run(POLL)
        told = [b for b in store.batches for n in b.notifications if n.event == "trigger"]
        assert len(told) == 1
        kinds = {kind for kind, _ in told[0].documents}
        assert {"alerts", "watch"} <= kinds
        await world.daemon.stop()

    virtual(story())


def test_an_alert_that_could_not_be_written_is_told_once_it_can(virtual: Virtual) -> None:
    async def story() -> None:
        store = FullDisk()
        world = await a_world(Build(cloud=FakeCloud(a_deployment("a")), store=store))
        await world.run(POLL)
        store.full = True
        world.cloud.put("dep-a", status=Status.FAILED)
        await world.run(4 * POLL)
        assert world.notifier.of("NeevDeploymentFailed") == []
        store.full = False
        await world.run(POLL)
        assert world.notifier.of("NeevDeploymentFailed") == ["trigger"]
        await world.daemon.stop()

    virtual(story())


def test_a_restart_goes_on_where_it_was(virtual: Virtual) -> None:
    """Alerts stay open and are not told again, accounts add up, endpoints are known at once."""

    async def story() -> None:
        cloud, store = FakeCloud(a_deployment("a"), a_deployment("b")), MemoryStore()
        build = Build(cloud=cloud, store=store)
        world = await a_world(build)
        await world.run(POLL)
        cloud.put("dep-a", status=Status.FAILED)
        await world.run(4 * POLL)
        await world.kill()
        cloud.fail["list"] = unknown()
        again = await a_world(build)
        await again.run(2 * POLL)
        assert [v.deployment.name for v in again.picture.deployments] == ["a", "b"]
        assert "NeevDeploymentFailed" in {alert.name for alert in again.picture.alerts}
        assert again.notifier.of("NeevDeploymentFailed") == []
        assert again.meter.total("probe", "b", "ok") >= 1
        del cloud.fail["list"]
        cloud.put("dep-a", status=Status.READY)
        await again.run(4 * POLL)
        assert again.notifier.of("NeevDeploymentFailed") == ["resolve"]
        seconds = again.picture.deployments[1].uptime.seconds
        assert seconds["ready"] + seconds.get("unknown", 0.0) > 9 * POLL
        await again.daemon.stop()

    virtual(story())


def test_state_that_cannot_be_read_costs_only_its_deployment_its_memory(virtual: Virtual) -> None:
    async def story() -> None:
        cloud, store = FakeCloud(a_deployment("a"), a_deployment("b")), MemoryStore()
        world = await a_world(Build(cloud=cloud, store=store))
        await world.run(2 * POLL)
        await world.daemon.stop()
        store.commit(Batch(documents={("state", "dep-a"): {"version": 999}}))
        again = await a_world(Build(cloud=cloud, store=store))
        await again.run(2 * POLL)
        assert [v.deployment.name for v in again.picture.deployments] == ["a", "b"]
        assert any("dep-a cannot be read" in w for w in again.picture.warnings)
        assert again.meter.total("decision", "a") >= 2
        await again.daemon.stop()

    virtual(story())


def test_stopping_drains_in_order(virtual: Virtual) -> None:
    """A call under way is finished, state is written, the outbox flushed, the seams closed."""

    async def story() -> None:
        cloud = FakeCloud(a_deployment("a"))
        policy_for = managed(min_replicas=3, settling_window_seconds=30.0)
        world = await a_world(Build(cloud=cloud, config={"policy_for": policy_for}))
        scale = cloud.scale

        async def slow(deployment_id: str, replicas: int) -> Any:
            await world.clock.sleep(5.0)
            return await scale(deployment_id, replicas)

        cloud.scale = slow  # type: ignore[method-assign]  # the story's turn
        await world.run(30.0 + 2.0)
        assert cloud.puts == []
        began = world.clock.monotonic()
        await world.daemon.stop()
        assert cloud.puts == [("dep-a", 3)]
        assert world.clock.monotonic() - began < 25.0
        assert world.prober.closed
        assert world.notifier.closed
        assert world.store.documents("ask")["dep-a"] is not None
        assert world.daemon.console.is_ready() == (False, "The daemon is shutting down.")

    virtual(story())


def test_a_call_that_hangs_does_not_keep_it_from_stopping(virtual: Virtual) -> None:
    async def story() -> None:
        cloud = FakeCloud(a_deployment("a"))
        policy_for = managed(min_replicas=3, settling_window_seconds=30.0)
        world = await a_world(Build(cloud=cloud, config={"policy_for": policy_for}))

        async def hang(deployment_id: str, replicas: int) -> Any:
            await world.clock.sleep(10_000.0)

        async def hang_too() -> Any:
            await world.clock.sleep(10_000.0)

        cloud.scale = hang  # type: ignore[method-assign]  # the story's turn
        await world.run(30.0 + POLL + 2.0)
        cloud.list = hang_too  # type: ignore[method-assign]  # the story's turn
        await world.run(POLL)
        began = world.clock.monotonic()
        await world.daemon.stop()
        assert world.clock.monotonic() - began < 25.0

    virtual(story())


@pytest.mark.slow
def test_a_list_that_hangs_does_not_make_the_daemon_unhealthy_soon(virtual: Virtual) -> None:
    """Restarting would not help; only a loop that never comes back is a reason."""

    async def story() -> None:
        world = await a_world(Build(cloud=FakeCloud(a_deployment("a"))))
        await world.run(POLL)

        async def hang() -> Any:
            await world.clock.sleep(10_000.0)

        world.cloud.list = hang  # type: ignore[method-assign]  # the story's turn
        await world.run(300.0)
        assert world.daemon.console.is_healthy() == (True, "The loops progress.")
        await world.run(300.0)
        healthy, because = world.daemon.console.is_healthy()
        assert not healthy
        assert "discover" in because
        await world.daemon.stop()

    virtual(story())


def test_probes_that_the_shutdown_cuts_off_are_counted(virtual: Virtual) -> None:
    async def story() -> None:
        world = await a_world(Build(cloud=FakeCloud(a_deployment("a"))))
        world.prober.seconds = 100.0
        await world.run(POLL - 1.0)
        await world.daemon.stop()
        assert world.meter.total("probe_skipped", "a", "shutdown") == 1

    virtual(story())

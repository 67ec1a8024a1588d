"""Scale calls: recorded before they leave, made once, looked at again, never repeated blindly."""

from collections.abc import Callable
from typing import Any

import pytest
from helpers import Build, World, a_world, managed
from helpers_fakes import FakeCloud, a_deployment, refused, unknown

from autoscaler.core.codec import decode
from autoscaler.core.model import Ask, Deployment
from autoscaler.core.policy import Policy
from autoscaler.core.words import Mode, Status
from autoscaler.ports import Batch
from autoscaler.store import MemoryStore

Virtual = Callable[..., Any]
POLL = 15.0
SETTLING = 45.0
BELOW = managed(min_replicas=3, settling_window_seconds=SETTLING)
"""One replica runs, three are the min: an ask that needs no evidence."""


async def started(cloud: FakeCloud, **config: object) -> World:
    return await a_world(Build(cloud=cloud, config={"policy_for": BELOW, **config}))


async def until_asked(world: World) -> None:
    """The first settling window after the start is over, and one tick."""
    await world.run(SETTLING + 2 * POLL)


def ask_of(world: World, id_: str = "dep-a") -> Ask:
    return decode(Ask, world.store.documents("ask")[id_])


def test_a_count_below_min_is_asked_up_after_the_first_settling_window(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started(FakeCloud(a_deployment("a")))
        await world.run(SETTLING - POLL)
        assert world.cloud.puts == []
        await world.run(3 * POLL)
        assert world.cloud.puts == [("dep-a", 3)]
        await world.run(POLL)
        assert ask_of(world).outcome == "settled"
        assert world.meter.total("scale_call", "a", "up", "ok") == 1
        assert world.meter.total("scale_settled", "up") == 1
        await world.daemon.stop()

    virtual(story())


def test_the_intent_is_on_disk_before_the_call_leaves(virtual: Virtual) -> None:
    async def story() -> None:
        cloud = FakeCloud(a_deployment("a"))
        world = await started(cloud)
        scale, found = cloud.scale, []

        async def looked_at(deployment_id: str, replicas: int) -> Deployment | None:
            found.append(ask_of(world))
            return await scale(deployment_id, replicas)

        cloud.scale = looked_at  # type: ignore[method-assign]  # the story's turn
        await until_asked(world)
        assert [(a.count, a.from_count, a.outcome) for a in found] == [(3, 1, "pending")]
        await world.daemon.stop()

    virtual(story())


def test_without_a_record_no_call_leaves(virtual: Virtual) -> None:
    """A disk that is full keeps the daemon from acting, not from going on."""

    class FullDisk(MemoryStore):
        full = True

        def commit(self, batch: Batch) -> None:
            if self.full and any(kind == "ask" for kind, _ in batch.documents):
                raise OSError(28, "No space left on device")
            super().commit(batch)

    async def story() -> None:
        store = FullDisk()
        world = await a_world(
            Build(cloud=FakeCloud(a_deployment("a")), config={"policy_for": BELOW}, store=store)
        )
        await until_asked(world)
        assert world.cloud.puts == []
        assert world.meter.total("job", "decide", "failed") > 0
        store.full = False
        await world.run(POLL)
        assert world.cloud.puts == [("dep-a", 3)]
        await world.daemon.stop()

    virtual(story())


def test_a_count_that_changed_since_the_decision_withholds_the_call(virtual: Virtual) -> None:
    async def story() -> None:
        cloud = FakeCloud(a_deployment("a"))
        world = await started(cloud)
        get = cloud.get

        async def moved(deployment_id: str) -> Deployment | None:
            cloud.put(deployment_id, replicas=2)
            return await get(deployment_id)

        cloud.get = moved  # type: ignore[method-assign]  # the story's turn
        await until_asked(world)
        assert ("dep-a", 3) not in world.cloud.puts[:1] or cloud.deployments["dep-a"].replicas == 3
        first = [operation for operation, _, _ in cloud.calls if operation in {"get", "scale"}]
        assert first[0] == "get"
        assert first[1:2] != ["scale"]
        await world.daemon.stop()

    virtual(story())


def test_a_call_of_unknown_outcome_counts_as_asked_and_is_not_repeated(virtual: Virtual) -> None:
    async def story() -> None:
        cloud = FakeCloud(a_deployment("a"))
        cloud.fail["scale"] = unknown()
        world = await started(cloud)
        await until_asked(world)
        assert len(cloud.puts) == 1
        assert ask_of(world).outcome == "pending"
        assert world.picture.deployments[0].ask is not None
        await world.run(SETTLING - 2 * POLL)
        assert len(cloud.puts) == 1, "a settling window without any sign is not over"
        del cloud.fail["scale"]
        await world.run(4 * SETTLING)
        assert cloud.puts == [("dep-a", 3)] * 2
        await world.daemon.stop()

    virtual(story())


def test_a_lost_call_costs_nothing(virtual: Virtual) -> None:
    async def story() -> None:
        cloud = FakeCloud(a_deployment("a"))
        cloud.fail["scale"] = unknown()
        world = await started(cloud)
        await until_asked(world)
        world.daemon.console.pause("a", by="ann", reason="one call is enough", seconds=None)
        await world.run(SETTLING + 2 * POLL)
        assert ask_of(world).outcome == "overdue"
        ledger = world.daemon._fleet.watched["dep-a"].ledger
        assert float(ledger.replica_seconds) == pytest.approx(2 * SETTLING + 4 * POLL, abs=POLL)
        await world.daemon.stop()

    virtual(story())


def test_a_refused_call_ends_the_ask(virtual: Virtual) -> None:
    async def story() -> None:
        cloud = FakeCloud(a_deployment("a"))
        cloud.fail["scale"] = refused("HTTP 400, quota exceeded")
        world = await started(cloud)
        await until_asked(world)
        assert ask_of(world).outcome == "refused"
        assert world.meter.total("scale_call", "a", "up", "rejected") >= 1
        await world.daemon.stop()

    virtual(story())


def test_an_accepted_call_that_does_nothing_goes_overdue(virtual: Virtual) -> None:
    async def story() -> None:
        cloud = FakeCloud(a_deployment("a"))
        cloud.obeys = False
        policy_for = managed(
            min_replicas=3, settling_window_seconds=SETTLING, settle_deadline_seconds=100
        )
        world = await started(cloud, policy_for=policy_for)
        await until_asked(world)
        assert ask_of(world).outcome == "accepted"
        world.daemon.console.pause("a", by="ann", reason="one call is enough", seconds=None)
        await world.run(100 + POLL)
        assert ask_of(world).outcome == "overdue"
        assert "trigger" in world.notifier.of("NeevScaleStuck")
        await world.daemon.stop()

    virtual(story())


def test_after_a_crash_a_pending_ask_is_read_again_before_anything(virtual: Virtual) -> None:
    """The call left and took effect, the daemon died before it knew."""

    async def story() -> None:
        cloud, store = FakeCloud(a_deployment("a")), MemoryStore()
        build = Build(cloud=cloud, config={"policy_for": BELOW}, store=store)
        world = await a_world(build)
        await world.run(POLL)
        await world.kill()
        store.commit(
            Batch(
                documents={
                    ("ask", "dep-a"): {
                        "count": 3,
                        "from_count": 1,
                        "asked_at": world.clock.now(),
                        "outcome": "pending",
                        "closed_at": None,
                    }
                }
            )
        )
        cloud.put("dep-a", replicas=3)
        again = await a_world(build)
        await again.run(2 * SETTLING)
        assert cloud.puts == []
        assert ask_of(again).outcome == "settled"
        await again.daemon.stop()

    virtual(story())


@pytest.mark.parametrize(
    "policy",
    [
        Policy(mode=Mode.ADVISORY, matched="x", min_replicas=3, max_replicas=8),
        Policy(mode=Mode.ACTIVE, matched=None, min_replicas=3, max_replicas=8),
        Policy(mode=Mode.ACTIVE, matched="x", min_replicas=3, max_replicas=None),
    ],
    ids=["advisory", "unmatched", "no max"],
)
def test_it_calls_scale_only_where_it_may(virtual: Virtual, policy: Policy) -> None:
    async def story() -> None:
        world = await started(FakeCloud(a_deployment("a")), policy_for=lambda _: policy)
        await world.run(4 * SETTLING)
        assert world.cloud.puts == []
        await world.daemon.stop()

    virtual(story())


def test_a_pause_that_comes_while_the_call_is_being_made_still_counts(virtual: Virtual) -> None:
    async def story() -> None:
        cloud = FakeCloud(a_deployment("a"))
        world = await started(cloud)
        get = cloud.get

        async def paused_meanwhile(deployment_id: str) -> Deployment | None:
            world.daemon.console.pause("a", by="ann", reason="demo", seconds=None)
            return await get(deployment_id)

        cloud.get = paused_meanwhile  # type: ignore[method-assign]  # the story's turn
        await world.run(3 * SETTLING)
        assert cloud.puts == []
        await world.daemon.stop()

    virtual(story())


def test_probes_go_on_at_the_last_endpoint_through_our_own_transition(virtual: Virtual) -> None:
    async def story() -> None:
        cloud = FakeCloud(a_deployment("a"))
        cloud.obeys = False
        world = await started(cloud)
        await until_asked(world)
        cloud.put("dep-a", status=Status.INITIALIZING, endpoint_url=None)
        await world.run(POLL)
        before = len(world.prober.probed)
        await world.run(4 * POLL)
        assert len(world.prober.probed) >= before + 3
        assert world.prober.probed[-1] == ("a", "http://127.0.0.1:1/a")
        await world.daemon.stop()

    virtual(story())


def test_a_deployment_that_is_not_ready_by_itself_is_not_probed(virtual: Virtual) -> None:
    async def story() -> None:
        world = await started(FakeCloud(a_deployment("a")))
        await world.run(POLL)
        world.cloud.put("dep-a", status=Status.INITIALIZING)
        await world.run(POLL)
        before = len(world.prober.probed)
        await world.run(4 * POLL)
        assert len(world.prober.probed) == before
        await world.daemon.stop()

    virtual(story())


def test_the_daemon_never_deploys_and_never_deletes(virtual: Virtual) -> None:
    """It lists, gets, reads the inventory and scales; the seam has no other call."""

    async def story() -> None:
        world = await started(FakeCloud(a_deployment("a"), a_deployment("b", replicas=9)))
        await world.run(4 * SETTLING)
        assert {operation for operation, _, _ in world.cloud.calls} <= {
            *("list", "get", "inventory", "scale")
        }
        await world.daemon.stop()

    virtual(story())

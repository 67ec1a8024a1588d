"""A large fleet is written in parts, none of which parts what belongs together."""

from collections.abc import Callable
from typing import Any

from helpers import Build, a_world, managed
from helpers_fakes import FakeCloud, a_deployment

from autoscaler.core.words import Status
from autoscaler.daemon.writing import PART
from autoscaler.ports import Batch
from autoscaler.store import MemoryStore

Virtual = Callable[..., Any]
POLL = 15.0
FLEET = 2 * PART + 5


class Recording(MemoryStore):
    """Remembers what was written, and refuses the write after the first that holds an intent."""

    def __init__(self, *, refuses: bool = False) -> None:
        super().__init__()
        self.batches: list[Batch] = []
        self._refuses = refuses
        self.refused = 0

    def commit(self, batch: Batch) -> None:
        asked = [batch for batch in self.batches[-1:] if _holds_an_ask(batch)]
        self.batches.append(batch)
        if asked and self._refuses and not self.refused:
            self.refused += 1
            raise OSError(28, "No space left on device")
        super().commit(batch)


def _holds_an_ask(batch: Batch) -> bool:
    return any(kind == "ask" and body is not None for (kind, _), body in batch.documents.items())


def a_fleet() -> FakeCloud:
    return FakeCloud(*(a_deployment(f"chat-{number:02}") for number in range(FLEET)))


def test_each_deployment_is_written_whole_and_the_alerts_come_last(virtual: Virtual) -> None:
    async def story() -> None:
        store, cloud = Recording(), a_fleet()
        world = await a_world(Build(cloud=cloud, store=store, seconds=600.0))
        await world.run(POLL)
        cloud.put("dep-chat-03", status=Status.FAILED)
        await world.run(POLL + 2.0)
        store.batches.clear()
        await world.daemon.decide_once()
        sizes = [len(batch.observations) for batch in store.batches]
        assert sizes == [PART, PART, FLEET - 2 * PART]
        for batch in store.batches:
            seen = {id_ for _, id_, _ in batch.observations}
            assert {id_ for id_, _ in batch.history} == seen
            assert {id_ for kind, id_ in batch.documents if kind == "state"} == seen
            assert {d.deployment_id for d in batch.decisions} <= seen
            of_alerts = [kind for kind, _ in batch.documents if kind.startswith("alert")]
            assert bool(of_alerts) == (batch is store.batches[-1])
        await world.daemon.stop()

    virtual(story())


def test_a_part_that_fails_lets_no_call_leave_and_is_written_with_the_next(
    virtual: Virtual,
) -> None:
    """Intents of the parts before it are on disk by then: whoever dies now has asked, for all that
    the next process can know.
    """

    async def story() -> None:
        store, cloud = Recording(refuses=True), a_fleet()
        policy_for = managed(min_replicas=2, settling_window_seconds=POLL)
        world = await a_world(
            Build(cloud=cloud, store=store, seconds=600.0, config={"policy_for": policy_for})
        )
        while not store.refused:
            await world.run(1.0)
        assert len(store.documents("ask")) == PART
        await world.run(1.0)
        assert cloud.puts == []
        await world.run(POLL)
        assert sorted(cloud.puts) == [(id_, 2) for id_ in sorted(cloud.deployments)]
        await world.daemon.stop()

    virtual(story())

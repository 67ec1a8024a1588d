"""A silence mutes, its end lets through, and one that failed is none."""

from collections.abc import Callable
from typing import Any

import pytest
from helpers import Build, a_world
from helpers_fakes import FakeCloud, FullDisk, a_deployment

from autoscaler.core.words import Status

Virtual = Callable[..., Any]
POLL = 15.0
ALERT = "NeevDeploymentFailed"
KNOWN = ["deployment=a"]


def test_a_silence_mutes_and_its_end_lets_through(virtual: Virtual) -> None:
    async def story() -> None:
        world = await a_world(Build(cloud=FakeCloud(a_deployment("a"))))
        await world.run(POLL + 2.0)
        console = world.daemon.console
        silence = console.silence(matchers=KNOWN, seconds=3600.0, by="ann", reason="known")
        world.cloud.put("dep-a", status=Status.FAILED)
        await world.run(3 * POLL)
        assert world.notifier.of(ALERT) == []
        assert [s.id for s in world.picture.silences] == [silence]
        muted = {a.name: a.silenced_by for a in world.picture.alerts}
        assert muted[ALERT] == silence
        console.unsilence(silence)
        await world.run(POLL)
        assert world.notifier.of(ALERT) == ["trigger"]
        await world.daemon.stop()

    virtual(story())


def test_a_silence_that_could_not_be_written_does_not_come_into_force(virtual: Virtual) -> None:
    """Whoever asked for it was told that it failed, and relies on being told of alerts."""

    async def story() -> None:
        disk = FullDisk()
        world = await a_world(Build(cloud=FakeCloud(a_deployment("a")), store=disk))
        await world.run(POLL + 2.0)
        disk.full = True
        with pytest.raises(OSError, match="No space left"):
            world.daemon.console.silence(matchers=KNOWN, seconds=3600.0, by="ann", reason="known")
        disk.full = False
        world.cloud.put("dep-a", status=Status.FAILED)
        await world.run(3 * POLL)
        assert world.picture.silences == ()
        assert world.notifier.of(ALERT) == ["trigger"]
        await world.daemon.stop()

    virtual(story())

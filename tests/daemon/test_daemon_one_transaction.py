"""A silence that somebody keeps while a large fleet is looked at never parts an alert's change from
its notifications, whichever write then fails and wherever the process dies.

Looks and writes of more than 20 deployments give others a turn in between. The stories keep a
silence in the first such turn at two moments: when a look begins (it asks when the token expires),
and when an alert has begun to fire or ended (the meter is told within the look).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from helpers import Build, World, a_world
from helpers_fakes import FakeCloud, a_deployment
from helpers_meter import CountingMeter

from autoscaler.core.words import Status
from autoscaler.daemon.console import DaemonConsole
from autoscaler.ports import Batch
from autoscaler.store import MemoryStore

Virtual = Callable[..., Any]
POLL = 15.0
FLEET = 25
"""Deployments: more than are looked at and written without a turn for others."""
ALERT = "NeevDeploymentFailed"
WRITES = 4
"""A story lets one of so many writes fail, counted from the change of the alert: among them are
those of both parts of the fleet, the look's and the silence's.
"""
NOBODY = {"matchers": ["deployment=nobody"], "seconds": 600.0, "by": "ann", "reason": "upgrade"}


class FailingStore(MemoryStore):
    """Lets a chosen write fail, before or after it is on disk."""

    def __init__(self) -> None:
        super().__init__()
        self.left: int | None = None
        """Writes until the one that fails; None = none fails."""
        self.is_late = False
        """Whether the write that fails is on disk all the same."""
        self.is_dead = False
        """Whether all after it fail as well, because the process is as good as killed."""

    def commit(self, batch: Batch) -> None:
        if self.left is None:
            super().commit(batch)
            return
        self.left -= 1
        fails = self.left == -1 or (self.left < -1 and self.is_dead)
        if not fails or (self.left == -1 and self.is_late):
            super().commit(batch)
        if fails:
            raise OSError(5, "Input/output error")


class Person:
    """Keeps silences at the next turn that the loop gives."""

    def __init__(self) -> None:
        self.console: DaemonConsole | None = None
        """None = nobody is there."""
        self.kept = self.refused = 0

    def act_soon(self) -> None:
        if self.console is not None:
            asyncio.get_running_loop().call_soon(self._silence, self.console)

    def _silence(self, console: DaemonConsole) -> None:
        try:
            console.silence(
                matchers=["deployment=nobody"], seconds=600.0, by="ann", reason="upgrade"
            )
            self.kept += 1
        except OSError:
            self.refused += 1


class TellingCloud(FakeCloud):
    """Lets the person act as soon as a look begins."""

    person = Person()

    def credential_expires_at(self) -> float | None:
        self.person.act_soon()
        return super().credential_expires_at()


class TellingMeter(CountingMeter):
    """Lets the person act as soon as an alert has changed."""

    person = Person()

    def alert_transition(self, name: str, severity: str, to: str) -> None:
        super().alert_transition(name, severity, to)
        self.person.act_soon()


@dataclass
class Stage:
    """A large fleet, a person, and a disk that fails once."""

    build: Build
    store: FailingStore
    person: Person
    worlds: list[World] = field(default_factory=list)

    async def start(self) -> None:
        self.worlds.append(await a_world(self.build))
        await self.worlds[-1].run(2 * POLL)

    async def change(self, status: Status, *, fails_at: int) -> None:
        """Let a status change while the person acts and a write fails; then all is well again."""
        world = self.worlds[-1]
        self.person.console, self.store.left = world.daemon.console, fails_at
        self.build.cloud.put("dep-chat-07", status=status)
        await world.run(2 * POLL)
        assert self.store.left < 0, "the write that was to fail never came"
        self.person.console = None
        if self.store.is_dead:
            await world.kill()
            self.store.left = None
            await self.start()
        self.store.left = None
        await self.worlds[-1].run(2 * POLL)

    @property
    def told(self) -> list[str]:
        return [event for world in self.worlds for event in world.notifier.of(ALERT)]


def a_stage(moment: str, *, is_dead: bool, is_late: bool) -> Stage:
    names = [f"chat-{number:02}" for number in range(FLEET)]
    cloud, meter = TellingCloud(*(a_deployment(name) for name in names)), TellingMeter()
    person, store = Person(), FailingStore()
    (cloud if moment == "a look begins" else meter).person = person
    store.is_dead, store.is_late = is_dead, is_late
    return Stage(
        build=Build(cloud=cloud, store=store, meter=meter, seconds=600.0),
        store=store,
        person=person,
    )


def test_the_next_write_that_fails_is_made_up_for(virtual: Virtual) -> None:
    """The alert whose change could not be written is told by the next look."""

    async def story() -> None:
        stage = a_stage("an alert changes", is_dead=False, is_late=False)
        await stage.start()
        await stage.change(Status.FAILED, fails_at=1)
        assert stage.told == ["trigger"]
        await stage.worlds[-1].daemon.stop()

    virtual(story())


@pytest.mark.slow
@pytest.mark.parametrize("is_late", [False, True], ids=["not written", "written"])
@pytest.mark.parametrize("is_dead", [False, True], ids=["goes on", "dies"])
@pytest.mark.parametrize("fails_at", range(WRITES))
@pytest.mark.parametrize("moment", ["a look begins", "an alert changes"])
def test_a_silence_kept_meanwhile_loses_and_doubles_no_notification(
    moment: str, fails_at: int, *, is_dead: bool, is_late: bool, virtual: Virtual
) -> None:
    async def story() -> None:
        stage = a_stage(moment, is_dead=is_dead, is_late=is_late)
        await stage.start()
        await stage.change(Status.FAILED, fails_at=fails_at)
        assert stage.told == ["trigger"]
        await stage.change(Status.READY, fails_at=fails_at)
        assert stage.told == ["trigger", "resolve"]
        dies_before_it_looks = is_dead and not fails_at
        assert stage.person.kept + stage.person.refused > 0 or dies_before_it_looks
        await stage.worlds[-1].daemon.stop()

    virtual(story())

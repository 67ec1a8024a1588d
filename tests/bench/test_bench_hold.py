"""How long one tick of a large fleet keeps the event loop from everything else. Lists are taken in,
decisions, alerts and pictures made and deployments written some at a time; what is left at once is
the transaction of the alerts' change.

Late reads spoil probes: what holds the loop for longer than 50 ms is measured as latency of others.
"""

import asyncio
import gc
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import structlog
from helpers import Build, World, a_world
from helpers_fakes import FakeCloud, a_deployment

from autoscaler.store import SqliteStore

pytestmark = pytest.mark.bench

MOST_SECONDS = 0.05
"""Wanted of each step's best try: the others also tell what else ran on the machine."""
TICKS = 5
RECENT = 120
"""Probes of the last 10 minutes that each deployment has: one each 5 s."""


class Holds:
    """Notes the longest time in which nothing else could run."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._spin())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        await asyncio.sleep(0)
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _spin(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            self.longest, last = max(self.longest, now - last), now


@pytest.fixture
def _collected_as_in_the_daemon() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(10_000, 20, 20)
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


async def held(step: Callable[[], Awaitable[object]]) -> float:
    async with Holds() as measured:
        await step()
    return measured.longest


def tell(count: int, name: str, found: list[float]) -> None:
    best, middle, worst = (
        1000 * x for x in (min(found), sorted(found)[len(found) // 2], max(found))
    )
    print(
        f"{count} deployments, {name}: holds the loop for {best:.0f} ms at best, {middle:.0f} ms in"
        f" the middle, {worst:.0f} ms at worst"
    )


async def first_steps(world: World, count: int) -> None:
    """The first list and the first tick: everything is new and is written."""
    for name, step in (
        ("first list", world.daemon.discover_once),
        ("first tick", world.daemon.decide_once),
    ):
        found = await held(step)
        tell(count, name, [found])
        assert found < 2 * MOST_SECONDS, name


async def later_steps(world: World, count: int) -> None:
    for watched in world.daemon._fleet:
        watched.recent.extend([watched.recent[-1]] * RECENT)
    gc.collect()
    gc.freeze()
    found: dict[str, list[float]] = {}
    for _ in range(TICKS):
        await world.run(15.0)
        for name, step in (
            ("list", world.daemon.discover_once),
            ("look and commit", world.daemon._tick.look_once),
            ("whole tick", world.daemon.decide_once),
        ):
            found.setdefault(name, []).append(await held(step))
    for name, seconds in found.items():
        tell(count, name, seconds)
        assert min(seconds) < MOST_SECONDS, name


@pytest.mark.usefixtures("_collected_as_in_the_daemon")
@pytest.mark.parametrize("count", [100, 1000])
def test_how_long_a_tick_holds_the_loop(
    count: int, tmp_path: Path, virtual: Callable[..., Any]
) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

    async def story() -> None:
        store = SqliteStore(tmp_path / "state.db")
        cloud = FakeCloud(*(a_deployment(f"chat-{number:04}") for number in range(count)))
        world = await a_world(Build(cloud=cloud, store=store))
        await first_steps(world, count)
        await world.run(60.0)
        await later_steps(world, count)
        await world.daemon.stop()
        store.close()

    virtual(story())

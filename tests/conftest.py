"""What every test gets: no leaked task or session, no seed unsaid, no foreign environment."""

import asyncio
import gc
import os
import random
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import aiohttp
import pytest
import structlog

from autoscaler.clock import run_virtual

OURS = ("NEEV_", "NEEVSCALE_")


@pytest.fixture(autouse=True)
def _no_foreign_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the credentials or settings of whoever runs it (SEMANTICS 6)."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A test that sets the log up leaves no trace."""
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
async def _nothing_left_behind(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """A test fails if it leaves a task running or a session open on its loop."""
    if not _is_async(request):
        yield
        return
    before = set(asyncio.all_tasks())
    yield
    await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() - before if not task.done()]
    left = [task for task in left if task is not asyncio.current_task()]
    assert not left, f"tasks left running: {[task.get_name() for task in left]}"
    assert not open_sessions(), "client sessions left open"


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Seeded by the test's name; the seed is printed and shown where the test fails."""
    seed = zlib.crc32(request.node.nodeid.encode())
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture
def virtual() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """Runs a coroutine on a fresh virtual-time loop, and checks that it leaves nothing behind."""

    def run(story: Coroutine[Any, Any, Any]) -> Any:
        return run_virtual(_checked(story))

    yield run
    assert not open_sessions(), "client sessions left open"


async def _checked(story: Coroutine[Any, Any, Any]) -> Any:
    result = await story
    await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    names = [task.get_name() for task in left]
    for task in left:
        task.cancel()
    assert not left, f"tasks left running: {names}"
    return result


def open_sessions() -> list[aiohttp.ClientSession]:
    """Client sessions that nobody closed."""
    return [
        thing
        for thing in gc.get_objects()
        if isinstance(thing, aiohttp.ClientSession) and not thing.closed
    ]


def _is_async(request: pytest.FixtureRequest) -> bool:
    return asyncio.iscoroutinefunction(getattr(request.node, "obj", None))

"""What every test gets: no leaked task or session, no seed unsaid, no foreign environment."""

import asyncio
import os
import random
import weakref
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import aiohttp
import pytest
import structlog
from hypothesis import HealthCheck, settings

from autoscaler.clock import run_virtual

OURS = ("NEEV_", "NEEVSCALE_")

settings.register_profile(
    "neevscale",
    deadline=None,  # a busy machine is no fault of ours
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI"
    in os.environ,  # CI judges a change, not its luck; elsewhere new cases are tried
    print_blob=True,
)
settings.load_profile("neevscale")


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
def _nothing_left_behind(request: pytest.FixtureRequest) -> None:
    """An asynchronous test fails if it leaves a task running or a session open on its loop."""
    if asyncio.iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("_loop_left_clean")


@pytest.fixture
async def _loop_left_clean() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0)
    now = asyncio.all_tasks() - before - {asyncio.current_task()}
    left = [task.get_name() for task in now if not task.done()]
    assert not left, f"tasks left running: {left}"
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
    return [session for session in _sessions if not session.closed]


_sessions: weakref.WeakSet[aiohttp.ClientSession] = weakref.WeakSet()


def _remember_sessions() -> None:
    """Note every client session that is made; a search of the heap would take 10 ms a test."""
    made = aiohttp.ClientSession.__init__

    def init(session: aiohttp.ClientSession, *args: Any, **options: Any) -> None:
        made(session, *args, **options)
        _sessions.add(session)

    aiohttp.ClientSession.__init__ = init  # type: ignore[assignment]  # on purpose, once


_remember_sessions()

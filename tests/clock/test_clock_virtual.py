"""Virtual time jumps, exactly, and only when nothing else can happen."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from autoscaler.clock import LoopClock, LoopEvery, VirtualTimeLoop, run_virtual

BASE = 1_790_000_000.0
Virtual = Callable[..., Any]


def test_a_day_of_sleep_takes_no_time(virtual: Virtual) -> None:
    async def story() -> float:
        await asyncio.sleep(86400.0)
        return asyncio.get_running_loop().time()

    started = time.monotonic()

    assert virtual(story()) == pytest.approx(86400.0)
    assert time.monotonic() - started < 5.0  # a day is 17,000 times that


def test_the_loop_clock_follows_the_loop(virtual: Virtual) -> None:
    async def story() -> tuple[float, float]:
        clock = LoopClock(BASE)
        await clock.sleep(90.0)
        return clock.now(), clock.monotonic()

    assert virtual(story()) == pytest.approx((BASE + 90.0, 90.0))


def test_a_timeout_expires_at_its_own_instant(virtual: Virtual) -> None:
    async def story() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10.0):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert virtual(story()) == pytest.approx(10.0)


def test_latencies_over_real_loopback_http_are_exact(virtual: Virtual) -> None:
    """40 requests in parallel, each answered after 0.4 s, all read as 0.4 s."""

    async def answer(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.4)
        return web.Response(text="ok")

    async def story() -> list[float]:
        app = web.Application()
        app.router.add_get("/", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        clock = LoopClock(BASE)
        async with aiohttp.ClientSession() as session:

            async def ask() -> float:
                sent = clock.monotonic()
                async with session.get(f"http://127.0.0.1:{runner.addresses[0][1]}/") as response:
                    await response.read()
                return clock.monotonic() - sent

            took = await asyncio.gather(*(ask() for _ in range(40)))
        await runner.cleanup()
        return list(took)

    assert virtual(story()) == pytest.approx([0.4] * 40, abs=1e-6)


def test_time_stands_still_while_a_thread_works(virtual: Virtual) -> None:
    """A deadline does not expire because a name is being resolved in a worker thread."""

    async def story() -> float:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(1.0):
            await loop.run_in_executor(None, time.sleep, 0.05)
        return loop.time()

    assert virtual(story()) < 1.0


def test_time_begins_at_zero_on_each_loop() -> None:
    loop = VirtualTimeLoop()
    assert loop.time() == 0.0
    loop.close()


async def _count_runs(seconds: float, *, until: float, lasts: float = 0.0) -> tuple[int, int]:
    clock, runs = LoopClock(BASE), 0
    missed: list[str] = []
    every = LoopEvery(clock, missed=missed.append)

    async def job() -> None:
        nonlocal runs
        runs += 1
        await clock.sleep(lasts)

    every.add("job", seconds, job)
    await every.start()
    await clock.sleep(until)
    await every.stop()
    return runs, len(missed)


def test_a_job_runs_at_once_and_then_every_interval() -> None:
    assert run_virtual(_count_runs(15.0, until=60.5)) == (5, 0)


def test_runs_that_would_overlap_are_missed_and_counted() -> None:
    runs, missed = run_virtual(_count_runs(1.0, until=10.2, lasts=2.5))

    assert runs == 4  # at 0, 3, 6 and 9: on the grid, never two at once
    assert missed == 6


def test_a_delayed_job_waits_first() -> None:
    async def story() -> list[float]:
        clock, at = LoopClock(0.0), []

        async def job() -> None:
            at.append(clock.now())

        every = LoopEvery(clock)
        every.add("job", 10.0, job, delay_seconds=1.0)
        await every.start()
        await clock.sleep(25.0)
        await every.stop()
        return at

    assert run_virtual(story()) == pytest.approx([1.0, 11.0, 21.0])


def test_a_job_added_again_takes_its_new_interval_from_the_next_run_on() -> None:
    async def story() -> list[float]:
        clock, at = LoopClock(0.0), []

        async def job() -> None:
            at.append(clock.now())

        every = LoopEvery(clock)
        every.add("job", 10.0, job)
        await every.start()
        await clock.sleep(5.0)
        every.add("job", 2.0, job)
        await clock.sleep(9.5)
        await every.stop()
        return at

    assert run_virtual(story()) == pytest.approx([0.0, 10.0, 12.0, 14.0])


def test_stopping_waits_for_the_run_under_way_and_cuts_the_wait_short() -> None:
    async def story() -> tuple[int, float]:
        clock = LoopClock(0.0)
        done: list[bool] = []

        async def job() -> None:
            await clock.sleep(3.0)
            done.append(True)

        every = LoopEvery(clock)
        every.add("job", 1000.0, job)
        await every.start()
        await clock.sleep(1.0)
        await every.stop()
        return len(done), clock.now()

    done, ended_at = run_virtual(story())
    assert done == 1
    assert ended_at == pytest.approx(3.0)

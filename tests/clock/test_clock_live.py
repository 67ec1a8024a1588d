"""APScheduler behind the same seam."""

import asyncio
import time

import pytest

from autoscaler.clock import SchedulerEvery, SystemClock


def test_the_system_clock_tells_the_machines_time() -> None:
    clock = SystemClock()
    assert clock.now() == pytest.approx(time.time(), abs=1.0)
    assert clock.monotonic() == pytest.approx(time.monotonic(), abs=1.0)


async def test_a_job_runs_at_once_and_again() -> None:
    ran = asyncio.Semaphore(0)

    async def job() -> None:
        ran.release()

    every = SchedulerEvery()
    every.add("job", 0.01, job)
    await every.start()
    async with asyncio.timeout(10.0):
        for _ in range(3):
            await ran.acquire()
    await every.stop()


async def test_runs_never_overlap_and_those_lost_are_told() -> None:
    missed = asyncio.Event()
    inside, most = 0, 0

    def tell(name: str) -> None:
        assert name == "job"
        missed.set()

    async def job() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await missed.wait()
        inside -= 1

    every = SchedulerEvery(missed=tell)
    every.add("job", 0.01, job)
    await every.start()
    async with asyncio.timeout(10.0):
        await missed.wait()
    await every.stop()
    assert most == 1


async def test_stopping_waits_for_the_run_under_way() -> None:
    started, finished = asyncio.Event(), asyncio.Event()

    async def job() -> None:
        started.set()
        for _ in range(5):
            await asyncio.sleep(0)
        finished.set()

    every = SchedulerEvery()
    every.add("job", 60.0, job)
    await every.start()
    async with asyncio.timeout(10.0):
        await started.wait()
        await every.stop()
    assert finished.is_set()


async def test_a_stop_that_is_cut_off_cancels_the_run_under_way() -> None:
    cancelled, started = asyncio.Event(), asyncio.Event()

    async def job() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    every = SchedulerEvery()
    every.add("job", 60.0, job)
    await every.start()
    async with asyncio.timeout(10.0):
        await started.wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(every.stop(), 0.01)
        await cancelled.wait()


async def test_stopping_what_was_never_started_does_nothing() -> None:
    await SchedulerEvery().stop()

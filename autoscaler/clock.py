"""Time: the system's, the loop's, and a loop whose time jumps; and the seam that runs jobs.

This file is the only one that reads the wall clock. Everything else is handed a `Clock`, so that
a day can pass in seconds: on `VirtualTimeLoop`, `asyncio.sleep`, `asyncio.timeout` and aiohttp's
deadlines all follow `loop.time()`, which jumps to the next timer whenever nothing is ready.
Time is never accelerated by a rate: that distorts every latency (codebases.md 3.5).

APScheduler computes its due times from the wall clock and cannot follow virtual time; hence
`every()` has two implementations, `SchedulerEvery` (live) and `LoopEvery` (virtual).
"""

import asyncio
import contextlib
import selectors
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from autoscaler.ports import Clock

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

Job = Callable[[], Awaitable[None]]
Missed = Callable[[str], None]
"""Told the name of a job whose run was skipped."""

ROUNDING_SECONDS = 1e-6
"""Sums of floats may miss an instant by so much."""
LONG_JUMP_SECONDS = 1.0
"""A jump of at least this long could expire a deadline, so the kernel gets one more look first."""
KERNEL_GRACE_SECONDS = 0.0002
"""How long that look waits in real time for loopback packets that the kernel still holds."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Seconds since the epoch; may step when the system's clock is set."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds of a clock that never steps back, to the nanosecond (uvloop's is to 1 ms)."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        await asyncio.sleep(seconds)


class LoopClock:
    """Instants are `base` + the running loop's time: on a virtual loop both jump together."""

    def __init__(self, base: float) -> None:
        self._base = base

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._base + asyncio.get_running_loop().time()

    def monotonic(self) -> float:
        """The loop's own seconds."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait in the loop's time."""
        await asyncio.sleep(seconds)


class _JumpingSelector(selectors.DefaultSelector):
    """Polls without waiting, and asks its loop to jump where waiting would be all there is."""

    def __init__(self, kernel_grace_seconds: float) -> None:
        super().__init__()
        self._grace_seconds = kernel_grace_seconds
        self.virtual_now = 0.0
        self.threads: set[asyncio.Future[Any]] = set()
        """Worker threads under way (aiohttp resolves names in one): time stands still for them,
        otherwise every pending deadline would expire at once."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready, or jump; the loop calls this once a turn."""
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        if timeout is None or self.threads:
            return super().select(None)
        if self._grace_seconds and timeout >= LONG_JUMP_SECONDS:
            events = super().select(self._grace_seconds)
            if events:
                return events
        self.virtual_now += timeout
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose time starts at 0 and jumps to the next timer when nothing is ready.

    Files and sockets are real. Start no threads of your own on it: time stands still meanwhile.
    """

    def __init__(self, *, kernel_grace_seconds: float = KERNEL_GRACE_SECONDS) -> None:
        """`kernel_grace_seconds` may be 0 where nothing talks over sockets: a day of one-second
        sleeps would wait 20 s for packets that cannot come.
        """
        self._jumping = _JumpingSelector(kernel_grace_seconds)
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.virtual_now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run `func` in a worker thread; virtual time stands still until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self._jumping.threads.add(future)
        future.add_done_callback(self._jumping.threads.discard)
        return future


def run_virtual(
    main: Coroutine[Any, Any, T], *, kernel_grace_seconds: float = KERNEL_GRACE_SECONDS
) -> T:
    """Run `main` to its end on a fresh virtual-time loop."""

    def fresh() -> VirtualTimeLoop:
        return VirtualTimeLoop(kernel_grace_seconds=kernel_grace_seconds)

    with asyncio.Runner(loop_factory=fresh) as runner:
        return runner.run(main)


class LoopEvery:
    """Jobs as plain loops, on whatever time the clock tells. An error of a job ends its loop and
    is raised by `stop`: whoever adds a job guards it.
    """

    def __init__(self, clock: Clock, *, missed: Missed = lambda _: None) -> None:
        self._clock = clock
        self._missed = missed
        self._jobs: dict[str, tuple[float, Job]] = {}
        self._delays: dict[str, float] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()

    def add(self, name: str, seconds: float, job: Job, *, delay_seconds: float = 0.0) -> None:
        """Register a job; one of the same name is replaced from its next run on."""
        self._jobs[name] = (seconds, job)
        self._delays[name] = delay_seconds
        if self._tasks and name not in self._tasks:
            self._begin(name)

    async def start(self) -> None:
        """Run each job now, and again every so many seconds."""
        self._stopping.clear()
        for name in self._jobs:
            self._begin(name)

    async def stop(self) -> None:
        """Begin no run any more, and wait for those under way."""
        self._stopping.set()
        tasks, self._tasks = self._tasks, {}
        await asyncio.gather(*tasks.values())

    def _begin(self, name: str) -> None:
        self._tasks[name] = asyncio.create_task(self._run(name), name=f"job {name}")

    async def _run(self, name: str) -> None:
        due = self._clock.monotonic() + self._delays[name]
        await self._pause(self._delays[name])
        while not self._stopping.is_set():
            seconds, job = self._jobs[name]
            await job()
            if self._stopping.is_set():
                return
            due += seconds
            while due < self._clock.monotonic() - ROUNDING_SECONDS:
                self._missed(name)
                due += seconds
            await self._pause(due - self._clock.monotonic())

    async def _pause(self, seconds: float) -> None:
        """Wait, but not past `stop`; a wait of nothing still lets others run."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._stopping.wait()


class SchedulerEvery:
    """Jobs run by APScheduler's AsyncIOScheduler, in wall-clock time.

    A run that is up to one interval late still takes place, several late ones become one, and one
    run of a job never overlaps another; runs lost to either rule are told to `missed`.
    """

    def __init__(self, *, missed: Missed = lambda _: None) -> None:
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._running: set[asyncio.Future[None]] = set()
        self._scheduler.add_listener(
            lambda event: missed(_job_name(event)), EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES
        )

    def add(self, name: str, seconds: float, job: Job, *, delay_seconds: float = 0.0) -> None:
        """Register a job; one of the same name is replaced."""

        async def run() -> None:
            task = asyncio.ensure_future(job())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            await task

        self._scheduler.add_job(
            run,
            "interval",
            seconds=seconds,
            id=name,
            replace_existing=True,
            next_run_time=datetime.now(UTC) + timedelta(seconds=delay_seconds),
            misfire_grace_time=max(1, round(seconds)),
            coalesce=True,
            max_instances=1,
        )

    async def start(self) -> None:
        """Run each job now, and again every so many seconds."""
        self._scheduler.start()

    async def stop(self) -> None:
        """Begin no run any more, and wait for those under way."""
        if not self._scheduler.running:
            return
        self._scheduler.pause()
        try:
            while self._running:
                await asyncio.wait(set(self._running))
        finally:
            self._scheduler.shutdown(wait=False)  # cancels what a cancelled stop leaves behind
            await asyncio.sleep(0)  # APScheduler ends itself in the loop's next turn


def _job_name(event: JobEvent) -> str:
    return str(event.job_id)

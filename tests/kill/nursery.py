"""The sweep's side of `daemon_nursery.py`: one daemon at a time, born at once and killed."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PROGRAM = Path(__file__).with_name("daemon_nursery.py")


@dataclass
class Nursery:
    """Starts daemons of one configuration, whose output of this start alone is in `log`."""

    process: asyncio.subprocess.Process
    log: Path
    config: str
    pid: int = 0
    ended: asyncio.Task[int] | None = None

    async def start(self, point: str, number: int) -> None:
        """Start one that dies at the `number`th time at `point`; no point = at none."""
        assert self.process.stdin is not None
        self.log.write_bytes(b"")
        line = json.dumps([self.config, point, number, str(self.log)])
        self.process.stdin.write(f"{line}\n".encode())
        self.pid = await self._answer()
        self.ended = asyncio.create_task(self._answer())

    def is_serving(self) -> bool:
        """Whether it serves, or is dead already: how long a start takes is the machine's matter."""
        assert self.ended is not None
        return self.ended.done() or b'"serving"' in self.log.read_bytes()

    async def end_within(self, seconds: float, by: signal.Signals) -> int:
        """Wait so long, send it the signal if it lives still, and return its exit code."""
        assert self.ended is not None
        await asyncio.wait([self.ended], timeout=seconds)
        if not self.ended.done():
            with suppress(ProcessLookupError):  # it died by itself and the nursery is yet to tell
                os.kill(self.pid, by)
        return await self.ended

    async def _answer(self) -> int:
        assert self.process.stdout is not None
        return int(await self.process.stdout.readline())


@asynccontextmanager
async def open_nursery(log: Path, config: str) -> AsyncIterator[Nursery]:
    """Start the nursery; it and its daemon, a session of their own, are killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    nursery = Nursery(process=process, log=log, config=config)
    try:
        yield nursery
    finally:
        if nursery.ended is not None:
            nursery.ended.cancel()
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

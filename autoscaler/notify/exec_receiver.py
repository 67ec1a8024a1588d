"""A program as a receiver: argument list, no shell, clean environment, JSON on standard input.

The program sees nothing of our environment, where secrets may stand. It leads a process group of
its own, which is ended as a whole when it runs too long.
"""

import asyncio
import contextlib
import json
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process

from autoscaler.core.alerting.messages import read_alert, read_change
from autoscaler.core.model import Json
from autoscaler.notify.config import ExecConfig
from autoscaler.notify.receiver import Attempt, FailureKind, NotDelivered
from autoscaler.notify.shapes import change_body, neev_body

ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
"""All that the program's environment holds."""
OUTPUT_LIMIT = 4096
"""Bytes of its error output that are kept."""


class ExecReceiver:
    """Runs one program per event; exit status 0 means taken."""

    kind = "exec"
    collapses = True

    def __init__(self, config: ExecConfig) -> None:
        self._config = config

    @property
    def name(self) -> str:
        """Name that routes and metrics use."""
        return self._config.name

    async def send(self, attempt: Attempt) -> dict[str, Json]:
        """Run the program once with the `neev.v1` body. Raises NotDelivered."""
        if attempt.row.event == "change":
            body = change_body(read_change(attempt.row.payload), attempt)
        else:
            body = neev_body(read_alert(attempt.row.payload), attempt)
        process = await self._start()
        try:
            async with asyncio.timeout(self._config.timeout_seconds):
                errors = await _talk(process, json.dumps(body).encode())
        except TimeoutError as fault:
            seconds = self._config.timeout_seconds
            raise NotDelivered(
                FailureKind.TIMEOUT, f"the program ran longer than {seconds:g} s and was ended"
            ) from fault
        finally:
            await _end(process)
        if process.returncode != 0:
            text = f"the program ended with {process.returncode}: {errors}"
            raise NotDelivered(FailureKind.SERVER_ERROR, text)
        return {}

    async def _start(self) -> Process:
        try:
            return await asyncio.create_subprocess_exec(
                *self._config.command,
                stdin=PIPE,
                stdout=DEVNULL,
                stderr=PIPE,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except OSError as fault:
            raise NotDelivered(
                FailureKind.CLIENT_ERROR, f"the program does not start: {fault.strerror}"
            ) from fault


async def _talk(process: Process, body: bytes) -> str:
    """Write the body, read error output to its end, keep the first of it."""
    assert process.stdin is not None  # noqa: S101  # asked for with PIPE
    assert process.stderr is not None  # noqa: S101  # likewise
    with contextlib.suppress(ConnectionError):  # a program need not read its input
        process.stdin.write(body)
        await process.stdin.drain()
    process.stdin.close()
    kept = b""
    while chunk := await process.stderr.read(OUTPUT_LIMIT):
        kept = (kept + chunk)[:OUTPUT_LIMIT]
    await process.wait()
    return kept.decode(errors="replace")


async def _end(process: Process) -> None:
    """End what still runs of the program's group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()

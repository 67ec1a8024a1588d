"""The process as an operator meets it: its signals, its exit codes, its one state file."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

PATIENCE_SECONDS = 90.0


class Process:
    """`neevscale run` on a control plane that does not exist: all that is asked of it is itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "neevscale.yaml"
        self.log = folder / "log"

    def write(self, **sections: object) -> None:
        tree = {
            "cloud": {
                "base_url": "http://127.0.0.1:9/aimodels",
                "org_id": "o",
                "project_id": "p",
                "token": "pat-nc-1",
                "deadline_seconds": 1,
                "read_deadline_seconds": 1,
            },
            "web": {"listen": "127.0.0.1:0"},
            "state": {"path": str(self.folder / "state.db")},
        }
        self.config.write_text(json.dumps(tree | sections))

    async def start(self) -> asyncio.subprocess.Process:
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "autoscaler", "run", "--config", str(self.config)),
                stdout=log,
                stderr=log,
            )

    def moved_aside(self) -> bool:
        """True if there is a copy of a corrupt state file."""
        return any(self.folder.glob("state.db.corrupt-*"))

    async def said(self, event: str) -> str:
        """Wait for a log line of this event, and return it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                for line in self.log.read_text().splitlines():
                    if f'"event": "{event}"' in line:
                        return line
                await asyncio.sleep(0.05)


async def ended(process: asyncio.subprocess.Process) -> int:
    return await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)


async def serving(folder: Path) -> tuple[Process, asyncio.subprocess.Process]:
    """A daemon that has come up."""
    subject = Process(folder)
    subject.write()
    process = await subject.start()
    await subject.said("serving")
    return subject, process


async def end_in_order(process: asyncio.subprocess.Process) -> None:
    process.send_signal(signal.SIGTERM)
    assert await ended(process) == 0


@pytest.mark.slow
async def test_sigterm_ends_it_in_order_with_exit_code_0(tmp_path: Path) -> None:
    subject, process = await serving(tmp_path)

    await end_in_order(process)
    assert await subject.said("stopped")


@pytest.mark.slow
async def test_sighup_takes_a_good_configuration_and_refuses_a_bad_one(tmp_path: Path) -> None:
    subject, process = await serving(tmp_path)

    subject.write(defaults={"max_replicas": 4})
    process.send_signal(signal.SIGHUP)
    assert "defaults" in await subject.said("reloaded")

    subject.write(defaults={"max_replica": 4})
    process.send_signal(signal.SIGHUP)
    assert "max_replicas" in await subject.said("reload_refused")
    await end_in_order(process)


@pytest.mark.slow
async def test_a_second_daemon_on_the_same_state_is_refused(tmp_path: Path) -> None:
    subject, first = await serving(tmp_path)
    second = await subject.start()

    assert await ended(second) == 1
    assert "Another neevscale uses the state file" in subject.log.read_text()
    await end_in_order(first)


@pytest.mark.slow
async def test_a_corrupt_state_file_is_survived_and_said(tmp_path: Path) -> None:
    subject = Process(tmp_path)
    subject.write()
    (tmp_path / "state.db").write_bytes(b"no database " * 1000)
    process = await subject.start()
    assert "corrupt" in await subject.said("attention")
    await end_in_order(process)
    assert subject.moved_aside()

"""A reload of the real process: which key probes carry and whither, what is said to need a restart,
and that a configuration that is broken changes nothing.
"""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from e2e_tap import Tap, tapped
from helpers_connection import connection_sections
from helpers_fakes import PROJECT
from test_e2e_process import PATIENCE_SECONDS, Process, end_in_order

from autoscaler.clock import SystemClock
from autoscaler.emulator.scenario import DeploymentPlan, Scenario
from autoscaler.emulator.server import Emulator

OLD, NEW = "sk-nc-old-one", "sk-nc-new-one"
ADMIN = "an-admin-token"
ONE = Scenario(deployments=(DeploymentPlan(name="chat-a"),), project_id=PROJECT)
BRISK: dict[str, Any] = {
    "intervals": {"discover_seconds": 0.3, "decide_seconds": 0.3, "probe_seconds": 0.5},
    "slo": {"allow_low_volume": True},
}


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110  # another process is watched
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_a_reload_swaps_key_and_canaries_and_names_what_waits(tmp_path: Path) -> None:
    async with Emulator(ONE, clock=SystemClock()) as emulator:
        requests = emulator.platform.ledger.requests
        sections = connection_sections(asdict(emulator.connection)) | BRISK
        good = sections["inference"]
        subject = Process(tmp_path)
        subject.write(**sections | {"inference": good | {"key": "sk-nc-a-wrong-one"}})
        process = await subject.start()
        await until(lambda: sum(n for k, n in requests.items() if k.endswith("chat 401")) >= 2)
        assert not any(k.endswith("chat 200") for k in requests)

        probe = {"canaries": [emulator.connection.base_url], "tokens_per_minute": 700}
        subject.write(**sections, probe=probe)
        process.send_signal(signal.SIGHUP)
        said = str(json.loads(await subject.said("reloaded"))["changed"])
        assert (
            "In force now: inference, probe." in said or "In force now: probe, inference." in said
        )
        assert said.endswith("only after a restart: probe.tokens_per_minute.")
        assert good["key"] not in subject.log.read_text()

        await until(lambda: any(k.endswith("chat 200") for k in requests))
        refused = sum(n for k, n in requests.items() if k.endswith("chat 401"))
        await asyncio.sleep(1.5)
        assert sum(n for k, n in requests.items() if k.endswith("chat 401")) == refused
        await end_in_order(process)


@dataclass
class Rotation:
    """A real daemon whose probes carry OLD, and all that can be done to it."""

    folder: Path
    emulator: Emulator
    tap: Tap
    subject: Process
    url: str = ""

    def write(self, *, key_file: str, **more: Any) -> None:
        """Write the configuration; its key comes from a file."""
        sections = self.sections | {
            "inference": {
                "key_file": str(self.folder / key_file),
                "allowed_hosts": [self.tap.url.removeprefix("http://")],
            },
            "web": {"listen": "127.0.0.1:0", "admin_token": ADMIN},
        }
        self.subject.write(**sections | BRISK | more)

    def __post_init__(self) -> None:
        self.sections = connection_sections(asdict(self.emulator.connection))

    async def reload(self, *, token: str = ADMIN) -> tuple[int, str]:
        """POST /-/reload; the status and what it says."""
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(f"{self.url}/-/reload") as answer,
        ):
            return answer.status, await answer.text()

    async def next_keys(self, wanted: str, *, count: int = 3) -> list[str]:
        """Wait for so many requests with the wanted key; return the keys from the first one on."""
        seen = len(self.tap.keys)
        await until(lambda: self.tap.keys[seen:].count(wanted) >= count)
        return self.tap.keys[self.tap.keys.index(wanted, seen) :]


@asynccontextmanager
async def rotation(folder: Path) -> AsyncIterator[Rotation]:
    """Start it, and wait until two probes carried OLD; end it in order."""
    async with Emulator(ONE, clock=SystemClock()) as emulator:
        key = emulator.connection.inference_key
        tap = Tap(emulator.platform.origin, key=key, takes={OLD, NEW})
        async with tapped(tap):
            story = Rotation(folder, emulator, tap, Process(folder))
            emulator.platform.origin = tap.url  # endpoints lead through the tap
            (folder / "key").write_text(OLD)
            (folder / "other").write_text(NEW)
            story.write(key_file="key")
            process = await story.subject.start()
            story.url = str(json.loads(await story.subject.said("serving"))["url"])
            await until(lambda: tap.keys.count(OLD) >= 2)
            yield story
            await end_in_order(process)
            for secret in (OLD, NEW, key, ADMIN):
                assert secret not in story.subject.log.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("swapped", ["what the file holds", "the file that is named"])
async def test_after_a_reload_only_the_new_key_is_sent(tmp_path: Path, swapped: str) -> None:
    async with rotation(tmp_path) as story:
        assert set(story.tap.keys) == {OLD}
        if swapped == "what the file holds":
            (tmp_path / "key").write_text(NEW)
        else:
            story.write(key_file="other")
        status, said = await story.reload()
        assert status == 200, said
        assert set(await story.next_keys(NEW)) == {NEW}


@pytest.mark.slow
async def test_the_new_key_goes_to_no_host_that_is_not_allowed(tmp_path: Path) -> None:
    """Right after the reload the endpoint moves to a stranger, who is never called."""
    async with rotation(tmp_path) as story, tapped(Tap("", key="", takes=())) as stranger:
        story.write(key_file="other")
        status, said = await story.reload()
        assert status == 200, said
        assert set(await story.next_keys(NEW)) == {NEW}
        story.emulator.platform.origin = stranger.url
        await until(lambda: "NeevEndpointHostRefused" in story.subject.log.read_text())
        assert stranger.keys == []
        story.emulator.platform.origin = story.tap.url
        assert set(await story.next_keys(NEW)) == {NEW}


@pytest.mark.slow
async def test_a_reload_that_is_broken_or_not_allowed_changes_nothing(tmp_path: Path) -> None:
    """The answer names the error and its line; the old key stays in force, and the next good
    configuration is taken.
    """
    async with rotation(tmp_path) as story:
        story.write(key_file="other", defaults={"max_replica": 4})
        status, said = await story.reload(token="not-the-admin")
        assert status == 401, said
        status, said = await story.reload()
        assert status == 500
        assert "max_replica" in said
        assert "did you mean" in said.lower()
        assert "The old configuration stays in force." in said
        assert set(await story.next_keys(OLD)) == {OLD}

        (tmp_path / "empty").write_text("")
        story.write(key_file="empty")
        status, said = await story.reload()
        assert status == 500
        assert "empty" in said
        assert set(await story.next_keys(OLD)) == {OLD}

        story.write(key_file="other")
        status, said = await story.reload()
        assert status == 200, said
        assert set(await story.next_keys(NEW)) == {NEW}

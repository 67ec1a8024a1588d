"""A reload of the real process: which key probes carry, and what is said to need a restart."""

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers_fakes import PROJECT
from test_e2e_process import PATIENCE_SECONDS, Process, end_in_order

from autoscaler.clock import SystemClock
from autoscaler.emulator.scenario import DeploymentPlan, Scenario
from autoscaler.emulator.server import Emulator


def sections(emulator: Emulator, *, key: str, **more: Any) -> dict[str, Any]:
    where = emulator.connection
    return {
        "cloud": {
            "base_url": where.base_url,
            "tenant_url": where.tenant_url,
            "inventory_url": where.inventory_url,
            "org_id": where.org_id,
            "project_id": where.project_id,
            "token": where.token,
        },
        "inference": {"key": key, "allowed_hosts": ["127.0.0.1"]},
        "intervals": {"discover_seconds": 0.3, "decide_seconds": 0.3, "probe_seconds": 0.5},
        "slo": {"allow_low_volume": True},
    } | more


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110  # another process is watched
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_a_reload_swaps_key_and_canaries_and_names_what_waits(tmp_path: Path) -> None:
    plan = Scenario(deployments=(DeploymentPlan(name="chat-a"),), project_id=PROJECT)
    async with Emulator(plan, clock=SystemClock()) as emulator:
        requests = emulator.platform.ledger.requests
        good = emulator.connection.inference_key
        subject = Process(tmp_path)
        subject.write(**sections(emulator, key="sk-nc-a-wrong-one"))
        process = await subject.start()
        await until(lambda: sum(n for k, n in requests.items() if k.endswith("chat 401")) >= 2)
        assert not any(k.endswith("chat 200") for k in requests)

        probe = {"canaries": [emulator.connection.base_url], "tokens_per_minute": 700}
        subject.write(**sections(emulator, key=good, probe=probe))
        process.send_signal(signal.SIGHUP)
        said = str(json.loads(await subject.said("reloaded"))["changed"])
        assert (
            "In force now: inference, probe." in said or "In force now: probe, inference." in said
        )
        assert said.endswith("only after a restart: probe.tokens_per_minute.")
        assert good not in subject.log.read_text()

        await until(lambda: any(k.endswith("chat 200") for k in requests))
        refused = sum(n for k, n in requests.items() if k.endswith("chat 401"))
        await asyncio.sleep(1.5)
        assert sum(n for k, n in requests.items() if k.endswith("chat 401")) == refused
        await end_in_order(process)

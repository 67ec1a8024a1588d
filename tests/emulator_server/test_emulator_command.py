"""`neevscale emulate` as a process: its one line, its refusals, and a poisoned environment."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

pytestmark = pytest.mark.slow

PROGRAM = "import typer; from autoscaler.cli.emulate import emulate; typer.run(emulate)"
POISON = {
    "NEEV_API_TOKEN": "pat-nc-real-looking",
    "NEEV_ORG_ID": "org-real",
    "NEEV_PROJECT_ID": "prj-real",
    "NEEV_INFERENCE_API_KEY": "sk-nc-real-looking",
    "NEEV_BASE_URL": "https://api.example.com/agent",
    "NEEVSCALE_MODE": "active",
    "NEEVSCALE_CLOUD__BASE_URL": "https://api.example.com/aimodels",
}


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", PROGRAM, *arguments),
        env=os.environ | POISON,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_it_prints_one_line_serves_and_ends_on_a_signal() -> None:
    process = await start("--port", "0")
    assert process.stdout is not None
    where = json.loads(await process.stdout.readline())
    assert list(where) == [
        "base_url",
        "tenant_url",
        "inventory_url",
        "org_id",
        "project_id",
        "token",
        "inference_key",
    ]
    assert not {value for value in where.values() if "real" in value or "example" in value}
    url = (
        f"{where['base_url']}/api/v1beta1/orgs/{where['org_id']}/projects/{where['project_id']}"
        "/aimodels"
    )
    headers = {"Authorization": f"Bearer {where['token']}"}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        assert len((await response.json())["items"]) == 3
    process.send_signal(signal.SIGTERM)
    rest, complaints = await process.communicate()
    assert (process.returncode, rest, complaints) == (0, b"", b"")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "api.example.com"])
async def test_it_refuses_to_serve_elsewhere_than_on_loopback(host: str) -> None:
    process = await start("--host", host)
    output, complaints = await process.communicate()
    assert (process.returncode, output) == (2, b"")
    assert b"loopback" in complaints


async def test_it_lists_every_fault_of_a_bad_scenario(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("seeed: 1\nrules: {terminate_seconds: soon}\n")
    process = await start("--scenario", str(path))
    _, complaints = await process.communicate()
    assert process.returncode == 2
    assert b"line 1: seeed" in complaints
    assert b"line 2: rules.terminate_seconds" in complaints


async def test_it_says_when_the_scenario_cannot_be_read() -> None:
    process = await start("--scenario", "no-such-file.yaml")
    _, complaints = await process.communicate()
    assert (process.returncode, b"no-such-file.yaml" in complaints) == (2, True)


async def test_it_says_when_the_port_is_taken() -> None:
    first = await start()
    assert first.stdout is not None
    port = json.loads(await first.stdout.readline())["base_url"].split(":")[2].split("/")[0]
    second = await start("--port", port)
    _, complaints = await second.communicate()
    assert (second.returncode, b"--port 0" in complaints) == (1, True)
    first.send_signal(signal.SIGTERM)
    await first.communicate()

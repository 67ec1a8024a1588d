"""The emulator's control plane against the user's API document, by schemathesis.

`openapi-conformance.json` is that document plus the 400 that list must answer to a bad page.
Organisation, project and one existing deployment are pinned: otherwise all is a 403 and nothing is
tested. DELETE runs by itself, because it takes the pinned deployment away from the others.
"""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from autoscaler.clock import SystemClock
from autoscaler.emulator.scenario import DeploymentPlan, Scenario
from autoscaler.emulator.server import Emulator

DOCUMENT = Path(__file__).with_name("openapi-conformance.json")
EXCLUDED = "unsupported_method,positive_data_acceptance"
"""The first sends TRACE, which no gateway passes on; the second knows no rule that is prose."""

pytestmark = pytest.mark.slow


async def conform(folder: Path, *choice: str) -> tuple[int, str]:
    """Run schemathesis on a fresh emulator; return its exit code and what it printed."""
    scenario = Scenario(deployments=(DeploymentPlan(name="chat-a"),))
    async with Emulator(scenario, clock=SystemClock()) as emulator:
        connection = emulator.connection
        pinned = {
            "org_id": connection.org_id,
            "project_id": connection.project_id,
            "model_id": emulator.truth().deployment("chat-a").id,
        }
        config = folder / "schemathesis.toml"
        lines = [f'"path.{name}" = {json.dumps(value)}' for name, value in pinned.items()]
        config.write_text("\n".join(["[parameters]", *lines, ""]))
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("schemathesis")),
            *("--config-file", str(config)),
            *("run", str(DOCUMENT), "--url", connection.base_url),
            *("--header", f"Authorization: Bearer {connection.token}"),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", "50", "--seed", "1"),
            *("--exclude-checks", EXCLUDED, "--continue-on-failure", "--no-color"),
            *choice,
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_list_deploy_get_and_scale_keep_to_the_document(tmp_path: Path) -> None:
    code, output = await conform(tmp_path, "--exclude-method", "DELETE")
    print(output)
    assert code == 0, output


async def test_delete_keeps_to_the_document(tmp_path: Path) -> None:
    code, output = await conform(tmp_path, "--include-method", "DELETE")
    print(output)
    assert code == 0, output

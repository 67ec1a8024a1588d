"""The real command, in processes of its own: how it starts, ends, and what it refuses to read."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "autoscaler"]
PATIENCE = 60.0
"""Seconds until a process that does not do what it should is given up."""
POISON = {
    "NEEV_API_TOKEN": "pat-nc-" + "0" * 40,
    "NEEV_ORG_ID": "org-real",
    "NEEV_PROJECT_ID": "prj-real",
    "NEEV_INFERENCE_API_KEY": "sk-nc-" + "0" * 40,
    "NEEV_BASE_URL": "https://api.ai.neevcloud.com/agent",
    "NEEVSCALE_CLOUD__BASE_URL": "https://api.ai.neevcloud.com/aimodels",
    "NEEVSCALE_MODE": "active",
    "NEEVSCALE_NO_SUCH_SETTING": "1",
    "NEEVSCALE_CONFIG": "/nowhere/neevscale.yaml",
}


def clean(**more: str) -> dict[str, str]:
    """The environment without anybody's settings."""
    ours = ("NEEV_", "NEEVSCALE_")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)} | more


def call(*words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], cwd=cwd, env=clean(**env), capture_output=True, text=True,
        timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The emulated platform, in a process whose environment is poisoned."""
    with subprocess.Popen(
        [*COMMAND, "emulate"], cwd=tmp_path, env=clean(**POISON), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0


def variables(emulator: dict[str, Any]) -> dict[str, str]:
    return {
        "NEEV_ORG_ID": emulator["org_id"],
        "NEEV_PROJECT_ID": emulator["project_id"],
        "NEEV_API_TOKEN": emulator["token"],
        "NEEV_INFERENCE_API_KEY": emulator["inference_key"],
        "NEEVSCALE_CLOUD__BASE_URL": emulator["base_url"],
        "NEEVSCALE_INFERENCE__ALLOWED_HOSTS": f'["{emulator["base_url"].split("/")[2]}"]',
        "NEEVSCALE_INTERVALS__DISCOVER_SECONDS": "500ms",
        "NEEVSCALE_INTERVALS__DECIDE_SECONDS": "500ms",
        "NEEVSCALE_STATE__PATH": ":memory:",
    }


@pytest.mark.slow
def test_help_and_version_import_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.argv = ['neevscale', sys.argv[1]]\n"
        "import autoscaler.cli\n"
        "try:\n    autoscaler.cli.main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "heavy = {'aiohttp', 'pydantic', 'numpy', 'sqlite3', 'apscheduler'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    for option in ("--help", "--version"):
        ended = subprocess.run(
            [sys.executable, "-c", code, option], env=clean(), cwd=tmp_path, text=True,
            capture_output=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        assert "neevscale" in ended.stdout.lower()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["version"], 0),
        (["check-config"], 0),
        (["config", "schema"], 0),
        (["run"], 2),
        (["nonsense"], 2),
        (["check-config", "--config", "/nowhere.yaml"], 2),
        (["status", "--url", "http://127.0.0.1:9"], 1),
        (["deployments", "list"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_the_exit_code_says_how_it_ended(tmp_path: Path, words: list[str], code: int) -> None:
    ended = call(*words, cwd=tmp_path)
    assert ended.returncode == code
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_a_poisoned_environment_is_no_configuration_of_the_emulator(
    emulator: dict[str, Any],
) -> None:
    assert emulator["org_id"] != POISON["NEEV_ORG_ID"]
    for name in ("base_url", "tenant_url", "inventory_url"):
        assert emulator[name].startswith("http://127.0.0.1:")


@pytest.mark.slow
def test_check_online_then_run_then_every_look_then_a_clean_end(
    emulator: dict[str, Any], tmp_path: Path
) -> None:
    env = variables(emulator)
    checked = call("check-config", "--online", cwd=tmp_path, **env)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    listed = call("deployments", "list", "-o", "json", cwd=tmp_path, **env)
    name = json.loads(listed.stdout)[0]["name"]
    port = _free_port()
    env |= {"NEEVSCALE_WEB__LISTEN": f"127.0.0.1:{port}", "NEEVSCALE_WEB__ADMIN_TOKEN": "adm"}
    with (
        (tmp_path / "log").open("w+") as log,
        subprocess.Popen([*COMMAND, "run"], cwd=tmp_path, env=clean(**env), stderr=log) as process,
    ):
        try:
            _wait_for(lambda: call("explain", name, cwd=tmp_path, **env).returncode == 0)
            for words in (
                ["status"], ["explain", name], ["cost"], ["alerts", "list"], ["alerts", "test"],
                ["healthcheck"], ["probe", name], ["pause", name, "--for", "1m"], ["resume", name],
                ["override", name, "2"], ["alerts", "silence", "severity=info", "--for", "1m"],
            ):  # fmt: skip
                ended = call(*words, cwd=tmp_path, **env)
                assert ended.returncode == 0, (words, ended.stdout, ended.stderr)
            scaled = call("deployments", "scale", name, "3", "--yes", cwd=tmp_path, **env)
            assert "holds 3" in scaled.stdout, scaled.stderr
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(PATIENCE)
        log.seek(0)
        text = log.read()
    assert code == 0, text[-2000:]
    assert "starting" in text.splitlines()[0], "the configuration is named first"
    for secret in (emulator["token"], emulator["inference_key"]):
        assert secret not in text


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.2)

"""The dashboards on a real run: the demo, as a user starts it, scraped by a real Prometheus.

`make dashboards` runs it and prints every expression with what came back. The demo lives its past
day, then some minutes with scale-ups, a failed deployment and budget alerts; its platform speaks
TLS and its tokens expire, so that nothing that a dashboard asks for is without data.
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

pytestmark = [pytest.mark.live, pytest.mark.bench]

ROOT = Path(__file__).parents[2]
LIVE_SECONDS = 240
CONFIG = """
global: {{scrape_interval: 2s, evaluation_interval: 5s}}
rule_files: ["{rules}/*.yml"]
scrape_configs:
  - job_name: neevscale
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def _tool(name: str) -> str:
    found = os.environ.get(name.upper()) or shutil.which(name)
    if found:
        return found
    reason = f"no {name} is installed"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1 in one file."""
    key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    command = [
        *(_tool("openssl"), "req", "-x509", "-newkey", "ec", "-nodes", "-days", "20"),
        *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=127.0.0.1"),
        *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)),
    ]
    subprocess.run(command, check=True, capture_output=True)
    both.write_text(key.read_text("ascii") + cert.read_text("ascii"), "ascii")
    return both


@asynccontextmanager
async def _running(*command: str | Path, until: str = "") -> AsyncIterator[asyncio.StreamReader]:
    """Run a program until the end of the block, from the line on that contains `until`."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        while until and until not in (line := (await process.stdout.readline()).decode()):
            assert line, "it ended early"
        yield process.stdout
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await process.communicate()


async def test_every_expression_of_the_dashboards_has_data_from_the_real_demo(
    tmp_path: Path,
) -> None:
    port, own = _free_port(), _free_port()
    config = tmp_path / "prometheus.yml"
    rules = ROOT / "config" / "prometheus" / "rules"
    config.write_text(CONFIG.format(port=port, rules=rules), "utf-8")
    demo = (sys.executable, "-m", "autoscaler", "demo", "--port", str(port))
    prometheus = (
        _tool("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{own}", "--log.level=error",
    )  # fmt: skip
    tls = ("--tls", _certificate(tmp_path))
    async with _running(*demo, *tls, until="The past is lived"), _running(*prometheus):
        await asyncio.sleep(LIVE_SECONDS)  # a real Prometheus follows the wall clock
        command = [sys.executable, "-m", "grafana.check", f"http://127.0.0.1:{own}", "--strict"]
        done = await asyncio.to_thread(
            subprocess.run, [*command, "--window", "30s", "--seconds", str(LIVE_SECONDS)],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
    print(f"\n{done.stdout}{done.stderr}")
    assert done.returncode == 0

"""The dashboards on a real run: the demo, as a user starts it, scraped by a real Prometheus.

`make dashboards` runs it and prints every expression with what came back. The demo lives its past
day, then some minutes with scale-ups, a failed deployment and budget alerts; its platform speaks
TLS and its tokens expire, so that nothing that a dashboard asks for is without data.
"""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from helpers_prometheus import ROOT, prometheus_command
from helpers_tools import tool

pytestmark = [pytest.mark.live, pytest.mark.bench]

LIVE_SECONDS = 240


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1 in one file."""
    key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    command = [
        *(tool("openssl"), "req", "-x509", "-newkey", "ec", "-nodes", "-days", "20"),
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
    demo = (sys.executable, "-m", "autoscaler", "demo", "--port", str(port))
    prometheus = prometheus_command(
        tmp_path, port=port, own=own, scrape_seconds=2, evaluate_seconds=5
    )
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

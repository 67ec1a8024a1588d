"""A real Alertmanager between us and a webhook: fires, is repeated, ends.

`ALERTMANAGER` may name binaries to use (several, separated like a search path); else the one that
is installed.
"""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from helpers_notify import RULES, Sink, alert, message, row, serving

from autoscaler.clock import SystemClock
from autoscaler.core.alerting.messages import payload_of
from autoscaler.core.snapshot import AlertState
from autoscaler.notify.alertmanager import AlertmanagerReceiver
from autoscaler.notify.config import AlertmanagerConfig
from autoscaler.notify.http import Http
from autoscaler.notify.receiver import Attempt

pytestmark = pytest.mark.live

BINARIES = [
    binary
    for binary in (
        os.environ.get("ALERTMANAGER", "").split(os.pathsep)
        if "ALERTMANAGER" in os.environ
        else [shutil.which("prometheus-alertmanager") or shutil.which("alertmanager") or ""]
    )
    if binary
]
CONFIG = """
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: hook
    webhook_configs: [{{url: '{url}', send_resolved: true}}]
"""


@pytest.fixture(params=BINARIES or [""], ids=lambda path: Path(path).name or "none")
def binary(request: pytest.FixtureRequest) -> str:
    path = str(request.param)
    if not path:
        reason = "no Alertmanager is installed (Debian: prometheus-alertmanager)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@asynccontextmanager
async def alertmanager(binary: str, folder: Path, hook: str) -> AsyncIterator[str]:
    """Run one on a free port, without gossip, and wait until it is ready."""
    file = folder / "alertmanager.yml"
    file.write_text(CONFIG.format(url=hook))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        binary,
        f"--config.file={file}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        await ready(url)
        yield url
    finally:
        process.terminate()
        await process.wait()


async def ready(url: str) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(20):
        while True:
            try:
                async with session.get(f"{url}/-/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)


async def until(sink: Sink, count: int) -> None:
    for _ in range(200):
        if len(sink.taken) >= count:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"{len(sink.taken)} of {count} notifications came: {sink.seen}")


async def test_an_alert_passes_through_a_real_alertmanager(binary: str, tmp_path: Path) -> None:
    clock = SystemClock()
    http = Http(clock)
    now = clock.now()
    firing = message(started_at=now, fired_at=now)
    over = message(
        "resolve", started_at=now, fired_at=now, resolved_at=now + 1, state=AlertState.RESOLVED
    )
    async with serving(Sink()) as hook, alertmanager(binary, tmp_path, hook.url) as url:
        receiver = AlertmanagerReceiver(AlertmanagerConfig(name="am", urls=(url,)), http)
        first = row()
        first.payload.update(payload_of(firing))
        await receiver.send(Attempt(row=first, at=clock.now()))
        await until(hook, 1)
        await receiver.reconcile([firing], now + 1)
        last = row("resolve")
        last.payload.update(payload_of(over))
        await receiver.send(Attempt(row=last, at=clock.now()))
        await until(hook, 2)
        await receiver.reconcile([over], clock.now())
    await http.close()
    assert [seen.json["status"] for seen in hook.taken] == ["firing", "resolved"]
    [told] = hook.taken[1].json["alerts"]
    assert told["labels"]["deployment"] == alert().deployment
    assert told["annotations"]["runbook_url"]
    assert RULES.external_url in told["generatorURL"]

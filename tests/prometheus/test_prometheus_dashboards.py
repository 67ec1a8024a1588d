"""A real Prometheus scrapes a real server: metrics linted, every dashboard expression asked."""

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from helpers_prometheus import ROOT, prometheus_command
from helpers_tools import tool
from helpers_web import FakeConsole
from helpers_web_day import decision_of
from helpers_web_fleet import probe_of, snapshot_of

from autoscaler.core.snapshot import Snapshot
from autoscaler.core.words import FailureReason, Status
from autoscaler.web import MeterConfig, PrometheusMeter, WebConfig, WebServer

pytestmark = pytest.mark.live

SCRAPES = 25
"""Seconds of run, a scrape each second; the dashboards' window is set to 10 s."""


def _moved(snapshot: Snapshot, at: float, *, fails: bool) -> Snapshot:
    """The same fleet a moment later: time, uptimes and costs went on, and one of it may fail."""
    views = tuple(
        replace(
            view,
            status=Status.FAILED if fails else view.status,
            seen_at=at - 1,
            decision=None if view.decision is None else replace(view.decision, at=at),
            ask=None if view.ask is None else replace(view.ask, asked_at=at - 5),
            cost=None if view.cost is None else replace(view.cost, total=view.cost.total + int(at)),
            uptime=replace(view.uptime, seconds={"ready": at, "failed": at / 9, "unknown": 5.0}),
            probe=replace(view.probe, inflight_since=at - 1),
        )
        for view in snapshot.deployments
    )
    plane = replace(snapshot.control_plane, last_success_at=at - 1, credential_expires_at=at + 9000)
    jobs = tuple(replace(job, last_success_at=at - 1) for job in snapshot.jobs)
    return replace(
        snapshot, at=at, started_at=at - 90, deployments=views, control_plane=plane, jobs=jobs
    )


def _happen(meter: PrometheusMeter, beat: int, at: float) -> None:
    """One second of events, failures and scale-ups among them."""
    for index in range(4):
        name = decision_of(index, at, 2, 3).deployment
        bad = {"availability": index == 3, "ttft": beat % 3 == 0, "itl": beat % 2 == 0}
        failure = FailureReason.HTTP_503 if index == 3 else None
        meter.probe(name, probe_of(index, at, failure=failure), slo_bad=bad)
        meter.decision(decision_of(index, at, 2, 2 + beat % 2))
        meter.scale_call(name, direction="up", result="ok")
        meter.probe_skipped(name, "overlap")
        meter.status_transition(name, "ready", "failed")
    meter.schedule_lag(0.002)
    meter.loop_lag(0.002)
    meter.scale_settled("up", 60.0 + beat)
    meter.controlplane_request("list", "200", 0.12)
    meter.alert_transition("NeevDeploymentFailed", "critical", "firing")
    meter.notification("hook", "trigger", failure=None, seconds=1.0)
    meter.notification("hook", "trigger", failure="timeout", seconds=1.0)
    meter.job("decide", 0.02, failed=beat % 9 == 0)
    meter.log_message("warning")


async def _answers(url: str) -> bool:
    async with aiohttp.ClientSession() as client:
        try:
            async with client.get(f"{url}/-/ready") as got:
                return got.status == 200
        except aiohttp.ClientError:
            return False


async def _run(
    server: WebServer, console: FakeConsole, meter: PrometheusMeter, folder: Path
) -> str:
    """Let a Prometheus scrape some seconds of run; returns what the command printed."""
    own = 20_000 + os.getpid() % 10_000
    process = await asyncio.create_subprocess_exec(
        *prometheus_command(
            folder, port=server.port, own=own, scrape_seconds=1, evaluate_seconds=1
        ),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        fleet = snapshot_of(6)
        for beat in range(SCRAPES + 8):
            console.picture = _moved(fleet, time.time(), fails=beat % 20 > 10)
            _happen(meter, beat, time.time())
            await asyncio.sleep(1)  # a real Prometheus follows the wall clock
        assert await _answers(f"http://127.0.0.1:{own}")
        command = [
            sys.executable,
            "-m",
            "grafana.check",
            f"http://127.0.0.1:{own}",
            "--window",
            "10s",
        ]
        done = await asyncio.to_thread(
            subprocess.run, [*command, "--seconds", "60"],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
    finally:
        process.terminate()
        await process.wait()


async def test_every_expression_of_the_dashboards_has_data(tmp_path: Path) -> None:
    console, meter = FakeConsole(), PrometheusMeter(MeterConfig(), clock=time.time)
    state = tmp_path / "state.db"
    state.write_bytes(b"x" * 4096)
    server = WebServer(console, meter, WebConfig(listen="127.0.0.1:0"), state_path=state)
    await server.start()
    try:
        printed = await _run(server, console, meter, tmp_path)
    finally:
        await server.stop()
    print(printed)
    empty = [line for line in printed.splitlines() if line.startswith("empty")]
    assert not empty, "\n".join(empty)


async def test_promtool_finds_nothing_to_lint_in_the_metrics(tmp_path: Path) -> None:
    console, meter = FakeConsole(), PrometheusMeter(MeterConfig(), clock=time.time)
    for beat in range(3):
        _happen(meter, beat, time.time())
    server = WebServer(console, meter, WebConfig(listen="127.0.0.1:0"))
    await server.start()
    try:
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"{server.url}/metrics") as got,
        ):
            text = await got.read()
    finally:
        await server.stop()
    command = [tool("promtool"), "check", "metrics"]
    done = await asyncio.to_thread(
        subprocess.run, command, input=text, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == b"", done.stderr

"""What a scrape costs: CPU, and how long the event loop is held by one slice."""

import asyncio
import time
import zlib

import pytest
from helpers_web import FakeConsole, meter_at
from helpers_web_fleet import probe_of, snapshot_of

from autoscaler.web.exporter import Exporter

pytestmark = pytest.mark.bench

DEPLOYMENTS = 1000


async def _longest_gap(stop: asyncio.Event) -> float:
    longest, last = 0.0, time.perf_counter()
    while not stop.is_set():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest


@pytest.mark.parametrize("openmetrics", [False, True], ids=["text", "openmetrics"])
async def test_a_scrape_of_a_thousand_deployments(*, openmetrics: bool) -> None:
    """At most 0.7 s of CPU, at most 50 ms at a time (figures; the budget is judged, not asserted
    by wall clock).
    """
    console = FakeConsole(snapshot_of(DEPLOYMENTS))
    meter = meter_at()
    for index in range(DEPLOYMENTS):
        for _ in range(3):
            meter.probe(
                console.snapshot().deployments[index].deployment.name,  # type: ignore[union-attr]  # there is one
                probe_of(index, 0.0),
                slo_bad={"availability": False, "ttft": False, "itl": True},
            )
    exporter = Exporter(console.snapshot, meter)
    rounds = []
    for _ in range(3):
        stop = asyncio.Event()
        watcher = asyncio.create_task(_longest_gap(stop))
        await asyncio.sleep(0)
        squeeze, size, packed, lines = zlib.compressobj(1, wbits=31), 0, 0, 0
        began = time.process_time()
        async for chunk in exporter.chunks(openmetrics=openmetrics):
            size += len(chunk)
            lines += chunk.count(b"\n")
            packed += len(squeeze.compress(chunk))
        cpu = time.process_time() - began
        stop.set()
        rounds.append((cpu, await watcher))
    series = lines / DEPLOYMENTS
    cpu, gap = (min(column) for column in zip(*rounds, strict=True))
    print(
        f"\nexporter: {DEPLOYMENTS} deployments, {lines} lines ({series:.0f} a deployment), "
        f"{size / 1e6:.1f} MB ({packed / 1e6:.2f} MB gzip): CPU {cpu:.2f} s, "
        f"loop held at most {gap * 1000:.0f} ms"
    )
    assert lines > 100_000

"""An emulated day on virtual time, with real HTTP between all parts, and everything going wrong.

Seven deployments, each with a trouble of its own; faults of every kind on both planes; a daemon
that is restarted at noon. What is asserted are the promises of SEMANTICS 3 and 4.
"""

import logging
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from e2e_world import Asked, Platform, platform

from autoscaler.app import App
from autoscaler.clock import run_virtual
from autoscaler.emulator.faults import Fault, FaultKind, Operation, RetryAfter
from autoscaler.emulator.physics import Physics
from autoscaler.emulator.scenario import Deed, DeploymentPlan, Event, Scenario, Serving
from autoscaler.emulator.shapes import Lengths, Shape, ShapeKind
from autoscaler.emulator.workload import Mix, Workload
from autoscaler.store import MemoryStore

HOUR, DAY = 3600.0, 86400.0
MOST_SECONDS = 180.0
"""Of CPU, which is the wall time of a machine that does nothing else."""
BOUNDS = {
    "chat-day": (1, 6),
    "chat-spike": (1, 5),
    "quiet": (1, 4),
    "mute": (1, 4),
    "too-many": (1, 3),
    "fails": (1, 4),
}
"""Name to (min, max); `watched` matches no entry."""


L40S = "meta-llama-Llama-3.1-8B-Instruct-L40S"


def plan(name: str, *, replicas: int, shape: Shape | None = None) -> DeploymentPlan:
    """A deployment on small GPUs, with rather few and long requests: the same load as many short
    ones, and quicker to emulate. All but one stream as with speculative decoding, four tokens at a
    time.
    """
    mix = Mix(prompt=Lengths(typical=1200, p95=3000), output=Lengths(typical=400, p95=900))
    return DeploymentPlan(
        name=name,
        catalog_id=L40S,
        replicas=replicas,
        physics=Physics(max_num_seqs=64, step_jitter_ratio=0.02),
        serving=Serving() if name == "chat-day" else Serving(tokens_per_chunk=4),
        workload=None if shape is None else Workload(shapes=(shape,), mix=mix),
    )


def plans() -> tuple[DeploymentPlan, ...]:
    # Nobody asks at night: only what was seen near idle may be scaled down afterwards.
    day = Shape(kind=ShapeKind.DAY, low=0.0, high=3.2, start_seconds=14 * HOUR, sharpness=2.0)
    spike = Shape(
        kind=ShapeKind.SPIKE,
        low=0.4,
        high=2.6,
        start_seconds=10 * HOUR,
        length_seconds=HOUR,
        rise_seconds=300.0,
    )
    steady = Shape(kind=ShapeKind.CONSTANT, low=0.5)
    return (
        plan("chat-day", replicas=1, shape=day),
        plan("chat-spike", replicas=1, shape=spike),
        plan("quiet", replicas=3),
        plan("mute", replicas=2, shape=steady),
        plan("too-many", replicas=6, shape=steady),
        plan("fails", replicas=2, shape=steady),
        plan("watched", replicas=2, shape=steady),
    )


def _window(kind: FaultKind, start_hour: float, minutes: float, **fields: Any) -> Fault:
    start = start_hour * HOUR
    return Fault(kind=kind, start_seconds=start, end_seconds=start + minutes * 60, **fields)


READS = (Operation.LIST, Operation.GET)
SCALE = (Operation.SCALE,)
CONTROL = (*READS, Operation.INVENTORY)


CONTROL_FAULTS = (
    _window(FaultKind.STATUS, 1.0, 10, status=500, operations=CONTROL),
    _window(
        FaultKind.STATUS,
        1.5,
        10,
        status=429,
        retry_after=RetryAfter.SECONDS,
        operations=CONTROL,
    ),
    _window(FaultKind.STATUS, 2.0, 10, status=503, retry_after=RetryAfter.DATE, operations=CONTROL),
    _window(FaultKind.HANG, 2.5, 10, operations=READS),
    _window(FaultKind.TRUNCATED, 3.0, 10, operations=READS),
    _window(FaultKind.HOSTILE_JSON, 3.5, 10, operations=CONTROL),
    _window(FaultKind.HTML, 4.0, 10, operations=CONTROL),
    _window(FaultKind.EXPIRED_TOKEN, 4.5, 10),
    _window(FaultKind.SHORT_LIST, 5.0, 20, count=3),
    _window(FaultKind.WRONG_TOTALS, 5.5, 10, count=5),
    _window(FaultKind.DUPLICATED_ITEMS, 5.75, 10),
    _window(FaultKind.REFUSED, 6.0, 60, operations=CONTROL),
    _window(FaultKind.RESET, 7.25, 5, operations=CONTROL),
    _window(FaultKind.WRONG_CONTENT_TYPE, 7.5, 5, operations=CONTROL),
    _window(FaultKind.SLOW, 7.75, 10, seconds=5.0, operations=CONTROL),
    _window(FaultKind.FORCED_STATUS, 8.0, 15, word="migrating", deployment="quiet"),
)
"""The control plane's reading side, in the morning."""
SCALE_FAULTS = (
    _window(FaultKind.SCALE_IGNORED, 13.0, 30),
    _window(FaultKind.SCALE_SLOW, 14.0, 30, seconds=120.0),
    _window(FaultKind.STATUS, 15.0, 20, status=500, operations=SCALE),
    _window(FaultKind.RESET, 15.5, 20, operations=SCALE),
    _window(FaultKind.HANG, 16.0, 20, operations=SCALE),
    _window(FaultKind.STATUS, 16.5, 20, status=400, operations=SCALE),
    _window(FaultKind.HOSTILE_JSON, 17.0, 20, operations=SCALE),
)
"""What becomes of scale calls, in the afternoon."""
CHAT_FAULTS = (
    Fault(kind=FaultKind.HANG, deployment="mute", operations=(Operation.CHAT,)),
    _window(FaultKind.STATUS, 9.0, 15, status=500, deployment="chat-spike"),
    _window(
        FaultKind.STATUS,
        9.5,
        15,
        status=429,
        retry_after=RetryAfter.SECONDS,
        deployment="chat-spike",
    ),
    _window(FaultKind.HANG_FIRST_TOKEN, 18.0, 15, deployment="chat-spike"),
    _window(FaultKind.HANG_MID_STREAM, 18.5, 15, deployment="chat-spike", count=5),
    _window(FaultKind.ERROR_EVENT, 19.0, 10, deployment="chat-spike", count=3),
    _window(FaultKind.NO_DONE, 19.25, 10, deployment="chat-spike"),
    _window(FaultKind.EMPTY_STREAM, 19.5, 10, deployment="chat-spike"),
    _window(FaultKind.DEGENERATE_TEXT, 19.75, 10, deployment="chat-spike", word="the "),
    _window(FaultKind.WRONG_MODEL, 20.0, 10, deployment="chat-spike", word="other"),
    _window(FaultKind.BUFFERED, 20.25, 10, deployment="chat-spike"),
    _window(FaultKind.HUGE_EVENT, 20.5, 10, deployment="chat-spike", count=5_000_000),
    _window(FaultKind.TRUNCATED, 20.75, 10, deployment="chat-spike"),
    _window(FaultKind.RESET, 21.0, 10, deployment="chat-spike"),
)
"""The endpoints, in the evening, and one that is mute all day."""


EVENTS = (
    Event(at_seconds=11 * HOUR, deployment="fails", deed=Deed.FAIL),
    Event(at_seconds=11.5 * HOUR, deployment="fails", deed=Deed.RECOVER),
    Event(at_seconds=21.5 * HOUR, deployment="fails", deed=Deed.FAIL),
    Event(at_seconds=22 * HOUR, deployment="fails", deed=Deed.DELETE),
    Event(at_seconds=22.5 * HOUR, deployment="quiet", deed=Deed.SCALE, count=2),
)


def policy(name: str) -> dict[str, Any]:
    low, high = BOUNDS[name]
    return {"match": {"name": name}, "min_replicas": low, "max_replicas": high}


def settings(outside: Platform) -> dict[str, Any]:
    """Probes each minute, so windows are wider than by default; else the defaults."""
    return outside.settings(
        mode="active",
        intervals={"probe_seconds": 60, "discover_seconds": 30, "decide_seconds": 60},
        defaults={
            "fast_window_seconds": 240,
            "stable_window_seconds": 720,
            "evidence_age_seconds": 480,
            "stale_after_seconds": 120,
        },
        deployments=[policy(name) for name in BOUNDS],
        slo={"allow_low_volume": True},
        probe={"max_output_tokens": 32},
    )


@dataclass
class Day:
    """What a day left behind."""

    outside: Platform
    app: App
    verdicts: Counter[str]
    failures: Counter[str]
    """Job to runs (or deployments within them) that raised something unforeseen."""
    stale_seen: bool
    names: tuple[str, ...]


async def live_a_day(check: Any) -> None:
    scenario = Scenario(
        deployments=plans(),
        faults=(*CONTROL_FAULTS, *SCALE_FAULTS, *CHAT_FAULTS),
        events=EVENTS,
        seed=7,
    )
    async with platform(scenario) as outside:
        store = MemoryStore()
        verdicts: Counter[str] = Counter()
        failures: Counter[str] = Counter()
        stale_seen = False
        app = await outside.start(settings(outside), store)
        for minute in range(1, int(DAY // 60) + 1):
            await outside.clock.sleep(60.0)
            outside.proxy.foreign_endpoint = "watched" if 600 <= minute < 620 else ""
            outside.proxy.redirects = 500 <= minute < 520
            picture = app.console.snapshot()
            assert picture is not None
            stale_seen |= picture.control_plane.is_stale
            verdicts.update(
                view.decision.verdict.value for view in picture.deployments if view.decision
            )
            if minute == 720:
                failures.update({job.name: job.failures for job in picture.jobs})
                await app.stop()
                app = await outside.start(settings(outside), store)
        picture = app.console.snapshot()
        assert picture is not None
        failures.update({job.name: job.failures for job in picture.jobs})
        day = Day(
            outside=outside,
            app=app,
            verdicts=verdicts,
            failures=failures,
            stale_seen=stale_seen,
            names=tuple(view.deployment.name for view in picture.deployments),
        )
        try:
            check(day)
        finally:
            await app.stop()


def check_day(day: Day) -> None:
    calls = day.outside.proxy.asked
    print(f"scale calls: {len(calls)}", Counter(c.name for c in calls))
    print(
        "verdicts:", dict(day.verdicts), "alerts:", Counter(a[:2] for a in day.outside.sink.alerts)
    )
    check_calls(calls)
    assert day.outside.stranger.requests == []
    assert day.stale_seen
    assert day.app.console.is_healthy() == (True, "The loops progress.")
    assert sorted(day.names) == sorted(n for n in (*BOUNDS, "watched") if n != "fails")
    assert {job: n for job, n in day.failures.items() if n} == {}
    assert day.outside.sink.of("NeevDeploymentFailed", "fails") == [
        *("firing", "resolved"),
        *("firing", "resolved"),
    ]
    assert day.outside.sink.of("NeevEndpointDown", "mute")[0] == "firing"
    assert "firing" in day.outside.sink.of("NeevControlPlaneStale", "")


def check_calls(calls: list[Asked]) -> None:
    names = {call.name for call in calls}
    assert "watched" not in names, "no entry matches it"
    assert "mute" not in names, "nothing is seen of it, and it is within its bounds"
    for call in calls:
        low, high = BOUNDS[call.name]
        nearest = min(max(call.current, low), high)
        inside = low <= call.replicas <= high
        nearer = abs(call.replicas - nearest) < abs(call.current - nearest)
        assert inside or nearer, call
    ups = [c for c in calls if c.name == "chat-day" and c.replicas > c.current]
    downs = [c for c in calls if c.name == "chat-day" and c.replicas < c.current]
    assert ups, "its load rises sevenfold"
    assert downs, "and falls again"
    assert any(c.name == "too-many" and c.replicas < c.current for c in calls)


@pytest.mark.day
def test_a_day_of_every_trouble_is_survived_and_no_promise_broken(
    capsys: pytest.CaptureFixture[str],
) -> None:
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    started, busy = time.monotonic(), time.process_time()
    run_virtual(live_a_day(check_day))
    wall, cpu = time.monotonic() - started, time.process_time() - busy
    with capsys.disabled():
        print(f"\nan emulated day of 7 deployments: {wall:.0f} s of wall time, {cpu:.0f} s of CPU")
    assert cpu < MOST_SECONDS

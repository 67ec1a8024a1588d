"""The day before the demo: lived in virtual time, without HTTP, into the state it goes on with.

The same daemon, platform and state file as afterwards; only calls and probes are direct, alerts are
taken as delivered, and intervals are as wide as a usual installation's. Then the daemon stops, and
the demo starts another one on the same file: a restart like any other.
"""

import asyncio
import random
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from autoscaler.app.adapters import build_plan, build_store, meter_config
from autoscaler.app.translate import daemon_config
from autoscaler.cli.demo_load import opening_loads, past_scenario
from autoscaler.cli.loopback import shipped_file
from autoscaler.clock import LoopEvery, SystemClock, run_virtual
from autoscaler.core.snapshot import ReceiverView
from autoscaler.daemon.config import Parts
from autoscaler.daemon.jobs import JobBoard
from autoscaler.daemon.loop import Daemon
from autoscaler.emulator.direct import DirectCloud
from autoscaler.emulator.direct_platform import ORIGIN, DirectPlatform
from autoscaler.emulator.direct_probing import DirectProber
from autoscaler.emulator.faults import Fault
from autoscaler.emulator.recording import Recording
from autoscaler.emulator.scenario import Scenario
from autoscaler.emulator.server import Emulator
from autoscaler.emulator.workload import Workload
from autoscaler.ports import Clock, Store
from autoscaler.settings import Settings, load_settings
from autoscaler.web import PrometheusMeter

DAY_SECONDS = 86400.0
PICTURE_SECONDS = 900.0
"""Virtual time between two words of progress."""
NEAR_SECONDS = 1.0
"""So near to the present the past ends; it would never quite reach it."""
NOTIFY_SECONDS = 120.0
PUMP_SECONDS = 30.0
"""Nobody waits for an alert or a probe of the past: a look a second would take half its time."""

SETTINGS_FILE = "demo.yaml"
PACE: Mapping[str, object] = {
    "intervals": {
        "discover_seconds": 150,
        "decide_seconds": 150,
        "probe_seconds": 90,
        "inventory_seconds": 600,
    },
    "defaults": {
        "settling_window_seconds": 120,
        "scale_down_hold_seconds": 900,
        "fast_window_seconds": 360,
        "stable_window_seconds": 1080,
        "evidence_age_seconds": 720,
        "stale_after_seconds": 480,
        "cold_start_seconds": 20,
    },
    "slo": {"allow_low_volume": True},
    "probe": {"tokens_per_minute": 600, "max_output_tokens": 48},
}
"""A tenth of the default cadence, a sixth for probes, with windows as much wider: a day's picture
shows no more, and it takes a sixth of the time."""

Progress = Callable[[float], None]
"""Told which share of the past is lived, 0..1."""


class DemoClock:
    """Time that begins in the past, runs as a virtual-time loop does, and then goes on live."""

    def __init__(self, past_seconds: float) -> None:
        self._system = SystemClock()
        self._began_at = self._system.now() - past_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._offset: float | None = None if past_seconds > 0 else -self._system.monotonic()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._began_at + self.monotonic()

    def monotonic(self) -> float:
        """Seconds since the begin of the past."""
        if self._loop is not None:
            return self._loop.time()
        return 0.0 if self._offset is None else self._system.monotonic() + self._offset

    async def sleep(self, seconds: float) -> None:
        """Wait, in virtual or in real time."""
        await asyncio.sleep(seconds)

    def behind_seconds(self) -> float:
        """How far the past is from now."""
        return self._system.now() - self.now()

    def follow_loop(self) -> None:
        """Take time from the running loop."""
        self._loop = asyncio.get_running_loop()

    def go_live(self) -> None:
        """Take time from the system; it never goes back."""
        reached = max(self.monotonic(), self._system.now() - self._began_at)
        self._loop, self._offset = None, reached - self._system.monotonic()


class _TakenAsDelivered:
    """A notifier of the past: nobody is there to be told, and nothing is to be told later."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def send_due(self) -> None:
        """Mark all that is due as delivered."""
        while rows := self._store.due(self._clock.now()):
            for row in rows:
                self._store.delivered(row.key, at=self._clock.now())

    def receivers(self) -> tuple[ReceiverView, ...]:
        """No queue is kept."""
        return ()

    async def close(self) -> None:
        """There is nothing to close."""


class Past:
    """The past of one demo's platform."""

    def __init__(
        self, live: Scenario, *, clock: DemoClock, tls: ssl.SSLContext | None = None
    ) -> None:
        """`live` is what it goes on with, over HTTPS if `tls` is given."""
        scenario = past_scenario(live, past_seconds=clock.behind_seconds())
        self.emulator = Emulator(scenario, clock=clock, tls=tls)
        """The platform of the past; to be started, and served over HTTP, once `live` is over."""
        self._live = live
        self._clock = clock

    def live(self, state: Path, *, progress: Progress) -> None:
        """Live it up to now into this state file, then hand platform and clock over."""
        run_virtual(self._run(self._settings(state), progress), kernel_grace_seconds=0.0)
        self._clock.go_live()
        self._hand_over()

    def _settings(self, state: Path) -> Settings:
        """The demo's settings at the pace of a usual installation; nothing is connected to."""
        overrides: Mapping[str, object] = {
            "cloud": {
                "base_url": ORIGIN,
                "org_id": self._live.org_id,
                "project_id": self._live.project_id,
                "token": self.emulator.tokens.personal_token,
            },
            "alerting": {"webhook": [{"name": "demo", "url": ORIGIN}]},
            "state": {"path": str(state)},
        }
        file = shipped_file(SETTINGS_FILE)
        return load_settings(file, environ={}, overrides={**overrides, **PACE}).settings

    async def _run(self, settings: Settings, progress: Progress) -> None:
        clock = self._clock
        clock.follow_loop()
        store = build_store(settings, clock=clock)
        meter = PrometheusMeter(meter_config(settings), clock=clock.now)
        direct = DirectPlatform(
            self.emulator.platform,
            self.emulator.faults,
            clock=clock,
            events=self.emulator.scenario.events,
        )
        board = JobBoard(clock, meter)
        rng = random.Random(self._live.seed)  # noqa: S311  # reproducible, no secrets
        parts = Parts(
            clock=clock,
            every=LoopEvery(clock, missed=board.missed),
            cloud=DirectCloud(direct),
            prober=DirectProber(direct),
            plan=build_plan(settings, meter, rng),
            store=store,
            notifier=_TakenAsDelivered(store, clock),
            meter=meter,
            rng=rng,
        )
        config = replace(
            daemon_config(settings),
            notify_seconds=NOTIFY_SECONDS,
            pump_seconds=PUMP_SECONDS,
            prune_seconds=DAY_SECONDS,
            keep_observations_seconds=0.0,
        )
        daemon = Daemon(parts, config, board=board)
        await daemon.start()
        whole = clock.behind_seconds()
        coming = opening_loads(self._live)
        while (left := clock.behind_seconds()) > NEAR_SECONDS:
            progress(1.0 - min(1.0, left / whole))
            for name in [name for name, (lead, _) in coming.items() if left <= lead]:
                self._feed(name, coming.pop(name)[1])
            ahead = (left - lead for lead, _ in coming.values())
            await clock.sleep(max(NEAR_SECONDS, min(PICTURE_SECONDS, left, *ahead)))
        await daemon.stop()
        store.close()

    def _feed(self, name: str, load: Workload | Recording) -> None:
        """Replace a deployment's load from now on."""
        platform = self.emulator.platform
        platform.advance()
        unit = platform.named(name)
        if unit is not None:
            unit.fleet.feed(load.requests(platform.now(), seed=self._live.seed))

    def _hand_over(self) -> None:
        """Give the platform the live scenario's load, events and faults, from now on."""
        for plan in self._live.deployments:
            source = plan.workload or plan.recording
            if source is not None:
                self._feed(plan.name, source)
        platform = self.emulator.platform
        elapsed = platform.now() - platform.timeline.started_at
        for fault in self._live.faults:
            self.emulator.faults.add(_later(fault, elapsed))
        self.emulator.scenario = replace(
            self._live,
            events=tuple(
                replace(event, at_seconds=event.at_seconds + elapsed) for event in self._live.events
            ),
        )


def _later(fault: Fault, seconds: float) -> Fault:
    """Return a fault whose window begins and ends so much later."""
    end = None if fault.end_seconds is None else fault.end_seconds + seconds
    return replace(fault, start_seconds=fault.start_seconds + seconds, end_seconds=end)

"""One wired daemon with its web server, from start to stop."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import structlog

from autoscaler.app import adapters, receivers, translate
from autoscaler.app.lag import LagMeter
from autoscaler.app.switch import SwitchedNotifier
from autoscaler.app.switched_prober import Probing, SwitchedProber
from autoscaler.clock import LoopEvery, SchedulerEvery, SystemClock
from autoscaler.cloud import CloudClient
from autoscaler.daemon.config import Config, Parts, no_heartbeat
from autoscaler.daemon.jobs import JobBoard
from autoscaler.daemon.loop import Daemon
from autoscaler.notify.build import build_outbox
from autoscaler.notify.config import HeartbeatConfig
from autoscaler.notify.heartbeat import Heartbeat
from autoscaler.notify.http import Http
from autoscaler.notify.lane import CrashPoint, LaneParts
from autoscaler.notify.outbox import Outbox
from autoscaler.ports import Clock, Console, Every, Store
from autoscaler.probes.honesty import LagSampler
from autoscaler.settings import Settings
from autoscaler.store import SqliteStore
from autoscaler.web import WebServer

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seams:
    """What tests, the demo and the virtual day put in place of the live parts."""

    clock: Clock = field(default_factory=SystemClock)
    store: Store | None = None
    """Left open at the stop; None = the file of the settings."""
    rng: random.Random = field(default_factory=random.Random)
    crash: CrashPoint = lambda _: None
    """Told before and after each send; a test may let the process die there."""
    virtual: bool = False
    """True on a virtual-time loop: jobs are plain loops, the loop's lag is not measured."""


class App:
    """One daemon. `start` and `stop` it on one loop, or hand it to `run_app`."""

    def __init__(
        self, settings: Settings, seams: Seams, *, read: Callable[[], Settings] | None
    ) -> None:
        self.settings = settings
        self.seams = seams
        self.read = read
        self.meter = LagMeter(adapters.meter_config(settings), clock=seams.clock.now)
        self._parts: _Running | None = None
        self.started_with = settings

    @property
    def console(self) -> Console:
        """What may be asked of the running daemon; only between `start` and `stop`."""
        return self._running.daemon.console

    @property
    def url(self) -> str:
        """Base URL of the web server, with the port that was bound; only while it runs."""
        return self._running.web.url

    @property
    def store(self) -> Store:
        """The state; only while it runs."""
        return self._running.store

    async def start(self) -> None:
        """Open the state, serve HTTP and begin all jobs. Raises StoreUnusable, OSError (address),
        ValueError (what is missing in the settings).
        """
        running = _Running.build(self)
        try:
            await running.web.start()
        except BaseException:
            await running.discard()
            raise
        if running.sampler is not None:
            running.sampler.start()
        await running.daemon.start()
        self._parts = running
        log.info("serving", url=running.web.url, mode=self.settings.mode.value)

    async def stop(self) -> None:
        """Drain in order and close everything."""
        running, self._parts = self._running, None
        await running.daemon.stop()
        await running.web.stop()
        await running.discard()

    def reload(self) -> tuple[Config, str]:
        """Read the settings anew and swap what can be swapped. Raises ValueError: nothing was."""
        if self.read is None:
            raise ValueError("this daemon was started without a configuration to read again")
        after = self.read()
        running = self._running
        config = running.config_of(after)
        changed = translate.changes(self.settings, after, started=self.started_with)
        probing, outbox = running.probing_of(after), running.outbox_of(after)
        running.notifier.swap(outbox)
        running.prober.swap(probing)
        self.settings = after
        return config, changed

    @property
    def _running(self) -> "_Running":
        if self._parts is None:
            raise RuntimeError("the app is not started")
        return self._parts


def build_app(
    settings: Settings,
    *,
    seams: Seams | None = None,
    read: Callable[[], Settings] | None = None,
) -> App:
    """Return an app. `read` reads the configuration anew (SIGHUP, POST /-/reload) and raises
    ValueError with its faults; None = it cannot be reloaded.
    """
    return App(settings, seams or Seams(), read=read)


@dataclass(slots=True, kw_only=True)
class _Running:
    """Everything that lives between start and stop."""

    app: App
    store: Store
    cloud: CloudClient
    notifier: SwitchedNotifier
    prober: SwitchedProber
    heartbeat_http: Http
    daemon: Daemon
    web: WebServer
    sampler: LagSampler | None

    @classmethod
    def build(cls, app: App) -> "_Running":
        """Make all parts, closing those that were made where a later one fails."""
        settings, seams, meter = app.settings, app.seams, app.meter
        clock = seams.clock
        cloud = adapters.build_cloud(settings, clock=clock, meter=meter.controlplane_request)
        store = seams.store or adapters.build_store(settings, clock=clock)
        notifier = SwitchedNotifier(_outbox(settings, _lanes(app, store)))
        heartbeat_http = Http(clock)
        sampler = None if seams.virtual else LagSampler(clock, meter)
        board = JobBoard(clock, meter)
        prober = SwitchedProber(
            _probing(app, settings, sampler),
            resume=(lambda: None) if sampler is None else sampler.start,
        )
        parts = Parts(
            clock=clock,
            every=_every(seams, board),
            cloud=cloud,
            prober=prober,
            plan=adapters.build_plan(settings, meter, seams.rng),
            store=store,
            notifier=notifier,
            meter=meter,
            signals=adapters.build_signals(settings, clock=clock),
            heartbeat=_heartbeat(settings, heartbeat_http, clock),
            test_alert=notifier.test,
            reload=app.reload if app.read is not None else None,
            loop_lag=meter.loop_lag_p99,
            is_offline=prober.is_offline,
            rng=seams.rng,
        )
        daemon = Daemon(parts, _config(settings, store), board=board)
        return cls(
            app=app,
            store=store,
            cloud=cloud,
            notifier=notifier,
            prober=prober,
            heartbeat_http=heartbeat_http,
            daemon=daemon,
            web=_web(settings, daemon.console, meter),
            sampler=sampler,
        )

    def config_of(self, settings: Settings) -> Config:
        """Return what other settings tell the daemon."""
        return _config(settings, self.store)

    def outbox_of(self, settings: Settings) -> Outbox:
        """Return the outbox that other settings want."""
        return _outbox(settings, _lanes(self.app, self.store))

    def probing_of(self, settings: Settings) -> Probing:
        """Return the prober that other settings want. It goes by the schedule it was started with,
        as the plan of probes does.
        """
        return _probing(self.app, settings, self.sampler)

    async def discard(self) -> None:
        """Close what the daemon does not close itself."""
        if self.sampler is not None:
            self.sampler.stop()
        await self.notifier.close()
        await self.heartbeat_http.close()
        await self.cloud.close()
        if self.app.seams.store is None:
            self.store.close()


def _config(settings: Settings, store: Store) -> Config:
    """What the daemon is told, with what opening the state has brought to light."""
    config = translate.daemon_config(settings)
    if isinstance(store, SqliteStore):
        config = replace(config, warnings=(*config.warnings, *store.warnings))
    return config


def _web(settings: Settings, console: Console, meter: LagMeter) -> WebServer:
    config, state_path = adapters.web_config(settings), adapters.state_path(settings)
    return WebServer(console, meter, config, state_path=state_path)


def _lanes(app: App, store: Store) -> LaneParts:
    seams = app.seams
    return LaneParts(
        store=store, clock=seams.clock, meter=app.meter, rng=seams.rng, crash=seams.crash
    )


def _outbox(settings: Settings, lanes: LaneParts) -> Outbox:
    rules = receivers.alert_rules(settings)
    return build_outbox(receivers.receiver_configs(settings), lanes, rules=rules)


def _probing(app: App, settings: Settings, sampler: LagSampler | None) -> Probing:
    canaries = adapters.build_canaries(settings, clock=app.seams.clock)
    prober = adapters.build_prober(
        settings,
        clock=app.seams.clock,
        sampler=sampler,
        canaries=canaries,
        scheduled_by=app.started_with,
    )
    return Probing(prober, canaries if settings.probe.canaries else None)


def _heartbeat(settings: Settings, http: Http, clock: Clock) -> Callable[[], Awaitable[None]]:
    """Return what tells the dead man's switch that all is well; it is asked only while it is."""
    heartbeat = settings.alerting.heartbeat
    if heartbeat.url is None:
        return no_heartbeat
    config = HeartbeatConfig(url=heartbeat.url, every_seconds=heartbeat.every_seconds)
    sender = Heartbeat(config, http, clock, healthy=lambda: True)

    async def beat() -> None:
        await sender.beat_once()

    return beat


def _every(seams: Seams, board: JobBoard) -> Every:
    if seams.virtual:
        return LoopEvery(seams.clock, missed=board.missed)
    return SchedulerEvery(missed=board.missed)

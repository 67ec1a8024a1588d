"""`neevscale demo`: the daemon, live, on an emulated platform in the same process.

Control plane, probes and alerts go over real loopback HTTP; only the platform is emulated. Nothing
of the environment is used, nothing is left behind.
"""

import asyncio
import contextlib
import signal
import ssl
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from autoscaler.app import App, Seams, build_app
from autoscaler.cli.demo_load import HOUR_SECONDS
from autoscaler.cli.demo_past import DemoClock, Past
from autoscaler.cli.demo_screen import Frame, Screen, screen_for
from autoscaler.cli.demo_sink import AlertSink
from autoscaler.cli.demo_story import Story
from autoscaler.cli.emulate import DEFAULT_SCENARIO, load_scenario
from autoscaler.cli.loopback import forget_environment, shipped_file
from autoscaler.cli.output import WIDE, money, say, stop
from autoscaler.emulator.server import Emulator
from autoscaler.logs import LogConfig, configure_logs
from autoscaler.settings import Settings, load_settings

SETTINGS_FILE = "demo.yaml"
FRAME_SECONDS = 0.5


def demo(
    *,
    duration: Annotated[
        float | None,
        typer.Option(min=1, help="End by itself after so many seconds.", show_default=False),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of page and metrics; 0 takes a free one.")
    ] = 9464,
    host: Annotated[
        str, typer.Option(help="Address of page and metrics; in a container 0.0.0.0.")
    ] = "127.0.0.1",
    past: Annotated[
        float,
        typer.Option(min=0, max=168, help="Hours of an emulated past to begin with; 0 = none."),
    ] = 24.0,
    tls: Annotated[
        Path | None,
        typer.Option(
            help="Serve the emulated platform over HTTPS, with this PEM of a key and a self-signed "
            "certificate for 127.0.0.1; else over HTTP.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
) -> None:
    """Watch three emulated deployments: load rises, one fails, replicas follow.

    First a past day is lived in virtual time, so that the page opens on its decisions; then it goes
    on live.

    Needs no account and uses nothing of the environment. A live table in a terminal, plain lines in
    a pipe; Ctrl-C ends it with a summary.

    Examples: `neevscale demo` · `neevscale demo --duration 60 --port 0`
    """
    forget_environment()
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDE, highlight=False)
    with tempfile.TemporaryDirectory(prefix="neevscale-demo-") as folder:
        try:
            run = _Demo(Path(folder), _Wishes(f"{host}:{port}", duration, past, tls))
            run.live_past(console)
            asyncio.run(run.run(console))
        except OSError as error:
            stop(f"The demo cannot serve on {host}:{port}: {error.strerror}. Try --port 0.")


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What the command line asked for."""

    listen: str
    duration: float | None
    past_hours: float
    tls: Path | None


class _Demo:
    """One run of the demo."""

    def __init__(self, folder: Path, wishes: _Wishes) -> None:
        self._folder = folder
        self._wishes = wishes
        self._clock = DemoClock(wishes.past_hours * HOUR_SECONDS)
        scenario = load_scenario(shipped_file(DEFAULT_SCENARIO))
        tls = None if wishes.tls is None else server_tls(wishes.tls)
        self._past = Past(scenario, clock=self._clock, tls=tls) if wishes.past_hours else None
        self._emulator = (
            self._past.emulator if self._past else Emulator(scenario, clock=self._clock, tls=tls)
        )
        self._sink = AlertSink()
        self._story = Story()
        self._stopping = asyncio.Event()
        self._cost: tuple[Decimal, str] | None = None

    def live_past(self, console: Console) -> None:
        """Fill the state with the past, if there is to be one."""
        if self._past is None:
            return
        say(f"Living the {self._wishes.past_hours:g} hours before now in virtual time …")
        with (
            self._log(level="warning"),
            Progress(console=console, transient=True, disable=not console.is_terminal) as shown,
        ):
            task = shown.add_task("past", total=1.0)
            self._past.live(
                self._folder / "state.db",
                progress=lambda share: shown.update(task, completed=share),
            )
        scaled = len(self._emulator.truth().scale_calls)
        say(f"The past is lived: {scaled} scale calls. From here on it is live.")

    @contextlib.contextmanager
    def _log(self, *, level: str) -> Iterator[None]:
        with (self._folder / "demo.log").open("a", encoding="utf-8") as log:
            configure_logs(LogConfig(format="logfmt", level=level), now=self._clock.now, stream=log)
            yield

    async def run(self, console: Console) -> None:
        """Start everything, show it until the end, stop everything, sum up."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stopping.set)
        async with AsyncExitStack() as stack:
            stack.enter_context(self._log(level="info"))
            await stack.enter_async_context(self._emulator)
            await self._sink.start()
            stack.push_async_callback(self._sink.stop)
            app = build_app(self._settings(), seams=Seams(clock=self._clock))
            await app.start()
            stack.push_async_callback(app.stop)
            with screen_for(console) as screen:
                await self._watch(app, screen)
        self._sum_up()

    def _settings(self) -> Settings:
        where = self._emulator.connection
        host = where.base_url.split("/")[2]
        overrides: Mapping[str, object] = {
            "cloud": {
                "base_url": where.base_url,
                "tenant_url": where.tenant_url,
                "inventory_url": where.inventory_url,
                "org_id": where.org_id,
                "project_id": where.project_id,
                "email": self._emulator.scenario.email,
                "password": self._emulator.scenario.password,
                "ca_file": self._wishes.tls,
            },
            "inference": {
                "key": where.inference_key,
                "allowed_hosts": [host],
                "ca_file": self._wishes.tls,
            },
            "alerting": {"webhook": [{"name": "demo", "url": self._sink.url}]},
            "state": {"path": str(self._folder / "state.db")},
            "web": {"listen": self._wishes.listen},
        }
        file = shipped_file(SETTINGS_FILE)
        return load_settings(file, environ={}, overrides=overrides).settings

    async def _watch(self, app: App, screen: Screen) -> None:
        start, started_at = self._clock.monotonic(), self._clock.now()
        while not self._stopping.is_set():
            elapsed = self._clock.monotonic() - start
            if self._wishes.duration is not None and elapsed >= self._wishes.duration:
                return
            snapshot = app.console.snapshot()
            if snapshot is not None:
                if snapshot.fleet_cost is not None:
                    self._cost = (snapshot.fleet_cost.total, snapshot.fleet_cost.currency)
                screen.show(
                    Frame(
                        elapsed_seconds=elapsed,
                        started_at=started_at,
                        page_url=app.url,
                        snapshot=snapshot,
                        news=self._story.follow(snapshot, self._sink.alerts),
                        happenings=self._story.happenings,
                    )
                )
            await self._clock.sleep(FRAME_SECONDS)

    def _sum_up(self) -> None:
        truth, story = self._emulator.truth(), self._story
        probes = sum(n for name, n in truth.requests.items() if name.startswith("chat "))
        billed = sum((d.bill_exact for d in truth.deployments), Decimal(0))
        cost = "unknown" if self._cost is None else money(*self._cost)
        say(
            f"Summary: decisions {story.decisions}, scale-ups {story.scale_ups}, "
            f"scale-downs {story.scale_downs}, alerts delivered {story.alerts}, probes {probes}, "
            f"estimated cost {cost} (the emulated platform's own bill: "
            f"{money(billed, truth.currency)})."
        )


def server_tls(pem: Path) -> ssl.SSLContext:
    """Return a server's context for a file that holds a key and its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context

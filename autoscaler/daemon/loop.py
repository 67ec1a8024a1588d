"""The daemon: the jobs over the seams, what runs when, and how it ends.

It wires the parts of this package together and starts them; each part says itself what it does.
Order of the way out (SIGTERM, within 25 s): not ready any more; no new jobs and probes; scale calls
under way are finished; state is written; the outbox is flushed once; the seams are closed.
"""

import asyncio
import contextlib
from collections.abc import Collection, Coroutine
from typing import Any

import structlog

from autoscaler.actuator import Actuator, Order
from autoscaler.core.alerting.messages import ChangeMessage
from autoscaler.core.alerting.telling import tell_change
from autoscaler.core.model import Orders
from autoscaler.core.policy import Policy
from autoscaler.daemon.accounts import PriceBook, restore_prices
from autoscaler.daemon.alerts import AlertDesk, restore_alerts
from autoscaler.daemon.config import Config, Live, Parts
from autoscaler.daemon.console import DaemonConsole
from autoscaler.daemon.discover import Discovery
from autoscaler.daemon.evidence import Evidence
from autoscaler.daemon.fleet import restore_fleet
from autoscaler.daemon.housekeeping import Housekeeping
from autoscaler.daemon.jobs import JobBoard
from autoscaler.daemon.picture import Picture, Showing
from autoscaler.daemon.probing import Probing
from autoscaler.daemon.reloading import Reloading
from autoscaler.daemon.scene import Scene
from autoscaler.daemon.tick import Tick

log = structlog.get_logger()

DECIDE_DELAY_SECONDS = 1.0
"""The tick comes so long after the list, so that it decides on a count read a second ago."""
JOBS_GRACE_SECONDS = 4.0
PROBES_GRACE_SECONDS = 1.0
CALLS_GRACE_SECONDS = 10.0
FLUSH_SECONDS = 8.0
"""The four add up to less than 25 s, which is less than the 30 s that Kubernetes allows."""
BREATH = 50
"""Deployments whose plan is looked at (a few milliseconds) before others get a turn."""
CANARY_SECONDS = 15.0
"""Between two looks at the canaries: NeevSelfOffline holds for a minute before it is told."""
PATIENCE_SECONDS = 300.0
"""Jobs that wait for others (control plane, receivers) are not called stuck before that."""


class Daemon:
    """One daemon over one project. Make it on the loop that it is to run on."""

    def __init__(self, parts: Parts, config: Config, *, board: JobBoard) -> None:
        """`board` is the one that `parts.every` tells of missed runs."""
        self._parts = parts
        self._board = board
        now = parts.clock.now()
        self._live = live = Live(config=config, since=now)
        self._fleet, lost = restore_fleet(parts.store)
        alerts, lost_alerts = restore_alerts(parts.store)
        self._book = PriceBook(live, restore_prices(parts.store))
        self._probing = Probing(parts, self._fleet, board, live=live)
        self._scene = Scene(
            parts=parts,
            fleet=self._fleet,
            board=board,
            book=self._book,
            probing=self._probing,
            live=live,
            started_at=now,
            warnings=(*lost, *lost_alerts),
        )
        self._evidence = Evidence(self._scene)
        self._desk = AlertDesk(parts, self._evidence, live=live, state=alerts)
        self._discovery = Discovery(parts, self._fleet, board, book=self._book, live=live)
        self._housekeeping = Housekeeping(parts, self._fleet, live=live)
        self._actuator = Actuator(parts.cloud, parts.meter, parts.clock)
        self._acting: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._tick = Tick(self._scene, self._desk, is_acting=self._acting.__contains__)
        self._showing = Showing()
        self._picture = Picture(self._scene, self._desk, self._showing)
        self._notifying = asyncio.Lock()
        self._pump: asyncio.Task[None] | None = None
        self.console = self._make_console()

    def _make_console(self) -> DaemonConsole:
        reloading = Reloading(
            self._parts,
            self._live,
            reloads=self._evidence.reloads,
            book=self._book,
            schedule=self._schedule,
        )
        return DaemonConsole(
            self._parts,
            self._fleet,
            self._board,
            probing=self._probing,
            desk=self._desk,
            reloading=reloading,
            showing=self._showing,
            live=self._live,
        )

    async def start(self) -> None:
        """Begin all jobs."""
        self._parts.prober.recall(self._parts.store.documents("prober"))
        log.info(
            "started",
            version=self._live.config.version,
            project=self._live.config.project,
            remembered=len(self._fleet.watched),
        )
        self._schedule()
        self._pump = asyncio.create_task(self._probing.run(), name="probe pump")
        await self._parts.every.start()

    async def stop(self) -> None:
        """Drain in order, within 25 s."""
        self._showing.is_draining = True
        log.info("stopping")
        await _within(JOBS_GRACE_SECONDS, self._parts.every.stop())
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        await self._probing.stop(PROBES_GRACE_SECONDS)
        await self._finish(self._acting.values(), CALLS_GRACE_SECONDS)
        await self._finish(self._tasks, JOBS_GRACE_SECONDS)
        with self._board.guard("stop"):
            await self._tick.write(everything=True)
            self._housekeeping.keep_prober_memory()
        with self._board.guard("notify"):
            await _within(FLUSH_SECONDS, self._parts.notifier.send_due())
        for reader in self._parts.signals:
            await reader.close()
        await self._parts.notifier.close()
        await self._parts.prober.close()
        log.info("stopped")

    async def discover_once(self) -> None:
        """Read the control plane; what changed there is told at once, before the next tick."""
        changed = await self._discovery.discover_once()
        await self._follow_all()
        if changed:
            await self._tick.look_once()
            self._spawn(self.notify_once(), "notify")
            await self._picture.renew()

    async def decide_once(self) -> None:
        """Decide for all, write it, act, and show it."""
        orders = await self._tick.decide_once()
        for order in orders:
            self._act(order)
        self._spawn(self.notify_once(), "notify")
        await self._picture.renew()

    async def notify_once(self) -> None:
        """Send what is due; one sending at a time."""
        if not self._notifying.locked():
            async with self._notifying:
                await self._parts.notifier.send_due()

    async def heartbeat_once(self) -> None:
        """Tell the dead man's switch that all is well, if it is."""
        healthy, because = self.console.is_healthy()
        if healthy:
            await self._parts.heartbeat()
        else:
            log.error("heartbeat_withheld", because=because)

    async def _follow_all(self) -> None:
        for number, watched in enumerate(list(self._fleet), start=1):
            if watched.id in self._fleet.watched:
                with self._board.guard("discover", watched.name):
                    self._probing.follow(watched)
            if number % BREATH == 0:
                await asyncio.sleep(0)

    def _schedule(self) -> None:
        config, every = self._live.config, self._parts.every
        delay = min(DECIDE_DELAY_SECONDS, config.decide_seconds / 4)
        jobs = [
            ("discover", config.discover_seconds, self.discover_once, PATIENCE_SECONDS),
            ("decide", config.decide_seconds, self.decide_once, 0.0),
            ("notify", config.notify_seconds, self.notify_once, PATIENCE_SECONDS),
            (
                "inventory",
                config.inventory_seconds,
                self._discovery.inventory_once,
                PATIENCE_SECONDS,
            ),
            ("heartbeat", config.heartbeat_seconds, self.heartbeat_once, PATIENCE_SECONDS),
            ("gc", config.prune_seconds, self._housekeeping.clean_once, PATIENCE_SECONDS),
        ]
        if self._parts.signals:
            read = self._probing.signals_once
            jobs.append(("signals", config.signals_seconds, read, PATIENCE_SECONDS))
        if self._parts.is_offline is not None:
            jobs.append(
                ("canaries", CANARY_SECONDS, self._evidence.look_at_canaries, PATIENCE_SECONDS)
            )
        for name, seconds, job, patience in jobs:
            watched = self._board.watched(name, seconds, job, patience=patience)
            every.add(name, seconds, watched, delay_seconds=delay if name == "decide" else 0.0)

    def _act(self, order: Order) -> None:
        id_ = order.deployment.id
        task = asyncio.create_task(self._act_one(order), name=f"scale {order.deployment.name}")
        self._acting[id_] = task
        task.add_done_callback(lambda _: self._acting.pop(id_, None))

    async def _act_one(self, order: Order) -> None:
        with self._board.guard("decide", order.deployment.name):
            read_at = self._parts.clock.now()
            result = await self._actuator.act(order, allowed=lambda: self._allowed(order))
            self._discovery.acted(order, result, read_at=read_at)
            done = result.result == "ok"
            rules = self._live.config.rules
            await self._tick.write(tell_change(self._change(order), rules) if done else ())
            (log.info if done else log.warning)(
                "scaled" if done else "scale_not_done",
                deployment=order.deployment.name,
                current=order.decision.current,
                asked=order.ask.count,
                result=result.result,
                because=result.because,
            )
            await self._picture.renew()

    def _allowed(self, order: Order) -> tuple[Policy, Orders]:
        watched = self._fleet.watched.get(order.deployment.id)
        orders = Orders() if watched is None else watched.orders
        return self._live.policy_for(order.deployment), orders

    def _change(self, order: Order) -> ChangeMessage:
        return ChangeMessage(
            at=order.ask.asked_at,
            project=self._live.config.project,
            deployment=order.deployment.name,
            from_replicas=order.ask.from_count,
            to_replicas=order.ask.count,
            reason=order.decision.reason.value,
            because=order.decision.because,
            page_url=self._live.config.rules.external_url,
        )

    def _spawn(self, work: Coroutine[Any, Any, None], job: str) -> None:
        """Do something beside the jobs, guarded like them."""

        async def guarded() -> None:
            with self._board.guard(job):
                await work

        task = asyncio.create_task(guarded(), name=f"{job} at once")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _finish(self, tasks: Collection[asyncio.Task[None]], grace: float) -> None:
        """Wait for tasks under way, then cancel what is left."""
        waiting = list(tasks)
        if not waiting:
            return
        _, late = await asyncio.wait(waiting, timeout=grace)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


async def _within(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(work, seconds)

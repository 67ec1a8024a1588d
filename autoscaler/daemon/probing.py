"""Sends probes when the plan says so, each in a guarded task, and collects what they saw.

A probe never triggers a decision: results wait in a bounded inbox until the tick drains it. The
probes' own rhythm is an open loop; this pump sleeps until the next one is due.
"""

import asyncio

from autoscaler.core import slo
from autoscaler.core.intake import idle_ttft
from autoscaler.core.model import Deployment, Json, ProbeResult
from autoscaler.core.slo import Thresholds
from autoscaler.core.snapshot import SloView
from autoscaler.daemon.config import Live, Parts
from autoscaler.daemon.fleet import Fleet
from autoscaler.daemon.jobs import JobBoard
from autoscaler.daemon.watched import Objectives, Watched
from autoscaler.ports import Due

JOB = "probe"
FRESH_SECONDS = 5.0
"""Error budgets change with probes; without one, this old is new enough: windows are minutes."""
SHORTEST_SLEEP_SECONDS = 0.001
"""It never spins, whatever the plan says."""


class Probing:
    """Runs the probes of all deployments."""

    def __init__(self, parts: Parts, fleet: Fleet, board: JobBoard, *, live: Live) -> None:
        self._parts = parts
        self._fleet = fleet
        self._board = board
        self._live = live
        self._tasks: dict[asyncio.Task[None], str] = {}
        """Probe in flight to the deployment's name."""
        self._stopping = False

    async def run(self) -> None:
        """Send what is due, again and again, until `stop`."""
        once = self._board.watched(JOB, self._live.config.pump_seconds, self.probe_once)
        while not self._stopping:
            await once()
            await self._parts.clock.sleep(self._pause())

    async def probe_once(self) -> None:
        """Send every probe that is due now; each goes its own way."""
        clock, plan = self._parts.clock, self._parts.plan
        for due in plan.due(clock.monotonic(), now=clock.now()):
            watched = self._fleet.watched.get(due.deployment_id)
            target = None if watched is None else self._target(watched)
            if watched is None or target is None:
                plan.finished(due)
                plan.unwatch(due.deployment_id)
                continue
            plan.started(due, monotonic=clock.monotonic())
            self._parts.meter.schedule_lag(max(0.0, clock.now() - due.scheduled_at))
            watched.inflight[due.number] = clock.now()
            self._begin(watched, target, due)

    async def signals_once(self) -> None:
        """Read the optional extra signals of every deployment that is ready."""
        ready = [watched for watched in self._fleet if watched.deployment.is_ready]
        await asyncio.gather(*(self._read_signals(watched) for watched in ready))

    def follow(self, watched: Watched) -> None:
        """Probe a deployment at the pace that its latest decision asks for, or not at all."""
        target = self._target(watched)
        if target is None:
            self._parts.plan.unwatch(watched.id)
            return
        self._parts.plan.watch(target, watched.decision, monotonic=self._parts.clock.monotonic())

    async def probe_now(self, watched: Watched) -> tuple[ProbeResult, dict[str, Json]]:
        """Probe once, now, and return the result and the whole story of it."""
        target = self._target(watched) or watched.deployment
        result, story = await self._parts.prober.story(target)
        self.take(watched, result)
        return result, story

    def take(self, watched: Watched, result: ProbeResult) -> None:
        """Count one result and put it where the next tick finds it."""
        verdicts = slo.judge(result, self.limits(watched))
        watched.slo = slo.count(watched.slo, verdicts, at=result.ended_at)
        watched.inbox.append(result)
        watched.unseen_by_alerts.append(result)
        watched.recent.append(result)
        watched.touch("slo")
        self._parts.meter.probe(watched.name, result, slo_bad=verdicts)

    def objectives(self, watched: Watched, now: float) -> tuple[SloView, ...]:
        """Return the error budgets; alerts and snapshot of one tick share one look at them."""
        limits, known = self.limits(watched), watched.objectives
        if (
            known is None
            or known.state is not watched.slo
            or known.limits != limits
            or not 0.0 <= now - known.at < FRESH_SECONDS
        ):
            policy = self._live.policy_for(watched.deployment)
            views = slo.views(watched.slo, policy.slo, limits, at=now)
            known = Objectives(at=now, state=watched.slo, limits=limits, views=views)
            watched.objectives = known
        return known.views

    def limits(self, watched: Watched) -> Thresholds:
        """Return the latencies in force for one deployment."""
        estimate = None if watched.decision is None else watched.decision.estimate
        return slo.thresholds(
            self._live.policy_for(watched.deployment).slo,
            alpha_seconds=None if estimate is None else estimate.alpha_seconds,
            idle_ttft_seconds=idle_ttft(watched.state),
        )

    async def stop(self, grace_seconds: float) -> None:
        """Send no more; wait for those in flight, then cancel what is left."""
        self._stopping = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_seconds)
        for task, name in list(self._tasks.items()):
            task.cancel()
            self._parts.meter.probe_skipped(name, "shutdown")
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read_signals(self, watched: Watched) -> None:
        with self._board.guard("signals", watched.name):
            target = self._target(watched) or watched.deployment
            found = [await reader.read(target) for reader in self._parts.signals]
            watched.signals = tuple(signal for read in found for signal in read)

    def _target(self, watched: Watched) -> Deployment | None:
        return watched.probe_target(self._live.policy_for(watched.deployment))

    def _begin(self, watched: Watched, target: Deployment, due: Due) -> None:
        task = asyncio.create_task(
            self._probe(watched, target, due), name=f"probe {watched.name} {due.number}"
        )
        self._tasks[task] = watched.name
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def _probe(self, watched: Watched, target: Deployment, due: Due) -> None:
        with self._board.guard(JOB, watched.name):
            try:
                result = await self._parts.prober.probe(
                    target, scheduled_at=due.scheduled_at, profile=due.profile
                )
            finally:
                self._parts.plan.finished(due)
                watched.inflight.pop(due.number, None)
            self.take(watched, result)

    def _pause(self) -> float:
        longest = self._live.config.pump_seconds
        next_at = self._parts.plan.next_at()
        if next_at is None:
            return longest
        wait = next_at - self._parts.clock.monotonic()
        return min(longest, max(SHORTEST_SLEEP_SECONDS, wait))

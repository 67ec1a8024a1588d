"""Probes at a rate, in a process of its own, as the daemon would; for the benches.

usage: probe_client.py URL RATE SECONDS DEPLOYMENTS [--tokens N] [--profile FILE] [--loop asyncio]

Prints one line of JSON: a row per probe, and what the process spent. Deployments are probed by the
real schedule where RATE is 0 (each every 15 s), else round and round at RATE a second.
"""

import argparse
import asyncio
import cProfile
import gc
import json
import resource
import time
from dataclasses import replace
from pathlib import Path

import uvloop

from autoscaler.clock import SystemClock
from autoscaler.core.model import Decision, Deployment, Estimate, ProbeResult
from autoscaler.core.words import Reason, Status, Verdict
from autoscaler.probes.completion import CompletionProber
from autoscaler.probes.config import SHORT, ProbeConfig, ScheduleConfig
from autoscaler.probes.honesty import LagSampler
from autoscaler.probes.schedule import ProbeSchedule

CA = Path(__file__).parents[1] / "probes" / "tls" / "ca.pem"


class Meter:
    """Keeps what the schedule and the sampler tell."""

    def __init__(self) -> None:
        self.lag: list[float] = []
        self.skipped = 0

    def loop_lag(self, seconds: float) -> None:
        self.lag.append(seconds)

    def probe_skipped(self, deployment: str, reason: str) -> None:
        self.skipped += 1


class Driver:
    """Sends probes and keeps their rows."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.clock = SystemClock()
        self.meter = Meter()
        tokens = arguments.tokens
        short = SHORT if not tokens else replace(SHORT, min_tokens=tokens, max_tokens=tokens)
        self.schedule = ScheduleConfig(profiles=(short,))
        config = ProbeConfig(allowed_hosts=("127.0.0.1",), schedule=self.schedule, ca_file=str(CA))
        sampler = LagSampler(self.clock, self.meter)  # type: ignore[arg-type]  # a part of a Meter
        self.prober = CompletionProber(config, clock=self.clock, sampler=sampler)
        self.fleet = {f"dep-{i}": self._deployment(i) for i in range(arguments.deployments)}
        self.rows: list[dict[str, object]] = []
        self.schedule_lag: list[float] = []
        self.tasks: set[asyncio.Task[None]] = set()

    def _deployment(self, i: int) -> Deployment:
        return Deployment(
            id=f"dep-{i}",
            name=f"chat-{i}",
            project_id="p",
            model_id="meta-llama/Llama-3.1-8B-Instruct",
            model_name=None,
            region="r",
            status=Status.READY,
            raw_status="ready",
            endpoint_url=self.arguments.url,
            gpu_config_id="g",
            gpu_count=1,
            replicas=1,
            created_at=None,
            updated_at=None,
            uptime_seconds=10_000,
        )

    async def run(self) -> dict[str, object]:
        cpu, began = time.process_time(), time.monotonic()
        if self.arguments.rate:
            await self._at_rate()
        else:
            await self._by_schedule()
        if self.tasks:
            await asyncio.wait(self.tasks)
        spent, took = time.process_time() - cpu, time.monotonic() - began
        await self.prober.close()
        return {
            "rows": self.rows,
            "cpu": spent,
            "seconds": took,
            "lag": self.meter.lag,
            "skipped": self.meter.skipped,
            "schedule_lag": self.schedule_lag,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }

    async def _at_rate(self) -> None:
        fleet = list(self.fleet.values())
        began = self.clock.monotonic()
        for i in range(int(self.arguments.rate * self.arguments.seconds)):
            due = began + i / self.arguments.rate
            await asyncio.sleep(max(0.0, due - self.clock.monotonic()))
            self._send(fleet[i % len(fleet)], self.clock.now())

    async def _by_schedule(self) -> None:
        plan = ProbeSchedule(self.schedule, self.meter)  # type: ignore[arg-type]  # a part of a Meter
        steady = _steady_decision()
        began = self.clock.monotonic()
        for deployment in self.fleet.values():
            plan.watch(deployment, steady, monotonic=began)
        while (now := self.clock.monotonic()) < began + self.arguments.seconds:
            for due in plan.due(now, now=self.clock.now()):
                self.schedule_lag.append(self.clock.now() - due.scheduled_at)
                plan.started(due, monotonic=now)
                self._send(
                    self.fleet[due.deployment_id],
                    due.scheduled_at,
                    done=lambda due=due: plan.finished(due),
                )
            pause = (plan.next_at() or now + 1) - self.clock.monotonic()
            await asyncio.sleep(min(1.0, max(0.001, pause)))

    def _send(self, deployment: Deployment, at: float, done: object = None) -> None:
        task = asyncio.create_task(self._probe(deployment, at, done))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _probe(self, deployment: Deployment, at: float, done: object) -> None:
        result = await self.prober.probe(deployment, scheduled_at=at)
        if callable(done):
            done()
        self.rows.append(_row(result))


def _row(result: ProbeResult) -> dict[str, object]:
    return {
        "id": f"neevprobe-{result.id}",
        "ok": result.ok,
        "counts": result.counts,
        "why": result.detail or ",".join(result.untrusted),
        "ttft": result.ttft_seconds,
        "itl": result.itl_seconds,
        "times": result.times_trusted,
        "tokens": result.output_tokens,
    }


def _steady_decision() -> Decision:
    return Decision(
        at=0.0,
        deployment_id="",
        deployment="",
        current=1,
        recommended=1,
        target=1,
        verdict=Verdict.HOLD,
        reason=Reason.WITHIN_TOLERANCE,
        because="",
        steps=(),
        estimate=Estimate(at=0.0, rho=0.5),
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("rate", type=float)
    parser.add_argument("seconds", type=float)
    parser.add_argument("deployments", type=int)
    parser.add_argument("--tokens", type=int, default=0)
    parser.add_argument("--profile")
    parser.add_argument("--loop", default="uvloop")
    arguments = parser.parse_args()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)  # as the daemon does: a probe leaves few cycles
    profile = cProfile.Profile() if arguments.profile else None

    async def run() -> dict[str, object]:
        driver = Driver(arguments)
        if profile is not None:
            profile.enable()
        return await driver.run()

    outcome = (uvloop.run if arguments.loop == "uvloop" else asyncio.run)(run())
    if profile is not None:
        profile.disable()
        profile.dump_stats(arguments.profile)
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()

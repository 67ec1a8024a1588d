"""What the estimator's bench drives: an emulated fleet, probed by real streams."""

import math
import random
from dataclasses import dataclass, field, replace

from autoscaler.core.counters import Counters
from autoscaler.core.hearing import LEAST_READS
from autoscaler.core.model import Deployment, Estimate, Observation, ProbeResult, Signal
from autoscaler.core.policy import Policy
from autoscaler.core.state import State
from autoscaler.core.step import step
from autoscaler.core.words import FailureReason, Measure, Status
from autoscaler.emulator.fleet import Fleet, FleetConfig, Physics, Router, Stream
from autoscaler.emulator.profile_table import DEFAULT_PROFILE, PROFILES
from autoscaler.emulator.workload import Shape, Workload

EPOCH = 1_800_000_000.0
POLICY = Policy(matched="bench", max_replicas=64)
TRAINING = (0.03, 0.2, 0.5, 0.8, 0.35, 0.65, 1.12, 0.1, 0.45, 0.7)
"""Loads of an ordinary hour and a half, ten minutes each; the overload lasts two."""
RHOS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
COUNTS = (1, 2, 4, 8)


def deployment(replicas: int) -> Deployment:
    return Deployment(
        id="dep-1",
        name="bench",
        project_id="p",
        model_id="org/model",
        model_name=None,
        region="r",
        status=Status.READY,
        raw_status="ready",
        endpoint_url=None,
        gpu_config_id="gpu",
        gpu_count=1,
        replicas=replicas,
        created_at=None,
        updated_at=None,
        uptime_seconds=0,
    )


def result(at: float, times: list[float], counts: list[int], *, failed: bool) -> ProbeResult:
    base = ProbeResult(
        id=f"p{at:.3f}",
        deployment_id="dep-1",
        profile="short",
        scheduled_at=at,
        sent_at=at,
        duration_seconds=30.0 if failed else times[-1],
        failure=FailureReason.TIMEOUT_TTFT if failed else None,
    )
    if failed:
        return base
    return replace(
        base,
        ttft_seconds=times[0],
        itl_seconds=(times[-1] - times[0]) / (counts[-1] - counts[0]),
        output_tokens=counts[-1],
        token_times=tuple(zip(times, counts, strict=True)),
        times_trusted=len(times) >= LEAST_READS,
    )


@dataclass
class Rig:
    """A fleet under background load, probed every 5 s, seen by `step` every 15 s."""

    physics: Physics
    router: Router = Router.RANDOM
    replicas: int = 1
    seed: int = 1
    tokens_per_chunk: int = 1
    counts: bool = False
    """Whether the engines' counters, summed over all replicas, can be read."""
    state: State = field(default_factory=State)
    estimate: Estimate | None = None
    fed: int = 0
    due: float = 0.0
    open: list[tuple[float, Stream]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lots = random.Random(self.seed)
        config = FleetConfig(
            profile=PROFILES[DEFAULT_PROFILE],
            physics=self.physics,
            replicas=self.replicas,
            seed=self.seed,
            router=self.router,
        )
        self.fleet = Fleet(config)

    def run(self, rate: float, seconds: float) -> None:
        """Let background load of `rate` requests a second flow for a while."""
        self.fed += 1
        load = Workload(shapes=(Shape(low=rate, high=rate),))
        self.fleet.feed(load.requests(self.fleet.now, seed=1000 * self.seed + self.fed))
        end, tick = self.fleet.now + seconds, self.fleet.now + 15.0
        while self.fleet.now < end:
            self.fleet.advance(min(tick, self.due, end))
            now = self.fleet.now
            if now >= self.due:
                sent = self.fleet.submit(now, prompt_tokens=64, output_tokens=128)
                self.open.append((now, sent))
                self.due = now + 5.0 * self.lots.uniform(0.7, 1.3)
            if now >= tick:
                self.look(now)
                tick = now + 15.0

    def look(self, now: float) -> None:
        done = [one for one in self.open if one[1].ended or now - one[0] > 30.0]
        self.open = [one for one in self.open if one not in done]
        observation = Observation(
            at=EPOCH + now,
            deployment=deployment(max(1, self.fleet.current)),
            read_at=EPOCH + now,
            probes=tuple(self.told(at, stream, now) for at, stream in done),
            signals=self.counters(EPOCH + now) if self.counts else (),
            started_at=EPOCH,
        )
        outcome = step(self.state, observation, POLICY)
        self.state, self.estimate = outcome.state, outcome.decision.estimate

    def counters(self, at: float) -> tuple[Signal, ...]:
        """What a query that sums over the replicas would find now."""
        gauges = self.fleet.gauges()
        begun = float(gauges.arrived_total - gauges.waiting)
        return (
            Signal(name="begun", at=at, value=begun, measure=Measure.REQUESTS_TOTAL),
            Signal(name="waits", at=at, value=float(gauges.waiting), measure=Measure.WAITING),
        )

    def told(self, at: float, stream: Stream, now: float) -> ProbeResult:
        if not stream.finished:
            stream.abort(now)
            return result(EPOCH + at, [], [], failed=True)
        times: list[float] = []
        total = len(stream.tokens)
        counts = [*range(self.tokens_per_chunk, total, self.tokens_per_chunk), total]
        for count in counts:  # 0.3 ms of way, in order
            seen = stream.tokens[count - 1] - at + self.lots.expovariate(1.0 / 0.0003)
            times.append(max(seen, times[-1] if times else 0.0))
        return result(EPOCH + at, times, counts, failed=False)


def capacity(physics: Physics) -> float:
    """Requests a second that one replica serves with its batch full, drift left out."""
    rig = Rig(replace(physics, drift_ratio=0.0))
    load = Workload(shapes=(Shape(low=80.0, high=80.0),))
    rig.fleet.feed(load.requests(0.0, seed=9))
    rig.fleet.advance(150.0)
    before = rig.fleet.gauges().tallies.completed
    rig.fleet.advance(450.0)
    return (rig.fleet.gauges().tallies.completed - before) / 300.0


def fleet_errors(
    physics: Physics, router: Router, *, tokens_per_chunk: int = 1, counts: bool = False
) -> tuple[list[float], list[float]]:
    """Errors of rho over the grid of loads and counts: the estimate's, and E1's over its cap.

    `counts`: the engines' counters can be read as well.
    """
    full = capacity(physics)
    teacher = Rig(physics, router, tokens_per_chunk=tokens_per_chunk, counts=counts)
    for rho in TRAINING:
        teacher.run(rho * full, 120.0 if rho > 1.0 else 600.0)
    ours, plain = [], []
    for replicas in COUNTS:
        for rho in RHOS:
            rig = Rig(
                physics,
                router,
                replicas,
                seed=100 * replicas + int(10 * rho),
                tokens_per_chunk=tokens_per_chunk,
                counts=counts,
            )
            rig.state = replace(
                teacher.state,
                samples=(),
                learning=replace(teacher.state.learning, chunk_from=0.0),
                counters=Counters(),
                counted=replace(teacher.state.counted, chunk_from=0.0),
            )
            middle = 120.0 / physics.drift_period_seconds
            slower = 1.0 + physics.drift_ratio * math.sin(2.0 * math.pi * middle)
            rig.run(rho * replicas * full / slower, 30.0)
            rig.state = replace(rig.state, samples=())
            rig.run(rho * replicas * full / slower, 180.0)
            found = rig.estimate
            assert found is not None
            assert found.rho is not None
            assert found.alpha_seconds is not None
            assert found.itl_seconds is not None
            ours.append(found.rho - rho)
            plain.append((1.0 - found.alpha_seconds / found.itl_seconds) / found.cap - rho)
    return ours, plain

"""Our own policy in the slot model: the core's `step`, fed by probes and by nothing else.

Each probe is made as a replica would answer it: a random replica with its own random batch, a
stream of tokens at that batch's pace, other users' prompts arriving in it and each making one
iteration slow, the queue before its first token, the noise of the way, now and then a failure. The
truth never reaches `step`.
"""

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from autoscaler.backtest.slots import View, World
from autoscaler.backtest.trace import SLOT_SECONDS
from autoscaler.core.model import Ask, Decision, Deployment, Notice, Observation, ProbeResult
from autoscaler.core.policy import Policy
from autoscaler.core.state import State
from autoscaler.core.step import step
from autoscaler.core.words import Attention, FailureReason, Status

Floats = NDArray[np.float64]

EPOCH = 1_767_225_600.0
"""Instant of a trace's start: 2026-01-01 00:00 UTC."""

PROBE_TIMEOUT_SECONDS = 30.0
"""Deadline of the first token (SEMANTICS 2)."""

MOST_PREFILL = 0.9
"""Largest share of a replica's time that goes to prompts; prompts join during it as well."""

PROBES_PER_SLOT = {Attention.DOUBT: 3, Attention.STEADY: 1, Attention.OVERLOAD: 1}
"""Probes in 15 s; when idle and steady, one in every other slot."""

MOST_IN_FLIGHT = 2
"""Probes of one deployment at a time; more would add to the queue that they measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """What lies between the probe and the replica, and what goes wrong there."""

    round_trip_seconds: float = 0.004
    jitter_seconds: float = 0.0003
    """Mean of an exponential delay of each chunk."""
    step_jitter_ratio: float = 0.03
    """Standard deviation of one iteration's time."""
    loss_ratio: float = 0.001
    """Share of probes that fail for reasons of the network."""
    deaf: bool = False
    """True if other users' prompts cannot be heard (all cached, or prefilled elsewhere)."""


class Probes(Protocol):
    """Where probe results come from: the slot model's own make, or real streams of a fleet."""

    def collect(self, view: View, *, count: int) -> tuple[ProbeResult, ...]:
        """Return the results that ended in the slot just over, in which `count` were sent."""
        ...


@dataclass(slots=True)
class ProbeMaker:
    """Makes probes of a fluid fleet. Mutable: it holds the random generator and a counter."""

    world: World
    rng: np.random.Generator
    path: Path = field(default_factory=Path)
    made: int = 0
    inflight: list[ProbeResult] = field(default_factory=list)

    def collect(self, view: View, *, count: int) -> tuple[ProbeResult, ...]:
        """Return the results that ended in the slot just over, in which `count` were sent."""
        at = EPOCH + view.at
        instants = sorted(at - SLOT_SECONDS + SLOT_SECONDS * self.rng.random(count))
        for instant in instants:
            waiting = sum(1 for result in self.inflight if result.ended_at > instant)
            if waiting < MOST_IN_FLIGHT:
                self.inflight.append(self.probe(view, float(instant)))
        done = tuple(result for result in self.inflight if result.ended_at <= at)
        self.inflight = [result for result in self.inflight if result.ended_at > at]
        return done

    def probe(self, view: View, at: float) -> ProbeResult:
        """Return what a probe sent `at` finds."""
        self.made += 1
        base = unanswered(self.made, at)
        if self.rng.random() < self.path.loss_ratio:
            return replace(
                base, failure=FailureReason.CONNECT, duration_seconds=0.1, http_status=None
            )
        into = 1.0 - (EPOCH + view.at - at) / SLOT_SECONDS
        wait = view.wait_from + into * (view.wait_to - view.wait_from)
        return base if wait > PROBE_TIMEOUT_SECONDS else self._answered(base, view, wait)

    def _answered(self, base: ProbeResult, view: View, wait: float) -> ProbeResult:
        """Return the stream that comes after a wait: from a replica with a batch of its own."""
        load, slot = self.world.load, view.slot - 1
        requests = max(float(load.requests[slot]), 1e-9)
        prefill = float(load.prefill_seconds[slot])
        served = float(load.requests[slot]) / SLOT_SECONDS / view.ready
        itl_work = float(load.itl_work[slot]) * SLOT_SECONDS / requests
        per_sequence = max(0.0, itl_work - prefill) / max(view.output, 1.0)
        batch = min(float(self.rng.poisson(view.running / view.ready)), float(load.batch))
        pace = load.alpha_seconds + batch * per_sequence
        ttft = self.path.round_trip_seconds + wait + pace * float(self.rng.random()) + 0.002
        gaps = self._gaps(pace, rate=min(served, 1.0 / max(itl_work, 1e-9)), prefill=prefill)
        times = ttft + np.cumsum(gaps) + self.rng.exponential(self.path.jitter_seconds, len(gaps))
        times = np.maximum.accumulate(times)
        last = float(times[-1])
        return replace(
            base,
            failure=None,
            duration_seconds=last + 0.001,
            ttft_seconds=ttft,
            itl_seconds=(last - ttft) / len(gaps),
            output_tokens=len(gaps) + 1,
            prompt_tokens=40,
            cached_tokens=0,
            token_times=((ttft, 1), *((float(t), i + 2) for i, t in enumerate(times))),
            times_trusted=True,
        )

    def _gaps(self, pace: float, *, rate: float, prefill: float) -> Floats:
        """Return the gaps of a stream of about a second: the pace, and each prompt that joined."""
        count = int(np.clip(round(1.0 / pace), 24, 128)) - 1
        gaps = pace * (1.0 + self.path.step_jitter_ratio * self.rng.standard_normal(count))
        if prefill > 0.0 and not self.path.deaf:
            share = min(MOST_PREFILL, rate * prefill)
            joined = int(self.rng.poisson(rate * count * pace / (1.0 - share)))
            spread = self.rng.lognormal(-0.32, 0.8, joined)
            np.add.at(gaps, self.rng.integers(0, count, joined), prefill * spread)
        return np.maximum(gaps, 0.2 * pace)


@dataclass(slots=True)
class Ours:
    """The core as a slot policy: builds observations, calls `step`, and plays the actuator."""

    world: World
    policy: Policy
    probes: Probes
    price_per_replica_hour: float | None = 1.0
    state: State = field(default_factory=State)
    attention: Attention = Attention.DOUBT
    ask: Ask | None = None
    decisions: list[Decision] = field(default_factory=list)
    notices: list[tuple[Notice, ...]] = field(default_factory=list)
    keep: bool = False
    """True to keep every decision and the notices beside it, for the report."""

    def decide(self, view: View) -> int:
        """Return the count wanted from now on."""
        at = EPOCH + view.at
        self._settle(view, at)
        observation = Observation(
            at=at,
            deployment=deployment_seen(
                replicas=view.ready, settled=not view.pending, uptime_seconds=int(view.at)
            ),
            read_at=at - 1.0,
            probes=self.probes.collect(view, count=self.probes_wanted(view.slot)),
            ask=self.ask,
            price_per_replica_hour=self.price_per_replica_hour,
            started_at=EPOCH,
        )
        outcome = step(self.state, observation, self.policy)
        self.state, self.attention = outcome.state, outcome.decision.attention
        if self.keep:
            self.decisions.append(outcome.decision)
            self.notices.append(outcome.notices)
        wanted = outcome.decision.ask
        if wanted is None or wanted == view.wanted:
            return view.wanted
        self.ask = Ask(count=wanted, from_count=view.ready, asked_at=at, outcome="accepted")
        return wanted

    def _settle(self, view: View, at: float) -> None:
        if self.ask is not None and not self.ask.is_open:
            self.ask = None
        if self.ask is not None and view.ready == self.ask.count and not view.pending:
            self.ask = replace(self.ask, outcome="settled", closed_at=at)

    def probes_wanted(self, slot: int) -> int:
        """Return how many probes to send in the slot before `slot` (SEMANTICS 2)."""
        idle = self.attention is Attention.IDLE
        return slot % 2 if idle else PROBES_PER_SLOT[self.attention]


def unanswered(number: int, at: float) -> ProbeResult:
    """Return the probe whose first token never came: what every other result differs from."""
    return ProbeResult(
        id=f"p{number}",
        deployment_id="dep-1",
        profile="short",
        scheduled_at=at,
        sent_at=at,
        duration_seconds=PROBE_TIMEOUT_SECONDS,
        failure=FailureReason.TIMEOUT_TTFT,
        http_status=200,
    )


def deployment_seen(*, replicas: int, settled: bool, uptime_seconds: int) -> Deployment:
    """Return the deployment of a backtest as the platform would list it."""
    status = Status.READY if settled else Status.INITIALIZING
    return Deployment(
        id="dep-1",
        name="backtest",
        project_id="prj-1",
        model_id="org/model",
        model_name=None,
        region="as-south-1",
        status=status,
        raw_status=status.value,
        endpoint_url="http://127.0.0.1/v1",
        gpu_config_id="gpu",
        gpu_count=1,
        replicas=replicas,
        created_at=EPOCH,
        updated_at=None,
        uptime_seconds=uptime_seconds if settled else 0,
    )

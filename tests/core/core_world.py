"""A small closed-form world for the core's tests: T = alpha / (1 - cap rho ** e), a fluid queue,
cold starts, seeded noise. It stands in for nothing but itself: the fleet has tests of its own.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from autoscaler.core.model import (
    Ask,
    Deployment,
    Observation,
    Orders,
    ProbeResult,
    Signal,
)
from autoscaler.core.policy import Policy
from autoscaler.core.state import State
from autoscaler.core.step import Outcome, step
from autoscaler.core.words import Attention, FailureReason, Mode, Status

START = 1_800_000_000.0
MINUTE = 60.0
HOUR = 3600.0
DAY = 86_400.0

ACTIVE = Policy(mode=Mode.ACTIVE, matched="test", min_replicas=1, max_replicas=16)
TRUSTED = replace(ACTIVE, alpha_seconds=0.01)
"""The usual policy of a story."""


def deployment(**changes: object) -> Deployment:
    base = Deployment(
        id="dep-1",
        name="chat-a",
        project_id="p",
        model_id="org/model",
        model_name=None,
        region="as-south-1",
        status=Status.READY,
        raw_status="ready",
        endpoint_url="https://chat-a.inference.example/v1",
        gpu_config_id="gpu",
        gpu_count=1,
        replicas=1,
        created_at=None,
        updated_at=None,
        uptime_seconds=0,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def probe(
    at: float,
    *,
    itl: float | None = 0.01,
    ttft: float | None = 0.05,
    failure: FailureReason | None = None,
    duration: float = 1.0,
    **changes: object,
) -> ProbeResult:
    base = ProbeResult(
        id=f"probe-{at:.3f}",
        deployment_id="dep-1",
        profile="short",
        scheduled_at=at,
        sent_at=at,
        duration_seconds=duration,
        failure=failure,
        itl_seconds=None if failure else itl,
        ttft_seconds=None if failure else ttft,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@dataclass
class World:
    """One emulated deployment under a policy; `load(t)` is in replicas' worth, t from 0."""

    load: Callable[[float], float]
    policy: Policy = ACTIVE
    replicas: int = 1
    alpha: float = 0.01
    cap: float = 0.75
    exponent: float = 1.0
    idle_ttft: float = 0.05
    cold_start: float = 180.0
    noise: float = 0.06
    rate: float = 4.0
    """Requests a second that fill one replica."""
    hears: bool = True
    seed: int = 1
    decide: float = 15.0
    deadline: float = 30.0
    price: float | None = None
    t: float = 0.0
    backlog: float = 0.0
    ask: Ask | None = None
    state: State = field(default_factory=State)
    attention: Attention = Attention.DOUBT
    outcomes: list[Outcome] = field(default_factory=list)
    puts: list[tuple[float, int]] = field(default_factory=list)
    orders: Orders = field(default_factory=Orders)
    signals: tuple[Signal, ...] = ()
    status: Status = Status.READY
    probing: bool = True
    failing: FailureReason | None = None
    started_at: float = START
    model: str = "org/model"
    _due: float = 0.0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def run(self, seconds: float) -> "World":
        end = self.t + seconds
        while self.t < end - 1e-9:
            self.tick()
        return self

    def tick(self) -> Outcome:
        probes = []
        end = self.t + self.decide
        while self.t < end - 1e-9:
            moment = min(end, max(self._due, self.t)) if self.probing else end
            self._flow(moment - self.t)
            self.t = moment
            if self.probing and self.t >= self._due - 1e-9 and self.t < end - 1e-9:
                probes.append(self._probe())
                self._due = self.t + self._interval() * self.random.uniform(0.7, 1.3)
        observation = self.observe(tuple(probes))
        outcome = step(self.state, observation, self.policy)
        self.state, self.attention = outcome.state, outcome.decision.attention
        self.outcomes.append(outcome)
        if outcome.decision.ask is not None:
            self.put(outcome.decision.ask)
        return outcome

    def observe(self, probes: tuple[ProbeResult, ...]) -> Observation:
        self._arrive()
        return Observation(
            at=START + self.t,
            deployment=deployment(replicas=self.replicas, status=self.status, model_id=self.model),
            read_at=START + self.t,
            probes=probes,
            signals=self.signals,
            ask=self.ask,
            orders=self.orders,
            price_per_replica_hour=self.price,
            started_at=self.started_at,
        )

    def put(self, count: int) -> None:
        self.puts.append((self.t, count))
        self.ask = Ask(
            count=count,
            from_count=self.replicas,
            asked_at=START + self.t,
            outcome="accepted",
        )

    def _arrive(self) -> None:
        ask = self.ask
        if ask is None or ask.outcome != "accepted":
            return
        delay = self.cold_start if ask.count > self.replicas else self.decide
        if START + self.t - ask.asked_at >= delay:
            self.replicas = ask.count
            self.ask = replace(ask, outcome="settled", closed_at=START + self.t)

    def _interval(self) -> float:
        return {
            Attention.IDLE: 30.0,
            Attention.STEADY: 15.0,
            Attention.DOUBT: 5.0,
            Attention.OVERLOAD: 7.5,
        }[self.attention]

    def _flow(self, seconds: float) -> None:
        excess = self.load(self.t) - self.replicas
        self.backlog = max(0.0, self.backlog + excess * seconds)

    @property
    def rho(self) -> float:
        return 1.0 if self.backlog > 0.0 else min(1.0, self.load(self.t) / self.replicas)

    def _probe(self) -> ProbeResult:
        at = START + self.t
        if self.failing is not None:
            return probe(at, failure=self.failing, duration=self.deadline)
        wait = self.backlog / self.replicas
        if wait > self.deadline:
            return probe(at, failure=FailureReason.TIMEOUT_TTFT, duration=self.deadline)
        mean = self.alpha / (1.0 - self.cap * self.rho**self.exponent)
        itl = mean * max(0.5, self.random.gauss(1.0, self.noise))
        ttft = wait + self.idle_ttft * itl / self.alpha * self.random.uniform(0.9, 1.1)
        return probe(at, itl=itl, ttft=ttft, duration=ttft + 1.0)


def counts(world: World) -> list[int]:
    return [count for _, count in world.puts]


def flaps(world: World) -> int:
    """Reversals of direction within 15 minutes."""
    moves = []
    before = None
    for at, count in world.puts:
        if before is not None and count != before:
            moves.append((at, count > before))
        before = count
    return sum(
        1
        for (first, up), (second, later_up) in pairwise(moves)
        if up is not later_up and second - first < 900.0
    )


def steady(load: float, replicas: int, policy: Policy = TRUSTED, **changes: object) -> World:
    return World(load=lambda _: load, policy=policy, replicas=replicas, **changes)  # type: ignore[arg-type]


def last(world: World) -> Outcome:
    return world.outcomes[-1]


def kinds(outcome: Outcome) -> set[str]:
    return {notice.kind for notice in outcome.notices}


def rising(at: float) -> float:
    """From half a replica to five within half an hour."""
    return min(5.0, 0.5 + at / 400.0)

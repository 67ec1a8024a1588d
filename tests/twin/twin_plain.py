"""The core, a fleet, and nothing else: no daemon, no event loop, no network.

What it takes from a recording is when it looks, what people ordered and when probes leave, never
what was seen. How much each probe asks it works out itself, by the real prober's memory.
"""

import math
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from twin_daemons import ProbersMemory
from twin_story import BASE, scenario

from autoscaler.core.model import Ask, Decision, Deployment, Observation, ProbeResult
from autoscaler.core.policy import Policy
from autoscaler.core.state import State, decode_state, encode_state
from autoscaler.core.step import step
from autoscaler.daemon.asks import followed
from autoscaler.emulator.direct import DirectCloud
from autoscaler.emulator.direct_faults import End, at_once, deadline, late, of_status
from autoscaler.emulator.direct_platform import DirectPlatform
from autoscaler.emulator.faults import FaultKind, Operation
from autoscaler.emulator.stream import Stream

T = TypeVar("T")


@dataclass
class SetClock:
    """Time that stands where it is put."""

    at: float = BASE

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at - BASE

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits in a plain loop")


@dataclass
class Flight:
    """A probe on its way."""

    asked: ProbeResult
    deployment: Deployment
    """As it was read last when the probe left."""
    stream: Stream | None
    """None = it never reached a replica."""
    end: End | None = None
    """How it failed; None = it has not."""
    ended_at: float = math.inf


class PlainLoop:
    """Lives through the story tick by tick."""

    def __init__(self, policy: Policy, memory: ProbersMemory) -> None:
        self._clock = SetClock()
        self._direct = DirectPlatform.build(scenario(), clock=self._clock)
        (self._unit,) = self._direct.platform.living()
        self._cloud = DirectCloud(self._direct)
        self._policy = policy
        self._state = State()
        self._ask: Ask | None = None
        self._read: tuple[float, Deployment] | None = None
        self._flying: list[Flight] = []
        self._results: list[ProbeResult] = []
        self._memory = memory
        self._started_at: float | None = None

    def decide(self, schedule: Observation, sends: Sequence[ProbeResult]) -> Decision:
        """Make one tick; `sends` are the probes that leave before it."""
        if self._started_at not in {None, schedule.started_at}:
            sends = self._restart(schedule.started_at, sends)
        self._started_at = schedule.started_at
        for probe in sends:
            if probe.sent_at <= schedule.read_at:
                self._send(probe)
        deployment = self._listed(schedule.read_at)
        for probe in sends:
            if probe.sent_at > schedule.read_at:
                self._send(probe)
        self._go_to(schedule.at)
        seen = replace(schedule, deployment=deployment, probes=tuple(self._results), ask=self._ask)
        self._results.clear()
        outcome = step(self._state, seen, self._policy)
        self._state, decision = decode_state(encode_state(outcome.state)), outcome.decision
        if decision.ask is not None:
            at_once_done(self._cloud.scale(deployment.id, decision.ask))
            self._ask = Ask(
                count=decision.ask,
                from_count=decision.current,
                asked_at=decision.at,
                outcome="accepted",
            )
        return decision

    def _restart(self, at: float, sends: Sequence[ProbeResult]) -> Sequence[ProbeResult]:
        """End in order: what was still under way is learned from, and decided upon by nobody.
        Returns the probes that are still to leave.
        """
        for probe in sends:
            if probe.sent_at < at:
                self._send(probe)
        self._go_to(at)
        self._results.clear()
        self._memory.restart()
        return [probe for probe in sends if probe.sent_at >= at]

    def _listed(self, read_at: float) -> Deployment:
        """Return the deployment as of the latest read that was answered."""
        if self._read is None or self._read[0] != read_at:
            self._go_to(read_at)
            (deployment,) = at_once_done(self._cloud.list()).deployments
            self._read = read_at, deployment
            if self._ask is not None and self._ask.is_open:
                self._ask = followed(self._ask, deployment, read_at=read_at, policy=self._policy)
        return self._read[1]

    def _go_to(self, at: float) -> None:
        """Let time pass, and give up the probes whose first token does not come in time."""
        waiting = (f for f in self._flying if f.stream is not None and f.end is None)
        for flight in sorted(waiting, key=lambda f: f.asked.sent_at):
            stream = flight.stream
            if stream is None or stream.tokens or (until := deadline(stream)) > at:
                continue
            self._clock.at = max(self._clock.at, until)
            self._direct.advance()
            if not stream.tokens:
                flight.end, flight.ended_at = late(stream), until
                stream.abort(until)
        self._clock.at = max(self._clock.at, at)
        self._direct.advance()
        self._take_in()

    def _send(self, probe: ProbeResult) -> None:
        self._go_to(probe.sent_at)
        struck = self._direct.strike(Operation.CHAT, (self._unit,))
        status = struck.by(FaultKind.STATUS)
        end = of_status(status.status or 503) if status else at_once(struck)
        deployment = self._read[1] if self._read is not None else self._listed(probe.sent_at)
        question = self._memory.ask(deployment, probe.profile, monotonic=probe.sent_at - BASE)
        asked = replace(probe, warmup=question.warmup)
        if end is not None:
            self._flying.append(Flight(asked, deployment, None, end, probe.sent_at))
            return
        stream = self._unit.submit(
            probe.sent_at,
            prompt_tokens=question.prompt_tokens,
            output_tokens=question.output_tokens,
            cached_tokens=0,
        )
        self._flying.append(Flight(asked, deployment, stream))

    def _take_in(self) -> None:
        """Put down the probes that have ended, and learn from them as the prober would."""
        for flight in self._flying:
            if flight.stream is not None and flight.stream.finished:
                flight.ended_at = flight.stream.tokens[-1]
        done = [flight for flight in self._flying if flight.ended_at <= self._clock.at]
        self._flying = [flight for flight in self._flying if flight.ended_at > self._clock.at]
        for flight in sorted(done, key=lambda flight: flight.ended_at):
            result = _result(flight)
            self._memory.learn(flight.deployment, result)
            self._results.append(result)


def _result(flight: Flight) -> ProbeResult:
    asked, stream, end = flight.asked, flight.stream, flight.end or End()
    bare = ProbeResult(
        id=asked.id,
        deployment_id=asked.deployment_id,
        profile=asked.profile,
        scheduled_at=asked.scheduled_at,
        sent_at=asked.sent_at,
        duration_seconds=flight.ended_at - asked.sent_at,
        failure=end.failure,
        http_status=end.status,
        warmup=asked.warmup,
    )
    if stream is None or not stream.tokens:
        return bare
    times = [at - asked.sent_at for at in stream.tokens]
    return replace(
        bare,
        ttft_seconds=times[0],
        itl_seconds=(times[-1] - times[0]) / (len(times) - 1),
        prompt_tokens=stream.prompt_tokens,
        output_tokens=len(times),
        token_times=tuple((at, number) for number, at in enumerate(times, 1)),
        times_trusted=True,
    )


def at_once_done(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # the coroutine's own
    raise AssertionError("it waits")


def in_a_plain_loop(
    looks: Sequence[Observation],
    asked: Sequence[tuple[float, str]],
    policy: Policy,
    memory: ProbersMemory,
) -> list[Decision]:
    """The core's decisions on a fresh fleet, at the recorded instants; `asked` says when which
    profile was sent, also by probes that a restart has left without a look.
    """
    seen = {probe.sent_at: probe for look in looks for probe in look.probes}
    sends = [seen.get(at) or _unseen(looks[0], at, profile) for at, profile in sorted(asked)]
    loop, made, before = PlainLoop(policy, memory), [], 0.0
    for look in looks:
        made.append(loop.decide(look, [p for p in sends if before < p.sent_at <= look.at]))
        before = look.at
    return made


def _unseen(look: Observation, at: float, profile: str) -> ProbeResult:
    return ProbeResult(
        id="unseen",
        deployment_id=look.deployment.id,
        profile=profile,
        scheduled_at=at,
        sent_at=at,
        duration_seconds=0.0,
        failure=None,
    )

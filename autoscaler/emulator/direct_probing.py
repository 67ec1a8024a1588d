"""Probes of the emulated platform without HTTP: streams of the fleet, told as probe results.

A probe waits in the fleet's own queues like any request, and its tokens come at the instants at
which the fleet computes them; the way there takes no time, as loopback does on a virtual-time loop.
Faults of the inference plane end a probe as the real prober would have called it. Not emulated:
how bytes are cut into reads, and faults of our own process.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from autoscaler.core.model import Deployment, Json, Phases, ProbeResult
from autoscaler.core.words import FailureReason, UntrustedReason
from autoscaler.emulator.direct_faults import (
    HEADERS_SECONDS,
    End,
    Struck,
    at_once,
    deadline,
    hang_seconds,
    headers_wait,
    in_the_end,
    late,
    of_status,
    tokens_until_fault,
    without_headers,
)
from autoscaler.emulator.direct_platform import DirectPlatform
from autoscaler.emulator.faults import FaultKind, Operation
from autoscaler.emulator.lifecycle import Unit
from autoscaler.emulator.stream import Stream
from autoscaler.ports import HostRefused

LIVENESS = "liveness"
"""Profile that asks for no completion."""
NOT_FOUND, UNAVAILABLE = 404, 503
FEWEST_READS = 6
"""Distinct instants below which a stream cannot be heard through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What one probe asks."""

    prompt_tokens: int
    output_tokens: int
    warmup: bool = False


class Questions(Protocol):
    """Decides what each probe asks; the composition root may put the real prober's memory here."""

    def ask(self, deployment: Deployment, profile: str, *, monotonic: float) -> Question:
        """Return the next question to a deployment."""
        ...

    def learn(self, deployment: Deployment, result: ProbeResult) -> None:
        """Take in what a probe showed."""
        ...


@dataclass(slots=True)
class SameQuestion:
    """Asks the same each time, and marks probes as warm-up shortly after ready or a scale-up."""

    question: Question = field(default=Question(prompt_tokens=52, output_tokens=24))
    warmup_seconds: float = 60.0
    _counts: dict[str, int] = field(default_factory=dict)
    _grew_at: dict[str, float] = field(default_factory=dict)

    def ask(self, deployment: Deployment, profile: str, *, monotonic: float) -> Question:
        """Return the question; the profile changes nothing."""
        del profile
        before = self._counts.get(deployment.id, deployment.replicas)
        self._counts[deployment.id] = deployment.replicas
        if deployment.replicas > before:
            self._grew_at[deployment.id] = monotonic
        grew_at = self._grew_at.get(deployment.id)
        is_new = deployment.is_ready and deployment.uptime_seconds < self.warmup_seconds
        has_grown = grew_at is not None and monotonic - grew_at < self.warmup_seconds
        return replace(self.question, warmup=is_new or has_grown)

    def learn(self, deployment: Deployment, result: ProbeResult) -> None:
        """Nothing is learned."""


class DirectProber:
    """Satisfies `ports.EndpointProber`."""

    def __init__(self, direct: DirectPlatform, questions: Questions | None = None) -> None:
        """Without `questions`, every probe asks the same."""
        self._direct = direct
        self._clock = direct.clock
        self._questions = questions or SameQuestion()
        self._made = 0

    async def probe(
        self, deployment: Deployment, *, scheduled_at: float, profile: str = "short"
    ) -> ProbeResult:
        """Probe once."""
        question = self._questions.ask(deployment, profile, monotonic=self._clock.monotonic())
        self._made += 1
        begun = ProbeResult(
            id=f"direct-{self._made}",
            deployment_id=deployment.id,
            profile=profile,
            scheduled_at=scheduled_at,
            sent_at=self._clock.now(),
            duration_seconds=0.0,
            failure=None,
            warmup=question.warmup,
        )
        self._direct.advance()
        unit = self._direct.platform.find(deployment.id)
        struck = self._direct.strike(Operation.CHAT, () if unit is None else (unit,))
        result = await self._carry_out(begun, question, struck, unit)
        self._direct.platform.ledger.requests[f"{Operation.CHAT} {result.http_status or 0}"] += 1
        self._questions.learn(deployment, result)
        return result

    async def story(
        self, deployment: Deployment, *, profile: str = "short"
    ) -> tuple[ProbeResult, dict[str, Json]]:
        """Probe once, now; there is no wire whose story could be told."""
        result = await self.probe(deployment, scheduled_at=self._clock.now(), profile=profile)
        return result, {"deployment": deployment.name, "ok": result.ok, "detail": result.detail}

    def refusals(self) -> tuple[HostRefused, ...]:
        """No host is refused: none is connected to."""
        return ()

    def accept_endpoint(self, deployment: Deployment, address: str) -> Json:
        """No endpoint moves: none has a host."""
        raise ValueError(f"The endpoint of {deployment.name} has not moved to {address}.")

    def hint(self, deployment_id: str) -> str:
        """Nothing stands between."""
        del deployment_id
        return ""

    def memory(self) -> dict[str, Json]:
        """Nothing is kept over a restart."""
        return {}

    def recall(self, documents: Mapping[str, Json]) -> None:
        """Nothing is taken back."""

    def keep(self, deployment_ids: frozenset[str]) -> None:
        """Nothing is forgotten."""

    async def close(self) -> None:
        """There is nothing to close."""

    async def _carry_out(
        self, begun: ProbeResult, question: Question, struck: Struck, unit: Unit | None
    ) -> ProbeResult:
        end = await self._turned_away(struck, unit)
        if end is not None or unit is None or begun.profile == LIVENESS:
            return self._told(begun, end or End(), None)
        stream = unit.submit(
            self._direct.platform.now(),
            prompt_tokens=question.prompt_tokens,
            output_tokens=question.output_tokens,
            cached_tokens=0,
        )
        try:
            end = await self._follow(stream, struck, unit)
        finally:
            stream.abort(max(self._direct.platform.now(), unit.fleet.now))
        return self._told(begun, end, stream)

    async def _turned_away(self, struck: Struck, unit: Unit | None) -> End | None:
        """What ends a probe before it reaches a replica; None = nothing does."""
        if (end := at_once(struck)) is not None:
            return end
        wait = headers_wait(struck)
        await self._clock.sleep(wait)
        if wait >= HEADERS_SECONDS:
            return without_headers()
        if (fault := struck.by(FaultKind.STATUS)) is not None:
            return of_status(fault.status or UNAVAILABLE)
        self._direct.advance()
        if unit is None:
            return of_status(NOT_FOUND)
        return None if unit.is_serving else of_status(UNAVAILABLE)

    async def _follow(self, stream: Stream, struck: Struck, unit: Unit) -> End:
        """Wait for the tokens, until the end or a deadline."""
        platform = self._direct.platform
        stop = tokens_until_fault(struck, stream.output_tokens)
        while not stream.ended and len(stream.tokens) < stop and unit.is_serving:
            shortest = unit.fleet.shortest_step_seconds
            at, until = _next_look(stream, stop, shortest), deadline(stream)
            await platform.timeline.sleep_until(until if at is None else min(at, until))
            self._direct.advance_one(unit)
            unit.advance(max(until if at is None else min(at, until), platform.now()))
            if _is_overdue(stream, platform.now()):
                return late(stream)
        if not stream.finished and len(stream.tokens) < stop:
            gone = "the stream broke off" if unit.is_serving else "the deployment stopped serving"
            return End(failure=FailureReason.TRUNCATED, detail=gone)
        if (wait := hang_seconds(struck)) is not None:
            await self._clock.sleep(wait)
            return late(stream)
        return in_the_end(struck)

    def _told(self, begun: ProbeResult, end: End, stream: Stream | None) -> ProbeResult:
        """The result, as the real prober would have told it."""
        tokens = [] if stream is None else stream.tokens
        is_whole = end.failure is None and bool(tokens)
        ended = tokens[-1] if is_whole else self._clock.now()
        result = replace(
            begun,
            duration_seconds=ended - begun.sent_at,
            failure=end.failure,
            detail=end.detail,
            http_status=end.status,
            untrusted=end.untrusted,
            times_refused_because="no token came",
        )
        if stream is None or not tokens:
            return result
        return _with_times(result, stream, is_buffered=UntrustedReason.BUFFERED in end.untrusted)


def _is_overdue(stream: Stream, now: float) -> bool:
    return not stream.ended and now >= deadline(stream)


def _next_look(stream: Stream, stop: int, shortest_step_seconds: float) -> float | None:
    """When to look again: no later than the last token can come. A stream of 64 tokens at twice
    the idle latency takes some seven looks, and its end is met at its instant: whoever waits for it
    is told when a real client would be.
    """
    at = stream.next_at()
    if at is None:
        return None
    to_come = min(stop, stream.output_tokens) - len(stream.tokens) - 1
    return at + max(0, to_come) * shortest_step_seconds


def _with_times(result: ProbeResult, stream: Stream, *, is_buffered: bool) -> ProbeResult:
    """Add what the tokens' instants tell: 24 tokens from 0.100 to 0.560 s are an ITL of 20 ms."""
    offsets = [at - result.sent_at for at in stream.tokens]
    counted = replace(result, output_tokens=len(offsets), prompt_tokens=stream.prompt_tokens)
    if is_buffered:
        return replace(counted, times_refused_because="all chunks shared a read")
    first, last = offsets[0], offsets[-1]
    is_enough = len(offsets) >= FEWEST_READS
    return replace(
        counted,
        ttft_seconds=first,
        itl_seconds=(last - first) / (len(offsets) - 1) if is_enough else None,
        token_times=tuple((at, number) for number, at in enumerate(offsets, 1)),
        times_trusted=is_enough,
        times_refused_because="" if is_enough else f"only {len(offsets)} distinct reads",
        phases=Phases(connect=0.0, headers=0.0, first_token=first, stream=last - first),
    )

"""A replica stepped one iteration at a time, written straight from the formula of the profiles.

Slow and obvious: what the event-driven replica is held against. No knobs besides the limits.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from autoscaler.emulator.physics import Physics
from autoscaler.emulator.profiles import Profile
from autoscaler.emulator.tallies import Completion
from autoscaler.emulator.workload import Request

ADMIT_RATIO = 0.99


@dataclass(eq=False)
class Served:
    request: Request
    prefilled: int = 0
    produced: int = 0
    started: float = -1.0
    first: float = -1.0

    @property
    def context(self) -> int:
        return self.request.prompt_tokens + self.produced


@dataclass
class NaiveReplica:
    profile: Profile
    physics: Physics
    now: float = 0.0
    waiting: list[Served] = field(default_factory=list)
    partial: Served | None = None
    running: list[Served] = field(default_factory=list)
    finished: list[Completion] = field(default_factory=list)

    @property
    def is_busy(self) -> bool:
        return bool(self.waiting or self.running or self.partial)

    @property
    def context(self) -> int:
        return sum(served.context for served in self.running)

    def step(self) -> None:
        chunks = self.chunks()
        if not chunks and self.context + len(self.running) > self.profile.kv_capacity_tokens:
            self.preempt()
            return
        start = self.now
        self.now += self.seconds(chunks)
        for served in self.running:
            served.produced += 1
        for served in [s for s in self.running if s.produced == s.request.output_tokens]:
            self.running.remove(served)
            self.finish(served)
        for served, chunk in chunks:
            self.compute(served, chunk, start)
        while self.context > self.profile.kv_capacity_tokens:
            self.preempt()

    def chunks(self) -> list[tuple[Served, int]]:
        chunks: list[tuple[Served, int]] = []
        budget = self.physics.prefill_budget_tokens - len(self.running)
        room = int(ADMIT_RATIO * self.profile.kv_capacity_tokens) - self.context
        for served in itertools.chain([self.partial] if self.partial else [], self.waiting):
            fits = served.context <= room or served is self.partial
            full = len(self.running) + len(chunks) >= self.physics.max_num_seqs
            if not fits or budget <= 0 or full:
                break
            chunks.append((served, min(served.context - served.prefilled, budget)))
            budget -= chunks[-1][1]
            room -= served.context
        return chunks

    def seconds(self, chunks: list[tuple[Served, int]]) -> float:
        profile = self.profile
        n = len(self.running) + sum(chunk for _, chunk in chunks)
        dense = profile.decode_seconds + profile.decode_seconds_per_sequence * n
        if chunks:
            dense = max(dense, profile.prefill_seconds + profile.prefill_seconds_per_token * n)
        squares = sum(chunk * (chunk + 2 * served.prefilled) for served, chunk in chunks)
        return (
            dense
            + profile.decode_seconds_per_context_token * self.context
            + profile.prefill_seconds_per_token2 * squares
            + profile.overhead_seconds
        )

    def compute(self, served: Served, chunk: int, start: float) -> None:
        if served is not self.partial:
            self.waiting.remove(served)
        served.started = start if served.started < 0 else served.started
        served.prefilled += chunk
        self.partial = served if served.prefilled < served.context else None
        if self.partial is None:
            served.produced += 1
            served.first = self.now if served.first < 0 else served.first
            if served.produced == served.request.output_tokens:
                self.finish(served)
            else:
                self.running.append(served)

    def preempt(self) -> None:
        """The one that joined last goes back to the head of the queue, its cache lost."""
        youngest = self.running.pop()
        youngest.prefilled = 0
        self.waiting.insert(0, youngest)

    def finish(self, served: Served) -> None:
        arrival, prompt, output = served.request
        self.finished.append(
            Completion(arrival, served.started, served.first, self.now, prompt, output)
        )


def stepped(profile: Profile, physics: Physics, requests: Sequence[Request]) -> list[Completion]:
    """Run all requests to their end on one replica."""
    replica, arriving = NaiveReplica(profile, physics), list(requests)
    while arriving or replica.is_busy:
        if not replica.is_busy:
            replica.now = max(replica.now, arriving[0].arrival_at)
        while arriving and arriving[0].arrival_at <= replica.now:
            replica.waiting.append(Served(arriving.pop(0)))
        replica.step()
    return replica.finished

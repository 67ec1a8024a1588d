"""What a fleet shows of itself: its replicas for people, its counters in vLLM's terms."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from autoscaler.emulator.crew import Member, Phase
from autoscaler.emulator.replica import Replica
from autoscaler.emulator.tallies import Tallies


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaView:
    """One replica, as a person would see it."""

    id: int
    """Counts from 0 over the fleet's life."""
    phase: Phase
    since: float
    """Instant at which that phase began."""
    running: int
    waiting: int
    kv_usage_ratio: float
    """Share of the KV capacity in use, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """The fleet now, for /metrics; totals count since the fleet began."""

    running: int
    """Requests given up whose step still runs are among them until it ends."""
    waiting: int
    """Requests in queues, those at the gateway while no replica is ready among them."""
    kv_usage_ratio: float
    """Mean over the replicas that serve, 0..1; 0 where none does."""
    prompt_tokens_total: int
    """Tokens of the prompts whose prefill is done, cached ones among them."""
    generation_tokens_total: int
    """Tokens generated, of unfinished requests too."""
    preemptions_total: int
    aborted_total: int
    """Requests that ended early: given up, lost with a replica, cut off, or too long to fit."""
    arrived_total: int
    """Always running + waiting + aborted + completed."""
    tallies: Tallies
    """Totals and histograms of the finished requests."""


@dataclass(slots=True)
class Totals:
    """Counters of replicas, summed."""

    prefilled: int = 0
    generated: int = 0
    preemptions: int = 0
    aborted: int = 0

    def add(self, replica: Replica) -> None:
        """Add one replica's counters, up to its last settled boundary."""
        self.prefilled += replica.prefilled
        self.generated += replica.generated
        self.preemptions += replica.preemptions
        self.aborted += replica.aborted


def view(member: Member, now: float) -> ReplicaView:
    """Show one replica, which has run up to `now`."""
    replica = member.replica
    sight = replica.look(now)
    prompts = sum(job.prompt + job.produced for job in sight.admitted)
    kv_used = replica.batch.context + replica.batch.size * sight.passed + prompts
    running = replica.batch.size + len(sight.admitted)
    return ReplicaView(
        id=replica.id,
        phase=member.phase,
        since=member.since,
        running=running,
        waiting=replica.jobs - running,
        kv_usage_ratio=min(1.0, kv_used / replica.timing.kv_tokens),
    )


def mean_kv_usage(views: Sequence[ReplicaView]) -> float:
    """Return the mean over the replicas that serve; 0 where none does."""
    serving = [shown.kv_usage_ratio for shown in views if shown.phase is not Phase.STARTING]
    return math.fsum(serving) / len(serving) if serving else 0.0

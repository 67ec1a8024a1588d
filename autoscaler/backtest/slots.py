"""The slot model: a fleet in steps of 15 s, fast enough for sweeps of whole grids.

In each slot the running replicas share the work that arrives, what they cannot do waits (first in,
first out), and latencies follow from the share of time used, by the closed form of `load.py`.
Starts take a cold start and are billed from the call on; stops are at once and free. The
request-exact fleet judges the finalists, and the two are compared (SEMANTICS 7).
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from autoscaler.backtest.clairvoyant import attainment_of
from autoscaler.backtest.load import Objective, SlotLoad, whole
from autoscaler.backtest.trace import SLOT_SECONDS

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a peer may see at a decision: the truth, which its own tools would measure."""

    at: float
    """Seconds since the trace began; the decision is for the time after the slot that just ended.
    """
    slot: int
    """Index of the slot that comes next."""
    ready: int
    """Replicas that serve."""
    wanted: int
    """Replicas asked for: ready and pending."""
    rate: float
    """Requests a second, all replicas, in the last slot."""
    running: float
    """Sequences in the batches of all replicas."""
    waiting: float
    """Requests in all queues."""
    usage: float
    """Share of batch and cache in use, 0..1."""
    rho: float
    """Load of a replica: 1 where its queue grows."""
    itl_seconds: float
    ttft_seconds: float
    output: float
    """Mean output tokens of a request."""
    work: float
    """Replica-seconds of work of one request: what a profile of the engine would tell."""
    wait_from: float = 0.0
    """Wait before prefill at the slot's beginning, seconds; in between it goes evenly to ..."""
    wait_to: float = 0.0
    """... what it is at the slot's end."""

    @property
    def concurrency(self) -> float:
        """Requests in the system."""
        return self.running + self.waiting

    @property
    def pending(self) -> int:
        """Replicas that are asked for and load."""
        return max(0, self.wanted - self.ready)


class SlotPolicy(Protocol):
    """Decides how many replicas are wanted; called once after each slot."""

    def decide(self, view: View) -> int:
        """Return the count wanted from now on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One workload on one kind of replica, with bounds and a cold start."""

    load: SlotLoad
    objective: Objective = field(default_factory=Objective)
    cold_start_seconds: float = 180.0
    minimum: int = 1
    maximum: int = 30
    bent: Floats | None = None
    """Replicas that each slot takes where the replicas' physics is not the load's closed form, by
    `bent.pressure_under`; None = the closed form holds."""

    @property
    def pressure(self) -> Floats:
        """Replicas that serve each slot's load within the SLO, unrounded."""
        return self.load.pressure(self.objective) if self.bent is None else self.bent

    @property
    def need(self) -> NDArray[np.int64]:
        """The same in whole replicas, as far as there may be so many."""
        return np.minimum(whole(self.pressure), self.maximum)

    @property
    def cold_slots(self) -> int:
        """The cold start in whole slots."""
        return max(1, round(self.cold_start_seconds / SLOT_SECONDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one policy did."""

    ready: NDArray[np.int64]
    """Serving replicas, slot by slot."""
    billed: NDArray[np.int64]
    """Serving and loading replicas."""
    need: NDArray[np.int64]
    attainment: float
    """Traffic-weighted share of slots with enough capacity: the headline."""
    cost: float
    """Replica-slots billed."""
    actions: int
    """Calls of scale."""
    flaps: int
    """Reversals of direction within 15 min."""
    longest_wait_seconds: float


FLAP_SLOTS = round(900.0 / SLOT_SECONDS)
FIRST_SLOTS = round(300.0 / SLOT_SECONDS)


@dataclass(slots=True)
class Fluid:
    """The plant: replicas, backlog and latencies. Mutable: it is the world, not the policy."""

    world: World
    ready: int
    starting: list[tuple[int, int]] = field(default_factory=list)
    """(slot at which they serve, how many), oldest first."""
    backlog: float = 0.0
    """Replica-seconds of work that waits."""

    @property
    def wanted(self) -> int:
        """Ready and loading replicas."""
        return self.ready + sum(count for _, count in self.starting)

    def scale(self, slot: int, wanted: int) -> None:
        """Ask for a count: start what lacks, stop loading replicas before serving ones."""
        change = wanted - self.wanted
        if change > 0:
            self.starting.append((slot + self.world.cold_slots, change))
        while change < 0 and self.starting:
            due, count = self.starting.pop()
            kept = max(0, count + change)
            change += count - kept
            if kept:
                self.starting.append((due, kept))
        self.ready += min(0, change)

    def serve(self, slot: int) -> View:
        """Let one slot pass and return what was seen in it."""
        while self.starting and self.starting[0][0] <= slot:
            self.ready += self.starting.pop(0)[1]
        load = self.world.load
        arriving = float(load.work[slot]) * SLOT_SECONDS
        supply = self.ready * SLOT_SECONDS
        before = self.backlog
        served = min(before + arriving, supply)
        self.backlog = before + arriving - served
        return self._view(slot, used=served / supply, before=before)

    def _view(self, slot: int, *, used: float, before: float) -> View:
        load = self.world.load
        requests = max(float(load.requests[slot]), 1e-9)
        work = max(float(load.work[slot]), 1e-9)
        share = min(1.0, float(load.itl_work[slot]) / work)
        itl = load.alpha_seconds / max(0.02, 1.0 - used * share)
        per_request = work * SLOT_SECONDS / requests
        served_rate = used * self.ready / max(per_request, 1e-9)
        output = float(load.output[slot]) / requests
        running = min(served_rate * output * itl, float(self.ready * load.batch))
        wait_from, wait_to = before / self.ready, self.backlog / self.ready
        return View(
            at=(slot + 1) * SLOT_SECONDS,
            slot=slot + 1,
            ready=self.ready,
            wanted=self.wanted,
            rate=float(load.requests[slot]) / SLOT_SECONDS,
            running=running,
            waiting=self.backlog / max(per_request, 1e-9),
            usage=running / (self.ready * load.batch),
            rho=used + self.backlog / (self.ready * SLOT_SECONDS),
            itl_seconds=itl,
            ttft_seconds=(wait_from + wait_to) / 2 + itl + float(load.prefill_seconds[slot]),
            output=output,
            work=per_request,
            wait_from=wait_from,
            wait_to=wait_to,
        )


def first_count(world: World, need: NDArray[np.int64]) -> int:
    """Return the count that everybody starts with: what the first 5 minutes need at most.

    Somebody sized the fleet before; else an hour's trace would be judged by its first minutes.
    """
    return int(max(world.minimum, need[:FIRST_SLOTS].max()))


def simulate(policy: SlotPolicy, world: World, *, initial: int | None = None) -> Run:
    """Run one policy over a whole trace, from `initial` replicas on, else from `first_count`."""
    need = world.need
    slots = len(need)
    start = first_count(world, need) if initial is None else initial
    fluid = Fluid(world=world, ready=start)
    ready, billed = np.empty(slots, dtype=np.int64), np.empty(slots, dtype=np.int64)
    changes: list[tuple[int, int]] = []
    longest = 0.0
    for slot in range(slots):
        view = fluid.serve(slot)
        ready[slot], billed[slot] = view.ready, view.wanted
        longest = max(longest, view.ttft_seconds)
        asked = min(max(policy.decide(view), world.minimum), world.maximum)
        if asked != view.wanted:
            changes.append((slot, 1 if asked > view.wanted else -1))
            fluid.scale(slot + 1, asked)
    return Run(
        ready=ready,
        billed=billed,
        need=need,
        attainment=attainment_of(ready, need, world.load.requests),
        cost=float(billed.sum()),
        actions=len(changes),
        flaps=count_flaps(changes),
        longest_wait_seconds=longest,
    )


def count_flaps(changes: list[tuple[int, int]]) -> int:
    """Return how often the direction turned within 15 minutes."""
    return sum(
        1
        for (earlier, before), (later, after) in pairwise(changes)
        if before != after and later - earlier <= FLAP_SLOTS
    )

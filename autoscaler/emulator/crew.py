"""The lives of a fleet's replicas: provisioned, ready, draining, gone; and what each is billed.

A replica is billed from the start of its provisioning to the end of its drain.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from autoscaler.emulator.replica import Replica


class Phase(StrEnum):
    """Where a replica is in its life."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"


@dataclass(slots=True)
class Member:
    """A replica and the dates of its life."""

    replica: Replica
    phase: Phase
    since: float
    """Instant at which that phase began."""
    provisioned_at: float
    due_at: float = math.inf
    """When a starting one becomes ready, or a drain is cut off."""


class Crew:
    """All replicas that are billed, oldest first."""

    def __init__(self, build: Callable[[int], Replica]) -> None:
        self._build = build
        self._made = 0
        self._closed_seconds = 0.0
        self.members: list[Member] = []
        self.ready: list[Replica] = []
        """Those that take requests."""
        self.gone: list[Replica] = []
        """Those that left since this list was last emptied: their counters are to be kept."""

    def add(self, at: float, *, ready_at: float) -> None:
        """Provision one replica; it is ready at once where `ready_at` is not later."""
        replica = self._build(self._made)
        self._made += 1
        if ready_at > at:
            self.members.append(Member(replica, Phase.STARTING, at, at, ready_at))
        else:
            replica.t = at
            self.members.append(Member(replica, Phase.READY, at, at))
        self._list_ready()

    def remove(self, at: float, *, drain_until: float) -> None:
        """Let one go: the youngest that starts, at once, or else the youngest ready one,
        drained.
        """
        staying = [member for member in self.members if member.phase is not Phase.DRAINING]
        starting = [member for member in staying if member.phase is Phase.STARTING]
        if starting:
            self._release(starting[-1], at)
        elif staying:
            member = staying[-1]
            member.phase, member.since, member.due_at = Phase.DRAINING, at, drain_until
        self._list_ready()

    def crash(self, at: float) -> bool:
        """Lose the oldest ready replica and all it was doing; False if there is none."""
        member = next((m for m in self.members if m.phase is Phase.READY), None)
        if member is None:
            return False
        member.replica.kill()
        self._release(member, at)
        self._list_ready()
        return True

    def find(self, replica_id: int | None) -> Replica | None:
        """Return the replica of this id, if it is still there."""
        return next((m.replica for m in self.members if m.replica.id == replica_id), None)

    @property
    def due_at(self) -> float:
        """Instant of the next change that comes by itself; infinite if none does."""
        return min((member.due_at for member in self.members), default=math.inf)

    @property
    def staying(self) -> int:
        """Replicas that are ready or start."""
        return sum(member.phase is not Phase.DRAINING for member in self.members)

    def next_ready_at(self) -> float | None:
        """Instant at which the next starting replica is ready."""
        due = [member.due_at for member in self.members if member.phase is Phase.STARTING]
        return min(due, default=None)

    def turn(self, at: float) -> None:
        """Carry out what is due by `at`: replicas become ready, drains are cut off."""
        for member in [member for member in self.members if member.due_at <= at]:
            if member.phase is Phase.STARTING:
                member.phase, member.since = Phase.READY, member.due_at
                member.replica.t = max(member.replica.t, member.due_at)
                member.due_at = math.inf
            else:
                member.replica.kill()
                self._release(member, member.due_at)
        self._list_ready()

    def release_drained(self) -> None:
        """Let the draining replicas go that have nothing left, as of their last step."""
        for member in [member for member in self.members if member.phase is Phase.DRAINING]:
            if not member.replica.jobs:
                self._release(member, max(member.since, member.replica.t))

    def billed_seconds(self, now: float) -> float:
        """Replica-seconds up to `now`."""
        return self._closed_seconds + math.fsum(now - m.provisioned_at for m in self.members)

    def _release(self, member: Member, at: float) -> None:
        self._closed_seconds += at - member.provisioned_at
        self.members.remove(member)
        self.gone.append(member.replica)

    def _list_ready(self) -> None:
        self.ready = [m.replica for m in self.members if m.phase is Phase.READY]

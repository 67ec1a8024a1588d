"""One emulated deployment: its fleet, its status over time, and the counts that are billed.

A state machine that is advanced lazily, by whoever asks and by a coarse timer, and still knows the
exact instant of each change: cold starts are stepped to one by one, and drained replicas are dated
so that the fleet's own billed replica-seconds come out.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from autoscaler.emulator.catalog import CatalogModel, GpuOffer
from autoscaler.emulator.fleet import Fleet, Phase
from autoscaler.emulator.ledger import ReplicaChange, StatusChange
from autoscaler.emulator.prefixes import PrefixCache
from autoscaler.emulator.scenario import Rules, Serving
from autoscaler.emulator.stream import Stream

Changed = Callable[[StatusChange], None]


class State(StrEnum):
    """Where a deployment stands; the word that the API shows for `scaling` is configurable."""

    INITIALIZING = "initializing"
    SCALING = "scaling"
    READY = "ready"
    FAILED = "failed"
    TERMINATING = "terminating"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What never changes about a deployment."""

    id: str
    name: str
    model: CatalogModel
    offer: GpuOffer
    gpu_count: int
    serving: Serving
    max_model_len: int
    rules: Rules
    created_at: float


@dataclass(slots=True)
class Unit:
    """A deployment of the emulated platform. `advance` before reading."""

    identity: Identity
    fleet: Fleet
    changed: Changed
    """Told each change of the status word."""
    state: State = State.INITIALIZING
    updated_at: float = 0.0
    """Instant of its last change of state."""
    ready_since: float | None = None
    """Start of the present ready session; None = not ready."""
    terminate_at: float | None = None
    """When a deletion that was asked for is done; None = none was."""
    deleted_at: float | None = None
    """When it was gone; None = it exists."""
    replica_changes: list[ReplicaChange] = field(default_factory=list)
    prefixes: PrefixCache = field(default_factory=PrefixCache)
    _word: str = ""
    _fleet_billed_seconds: float = 0.0
    _noted_at: float = 0.0

    def __post_init__(self) -> None:
        at = self.updated_at
        self._note_replicas(at)
        self._enter(State.READY if self.fleet.current else State.INITIALIZING, at=at)

    @property
    def names(self) -> tuple[str, str]:
        """Name and id: what a fault or a path may call it."""
        return (self.identity.name, self.identity.id)

    @property
    def current(self) -> int:
        """Running replicas."""
        return 0 if self.state is State.DELETED else self.fleet.current

    @property
    def billed(self) -> int:
        """Replicas that hold GPUs, as of the last advance."""
        return self.replica_changes[-1].billed

    @property
    def is_serving(self) -> bool:
        """True if the gateway passes requests on; without a ready replica they wait there."""
        return self.state in {State.READY, State.SCALING}

    @property
    def status_word(self) -> str:
        """The status as the API shows it."""
        return (
            self.identity.rules.transition_status
            if self.state is State.SCALING
            else self.state.value
        )

    def uptime_seconds(self, at: float) -> int:
        """Whole seconds of the present ready session; 0 when not ready."""
        if self.ready_since is None:
            return 0
        return max(0, int(at - self.ready_since))

    def advance(self, until: float) -> None:
        """Let everything up to `until` happen."""
        if self.state is State.DELETED:
            return
        if self._is_at_rest():
            self.fleet.advance(max(until, self.fleet.now))
            return
        if self.terminate_at is not None and self.terminate_at <= until:
            self._delete(self.terminate_at)
            return
        while (at := self.fleet.next_change_at()) is not None and at <= until:
            self._step(at)
        self._step(until)

    def submit(
        self, at: float, *, prompt_tokens: int, output_tokens: int, cached_tokens: int
    ) -> Stream:
        """Send a watched request into the fleet."""
        return self.fleet.submit(
            max(at, self.fleet.now),
            prompt_tokens=prompt_tokens,
            output_tokens=output_tokens,
            cached_tokens=cached_tokens,
        )

    def scale(self, at: float, replicas: int) -> None:
        """Ask for `replicas`; the deployment is in transition until they are there."""
        self.advance(at)
        self.fleet.scale(max(at, self.fleet.now), replicas)
        self._note_replicas(self.fleet.now)
        self.updated_at = at
        if self.state is State.READY and not self._is_settled():
            self._enter(State.SCALING, at=at)
        elif self.state is State.SCALING and self._is_settled():  # undone while it was starting
            self._enter(State.READY, at=at)

    def crash(self, at: float, count: int) -> None:
        """Lose `count` replicas; each starts anew, cold."""
        self.advance(at)
        self.fleet.crash(max(at, self.fleet.now), count)
        self._note_replicas(self.fleet.now)

    def fail(self, at: float) -> None:
        """Stop serving; the GPUs stay, and are billed."""
        if self.state not in {State.TERMINATING, State.DELETED}:
            self._enter(State.FAILED, at=at)

    def recover(self, at: float) -> None:
        """Serve again."""
        if self.state is State.FAILED:
            self._enter(self._serving_state(), at=at)

    def terminate(self, at: float) -> None:
        """Begin deletion; a second call changes nothing."""
        if self.state in {State.TERMINATING, State.DELETED}:
            return
        self.terminate_at = at + self.identity.rules.terminate_seconds
        self.fleet.feed(())
        self._enter(State.TERMINATING, at=at)

    def next_change_at(self) -> float | None:
        """Instant of the next change that is known beforehand; None = none is."""
        known = [self.terminate_at] if self.state is not State.DELETED else []
        return min((at for at in (*known, self.fleet.next_change_at()) if at), default=None)

    @property
    def is_draining(self) -> bool:
        """True while a removed replica still works: its end is not known beforehand."""
        return any(r.phase is Phase.DRAINING for r in self.fleet.replicas())

    def _is_at_rest(self) -> bool:
        """True if nothing can change by itself: then the fleet need not be looked at."""
        last = self.replica_changes[-1]
        is_settled = last.billed == last.current == last.target
        return is_settled and self.state in {State.READY, State.FAILED}

    def _step(self, at: float) -> None:
        self.fleet.advance(max(at, self.fleet.now))
        changed_at = self._note_replicas(self.fleet.now)
        if self.state is State.INITIALIZING and self.fleet.current > 0:
            self._enter(self._serving_state(), at=changed_at)
        elif self.state is State.SCALING and self._is_settled():
            self._enter(State.READY, at=changed_at)

    def _serving_state(self) -> State:
        return State.READY if self._is_settled() else State.SCALING

    def _is_settled(self) -> bool:
        views = self.fleet.replicas()
        return len(views) == self.fleet.target == self.fleet.current

    def _note_replicas(self, at: float) -> float:
        """Record the counts if they changed since the last look; return when they did.

        Two replicas billed from 100 on, one left at 130, looked at again at 160: the fleet counted
        90 replica-seconds, one stayed for 60 of them, so the other left at 100 + 30.
        """
        last = self.replica_changes[-1] if self.replica_changes else None
        since, self._noted_at = self._noted_at, at
        billed_seconds = self.fleet.billed_replica_seconds()
        counted = billed_seconds - self._fleet_billed_seconds
        self._fleet_billed_seconds = billed_seconds
        counts = (len(self.fleet.replicas()), self.fleet.current, self.fleet.target)
        if last is not None and counts == (last.billed, last.current, last.target):
            return at
        if last is not None and last.billed > counts[0]:
            left = last.billed - counts[0]
            at = since + max(0.0, (counted - counts[0] * (at - since)) / left)
        billed, current, target = counts
        self.replica_changes.append(
            ReplicaChange(at=at, billed=billed, current=current, target=target)
        )
        self.updated_at = at
        return at

    def _enter(self, state: State, *, at: float) -> None:
        self.state = state
        self.updated_at = at
        word = self.status_word
        if word != State.READY:
            self.ready_since = None
        elif self.ready_since is None:
            self.ready_since = at
        if word != self._word:
            before, self._word = self._word, word
            self.changed(
                StatusChange(
                    at=at,
                    deployment_id=self.identity.id,
                    name=self.identity.name,
                    before=before,
                    after=word,
                )
            )

    def _delete(self, at: float) -> None:
        self.deleted_at = at
        self.replica_changes.append(ReplicaChange(at=at, billed=0, current=0, target=0))
        self._enter(State.DELETED, at=at)

"""Fakes at the seams, and builders, for tests of the daemon and whoever else needs them.

Each fake is a small class that satisfies one Protocol of `autoscaler.ports`.
"""

import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import structlog
from structlog.typing import EventDict, WrappedLogger

from autoscaler.clock import LoopClock, LoopEvery
from autoscaler.core.alerting.rules import AlertRules, ReceiverRule
from autoscaler.core.model import Decision, Deployment, Json, ProbeResult
from autoscaler.core.policy import Policy
from autoscaler.core.snapshot import ReceiverView, Snapshot
from autoscaler.core.words import FailureReason, Mode, Status, UntrustedReason
from autoscaler.daemon.config import Config, Parts
from autoscaler.daemon.jobs import JobBoard
from autoscaler.daemon.loop import Daemon
from autoscaler.ports import (
    CloudRefused,
    CloudUnknown,
    Due,
    HostRefused,
    InventoryItem,
    Listing,
    Store,
)
from autoscaler.store import MemoryStore

BASE = 1_790_000_000.0 - 1_790_000_000.0 % 86400
"""Midnight UTC of a day in 2026."""
PROJECT = "prj-1"


def a_deployment(name: str = "chat-a", **changes: object) -> Deployment:
    """A ready deployment with one replica of one GPU."""
    plain = Deployment(
        id=f"dep-{name}",
        name=name,
        project_id=PROJECT,
        model_id="meta-llama/Llama-3.1-8B-Instruct",
        model_name="Llama 3.1 8B",
        region="as-south-1",
        status=Status.READY,
        raw_status="ready",
        endpoint_url=f"http://127.0.0.1:1/{name}",
        gpu_config_id="gpu-h100",
        gpu_count=1,
        replicas=1,
        created_at=BASE - 86400,
        updated_at=BASE - 3600,
        uptime_seconds=3600,
    )
    if isinstance(changes.get("status"), Status):
        changes.setdefault("raw_status", str(changes["status"]))
    return replace(plain, **changes)  # type: ignore[arg-type]  # names and types are the story's


class FakeCloud:
    """A control plane in memory; each call can be made to fail."""

    def __init__(self, *deployments: Deployment) -> None:
        self.deployments = {d.id: d for d in deployments}
        self.items: tuple[InventoryItem, ...] = ()
        self.calls: list[tuple[str, str, int]] = []
        """(operation, deployment id, replicas or 0) of every call, in order."""
        self.fail: dict[str, Exception] = {}
        """Operation to what it raises."""
        self.complete = True
        self.invalid: tuple[str, ...] = ()
        self.invalid_ids: tuple[str, ...] = ()
        self.hidden: set[str] = set()
        """Ids that the list leaves out although they exist."""
        self.credential: tuple[float | None, float | None] = (None, None)
        """(expiry, lifetime) of the token."""
        self.obeys = True
        """Whether a scale call takes effect at once."""

    def put(self, deployment_id: str, **changes: object) -> None:
        """Change a deployment behind the daemon's back."""
        self.deployments[deployment_id] = a_deployment(
            **{**_fields(self.deployments[deployment_id]), **changes}  # type: ignore[arg-type]
        )

    @property
    def puts(self) -> list[tuple[str, int]]:
        """(deployment id, replicas) of every scale call."""
        return [(id_, n) for operation, id_, n in self.calls if operation == "scale"]

    async def list(self) -> Listing:
        self._called("list")
        shown = [d for d in self.deployments.values() if d.id not in self.hidden]
        return Listing(
            deployments=tuple(d for d in shown if d.id not in self.invalid_ids),
            complete=self.complete,
            invalid=self.invalid,
            invalid_ids=self.invalid_ids,
        )

    async def get(self, deployment_id: str) -> Deployment | None:
        self._called("get", deployment_id)
        return self.deployments.get(deployment_id)

    async def scale(self, deployment_id: str, replicas: int) -> Deployment | None:
        self._called("scale", deployment_id, replicas)
        if self.obeys:
            self.put(deployment_id, replicas=replicas)
        return self.deployments[deployment_id]

    async def inventory(self) -> Sequence[InventoryItem]:
        self._called("inventory")
        return self.items

    def credential_expires_at(self) -> float | None:
        return self.credential[0]

    def credential_lifetime_seconds(self) -> float | None:
        return self.credential[1]

    def _called(self, operation: str, deployment_id: str = "", replicas: int = 0) -> None:
        self.calls.append((operation, deployment_id, replicas))
        if operation in self.fail:
            raise self.fail[operation]


class FakeProber:
    """Answers each probe from a script: seconds of ITL and TTFT, or a failure."""

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self._numbers = count(1)
        self.itl: dict[str, float] = {}
        """Deployment name to inter-token latency; 0.02 where nothing is said."""
        self.failure: dict[str, FailureReason] = {}
        self.untrusted: tuple[UntrustedReason, ...] = ()
        """Why no result is to be counted."""
        self.seconds = 0.5
        """How long a probe takes."""
        self.breaks: set[str] = set()
        """Names whose probes raise, which a prober must never do."""
        self.probed: list[tuple[str, str]] = []
        """(name, endpoint) of every probe."""
        self.refused: tuple[HostRefused, ...] = ()
        self.remembered: dict[str, Json] = {}
        self.closed = False

    async def probe(
        self, deployment: Deployment, *, scheduled_at: float, profile: str = "short"
    ) -> ProbeResult:
        name = deployment.name
        self.probed.append((name, deployment.endpoint_url or ""))
        if name in self.breaks:
            raise RuntimeError("a bug in the prober")
        sent_at = self._clock.now()
        await self._clock.sleep(self.seconds)
        failure = self.failure.get(name)
        return ProbeResult(
            id=f"p{next(self._numbers)}",
            deployment_id=deployment.id,
            profile=profile,
            scheduled_at=scheduled_at,
            sent_at=sent_at,
            duration_seconds=self.seconds,
            untrusted=self.untrusted,
            failure=failure,
            ttft_seconds=None if failure else 0.1,
            itl_seconds=None if failure else self.itl.get(name, 0.02),
            output_tokens=None if failure else 24,
        )

    async def story(
        self, deployment: Deployment, *, profile: str = "short"
    ) -> tuple[ProbeResult, dict[str, Json]]:
        result = await self.probe(deployment, scheduled_at=self._clock.now(), profile=profile)
        return result, {"told": True}

    def refusals(self) -> tuple[HostRefused, ...]:
        return self.refused

    def accept_endpoint(self, deployment: Deployment, address: str) -> Json:
        left = tuple(
            r for r in self.refused if (r.deployment_id, r.host) != (deployment.id, address)
        )
        if left == self.refused:
            raise ValueError(f"The endpoint of {deployment.name} has not moved to {address}.")
        self.refused = left
        self.remembered[deployment.id] = {"endpoint": address}
        return self.remembered[deployment.id]

    def hint(self, deployment_id: str) -> str:
        return ""

    def memory(self) -> dict[str, Json]:
        return dict(self.remembered)

    def recall(self, documents: Mapping[str, Json]) -> None:
        self.remembered = dict(documents)

    def keep(self, deployment_ids: frozenset[str]) -> None:
        self.remembered = {k: v for k, v in self.remembered.items() if k in deployment_ids}

    async def close(self) -> None:
        self.closed = True


class SteadyPlan:
    """Every deployment every so many seconds, on the dot."""

    def __init__(self, seconds: float = 15.0) -> None:
        self._seconds = seconds
        self._next: dict[str, float] = {}
        self._numbers = count(1)

    def watch(
        self, deployment: Deployment, decision: Decision | None, *, policy: Policy, monotonic: float
    ) -> None:
        self._next.setdefault(deployment.id, monotonic)

    def unwatch(self, deployment_id: str) -> None:
        self._next.pop(deployment_id, None)

    def due(self, monotonic: float, *, now: float) -> list[Due]:
        ready = [id_ for id_, at in self._next.items() if at <= monotonic]
        for id_ in ready:
            self._next[id_] += self._seconds
        return [
            Due(deployment_id=id_, profile="short", scheduled_at=now, number=next(self._numbers))
            for id_ in ready
        ]

    def started(self, due: Due, *, monotonic: float) -> None:
        pass

    def finished(self, due: Due) -> None:
        pass

    def interval_seconds(self, deployment_id: str) -> float | None:
        return self._seconds if deployment_id in self._next else None

    def next_at(self) -> float | None:
        return min(self._next.values(), default=None)


class FakeNotifier:
    """Delivers whatever is due, at once, and remembers it."""

    def __init__(self, store: Store, clock: LoopClock) -> None:
        self._store = store
        self._clock = clock
        self.sent: list[tuple[float, str, str]] = []
        """(instant, event, alert) of every delivery."""
        self.breaks = False
        self.closed = False

    async def send_due(self) -> None:
        if self.breaks:
            raise RuntimeError("a bug in the notifier")
        while rows := self._store.due(self._clock.now()):
            for row in rows:
                alert = row.payload.get("alert")
                name = alert.get("name") if isinstance(alert, dict) else row.event
                self.sent.append((self._clock.now(), row.event, str(name)))
                self._store.delivered(row.key, at=self._clock.now())

    def receivers(self) -> tuple[ReceiverView, ...]:
        return ()

    async def close(self) -> None:
        self.closed = True

    def of(self, alert: str) -> list[str]:
        """Events of one alert, in order."""
        return [event for _, event, name in self.sent if name == alert]


class CountingMeter:
    """Counts by name; knows every call of the Meter."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, ...], int] = {}

    def _add(self, *key: str) -> None:
        self.counts[key] = self.counts.get(key, 0) + 1

    def total(self, *key: str) -> int:
        """Sum over all counts whose key begins so."""
        return sum(n for k, n in self.counts.items() if k[: len(key)] == key)

    def probe(self, deployment: str, result: ProbeResult, *, slo_bad: Mapping[str, bool]) -> None:
        self._add("probe", deployment, "ok" if result.ok else str(result.failure))

    def probe_skipped(self, deployment: str, reason: str) -> None:
        self._add("probe_skipped", deployment, reason)

    def schedule_lag(self, seconds: float) -> None:
        self._add("schedule_lag")

    def decision(self, decision: Decision) -> None:
        self._add("decision", decision.deployment, decision.verdict, decision.reason)

    def scale_call(self, deployment: str, *, direction: str, result: str) -> None:
        self._add("scale_call", deployment, direction, result)

    def scale_settled(self, direction: str, seconds: float) -> None:
        self._add("scale_settled", direction)

    def status_transition(self, deployment: str, before: str, after: str) -> None:
        self._add("status_transition", deployment, before, after)

    def controlplane_request(self, operation: str, code: str, seconds: float) -> None:
        self._add("controlplane_request", operation, code)

    def alert_transition(self, name: str, severity: str, to: str) -> None:
        self._add("alert_transition", name, severity, to)

    def notification(
        self, receiver: str, event: str, *, failure: str | None, seconds: float
    ) -> None:
        self._add("notification", receiver, event, failure or "")

    def job(self, name: str, seconds: float, *, failed: bool) -> None:
        self._add("job", name, "failed" if failed else "ok")

    def job_missed(self, name: str) -> None:
        self._add("job_missed", name)

    def loop_lag(self, seconds: float) -> None:
        self._add("loop_lag")


def managed(**changes: object) -> Callable[[Deployment], Policy]:
    """A policy for all: active, one to eight replicas."""
    plain = Policy(mode=Mode.ACTIVE, matched="deployments[0] (*)", min_replicas=1, max_replicas=8)
    policy = replace(plain, **changes)  # type: ignore[arg-type]  # names and types are the story's
    return lambda _: policy


@dataclass
class World:
    """A daemon over fakes, on virtual time."""

    cloud: FakeCloud
    prober: FakeProber
    notifier: FakeNotifier
    meter: CountingMeter
    store: Store
    clock: LoopClock
    daemon: Daemon

    @property
    def picture(self) -> Snapshot:
        """The latest snapshot."""
        found = self.daemon.console.snapshot()
        assert found is not None
        return found

    async def run(self, seconds: float) -> None:
        """Let time pass."""
        await self.clock.sleep(seconds)

    async def kill(self) -> None:
        """End it without drain, as a killed process: nothing more is written or sent."""
        every = self.daemon._parts.every
        assert isinstance(every, LoopEvery)
        await every.stop()
        tasks = [
            *([self.daemon._pump] if self.daemon._pump else []),
            *self.daemon._acting.values(),
            *self.daemon._tasks,
            *self.daemon._probing._tasks,
        ]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(BaseException):  # killed is killed
                await task


@dataclass(kw_only=True)
class Build:
    """How to build a World."""

    cloud: FakeCloud
    config: dict[str, object] = field(default_factory=dict)
    """Fields of the daemon's Config that differ."""
    store: Store | None = None
    seconds: float = 15.0
    """Between two probes."""
    reload: Callable[[], tuple[Config, str]] | None = None
    is_offline: Callable[[], Awaitable[bool]] | None = None


def a_config(**changes: object) -> Config:
    """The daemon's configuration: everything told to one receiver, everything managed."""
    rules = AlertRules(receivers=(ReceiverRule(name="hook"),), group_wait_seconds=0.0)
    plain = Config(project=PROJECT, policy_for=managed(), rules=rules)
    return replace(plain, **changes)  # type: ignore[arg-type]  # names and types are the story's


def _drop(_logger: WrappedLogger, _method: str, _event: EventDict) -> EventDict:
    raise structlog.DropEvent


async def a_world(build: Build) -> World:
    """Start a daemon over fakes; stop it with `world.daemon.stop()`. It logs nothing: rendering
    what nobody reads would take most of the time.
    """
    structlog.configure(processors=[_drop])
    clock = LoopClock(BASE)
    meter = CountingMeter()
    store = build.store or MemoryStore()
    board = JobBoard(clock, meter)
    prober, notifier = FakeProber(clock), FakeNotifier(store, clock)
    parts = Parts(
        clock=clock,
        every=LoopEvery(clock, missed=board.missed),
        cloud=build.cloud,
        prober=prober,
        plan=SteadyPlan(build.seconds),
        store=store,
        notifier=notifier,
        meter=meter,
        reload=build.reload,
        is_offline=build.is_offline,
        rng=random.Random(1),
    )
    daemon = Daemon(parts, a_config(**build.config), board=board)
    await daemon.start()
    return World(
        cloud=build.cloud,
        prober=prober,
        notifier=notifier,
        meter=meter,
        store=store,
        clock=clock,
        daemon=daemon,
    )


def unknown(text: str = "the control plane did not answer") -> CloudUnknown:
    """An outcome that nobody knows."""
    return CloudUnknown(text)


def refused(text: str = "HTTP 400") -> CloudRefused:
    """A refusal for good."""
    return CloudRefused(text)


def _fields(deployment: Deployment) -> dict[str, object]:
    return {name: getattr(deployment, name) for name in Deployment.__dataclass_fields__}

"""Fakes at the seams: each a small class that satisfies one Protocol of `autoscaler.ports`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count

from autoscaler.clock import LoopClock
from autoscaler.core.model import Decision, Deployment, Json, ProbeResult
from autoscaler.core.snapshot import ReceiverView
from autoscaler.core.words import FailureReason, Status, UntrustedReason
from autoscaler.ports import (
    Batch,
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
        before = self.deployments[deployment_id]
        self.deployments[deployment_id] = replace(before, **changes)  # type: ignore[arg-type]  # names and types are the story's

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

    def watch(self, deployment: Deployment, decision: Decision | None, *, monotonic: float) -> None:
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


class FullDisk(MemoryStore):
    """A store that can write nothing while it is `full`."""

    full = False

    def commit(self, batch: Batch) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().commit(batch)


def unknown(text: str = "the control plane did not answer") -> CloudUnknown:
    """An outcome that nobody knows."""
    return CloudUnknown(text)


def refused(text: str = "HTTP 400") -> CloudRefused:
    """A refusal for good."""
    return CloudRefused(text)

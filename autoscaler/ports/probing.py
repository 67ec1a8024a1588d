"""Endpoints: when to probe what, how, and what else can be read of a deployment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from autoscaler.core.model import Decision, Deployment, Json, ProbeResult, Signal


class Prober(Protocol):
    """Sends one probe. Never raises for anything the endpoint does."""

    async def probe(
        self, deployment: Deployment, *, scheduled_at: float, profile: str = "short"
    ) -> ProbeResult:
        """Probe the deployment's endpoint once. Refuses (as untrusted data) hosts that are not
        allowed.
        """
        ...

    async def close(self) -> None:
        """Close sessions; cancels what is in flight."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRefused:
    """An endpoint that no key may be sent to: nothing was sent; somebody should look."""

    deployment_id: str
    deployment: str
    host: str
    """`host:port` of the refused endpoint."""
    because: str
    """What is wrong with it and what to do, as a sentence."""
    at: float
    """Instant at which it was last refused."""


class EndpointProber(Prober, Protocol):
    """The prober as the daemon knows it: besides probing, what it learned and what it refused."""

    async def story(
        self, deployment: Deployment, *, profile: str = "short"
    ) -> tuple[ProbeResult, dict[str, Json]]:
        """Probe once, now, and tell everything: request without its key, timeline, verdict."""
        ...

    def refusals(self) -> tuple[HostRefused, ...]:
        """Endpoints that are refused at present (host not allowed, not https, or changed)."""
        ...

    def accept_endpoint(self, deployment: Deployment, address: str) -> Json:
        """Pin a deployment whose endpoint has moved to `address` (`host:port`), and return what to
        keep of it over a restart. Raises ValueError, with the reason as a sentence: it is not
        there, has not moved, or may not be probed there either.
        """
        ...

    def hint(self, deployment_id: str) -> str:
        """What on the way spoils this deployment's streams, and how to change it; empty if
        nothing.
        """
        ...

    def memory(self) -> dict[str, Json]:
        """What to keep over a restart, by deployment id: pinned host, dropped request fields."""
        ...

    def recall(self, documents: Mapping[str, Json]) -> None:
        """Take back what `memory` gave; documents that cannot be read are ignored."""
        ...

    def keep(self, deployment_ids: frozenset[str]) -> None:
        """Forget all other deployments (they are gone for good)."""
        ...


class SignalReader(Protocol):
    """An optional extra look at a deployment: its engine's metrics, a Prometheus. Read-only."""

    async def read(self, deployment: Deployment) -> tuple[Signal, ...]:
        """The signals now; values are None where nothing fresh could be read. Never raises for
        what the other side does.
        """
        ...

    async def close(self) -> None:
        """Close sessions."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One probe that is due now."""

    deployment_id: str
    profile: str
    """`short`, `long`, `liveness`, …: given to `Prober.probe`."""
    scheduled_at: float
    """Instant of its place on the grid; SLO latencies count from here."""
    number: int
    """Tells probes of one deployment apart."""


class ProbePlan(Protocol):
    """When to probe what: an open loop on a jittered grid. Pure; both clocks are handed in."""

    def watch(self, deployment: Deployment, decision: Decision | None, *, monotonic: float) -> None:
        """Keep probing `deployment`, at the pace that its latest decision asks for."""
        ...

    def unwatch(self, deployment_id: str) -> None:
        """Stop probing it."""
        ...

    def due(self, monotonic: float, *, now: float) -> list[Due]:
        """What to send now, oldest first; whatever is passed over is counted."""
        ...

    def started(self, due: Due, *, monotonic: float) -> None:
        """The probe was sent."""
        ...

    def finished(self, due: Due) -> None:
        """The probe ended, however it ended."""
        ...

    def interval_seconds(self, deployment_id: str) -> float | None:
        """Cadence in force; None = not watched."""
        ...

    def next_at(self) -> float | None:
        """Monotonic second of the next due probe; None = nothing is watched."""
        ...

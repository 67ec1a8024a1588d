"""A prober that can be replaced while it runs, because a reload may change keys and canaries.

What was learned of each deployment, its pinned endpoint above all, goes over to the new one. Probes
under way end with the old one, which then closes.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from autoscaler.core.model import Deployment, Json, ProbeResult
from autoscaler.ports import EndpointProber, HostRefused
from autoscaler.probes.honesty import Canaries


@dataclass(slots=True, eq=False)
class Probing:
    """A prober, and the canaries by which it knows our own network."""

    prober: EndpointProber
    canaries: Canaries | None = None
    """None = there are none."""
    in_flight: int = 0


class SwitchedProber:
    """Hands everything to the prober in force. Satisfies `ports.EndpointProber`."""

    def __init__(self, probing: Probing, *, resume: Callable[[], None] = lambda: None) -> None:
        """`resume` begins anew what probers share and an old one ends as it closes."""
        self._now = probing
        self._resume = resume
        self._retired: list[Probing] = []
        self._closing: set[asyncio.Task[None]] = set()

    def swap(self, probing: Probing) -> None:
        """Put another prober in force."""
        old, self._now = self._now, probing
        probing.prober.recall(old.prober.memory())
        self._retired.append(old)
        self._close_idle()

    async def is_offline(self) -> bool | None:
        """True if our own network is down; None where no canary tells."""
        canaries = self._now.canaries
        return None if canaries is None else await canaries.is_offline()

    async def probe(
        self, deployment: Deployment, *, scheduled_at: float, profile: str = "short"
    ) -> ProbeResult:
        """Probe once."""
        probing = self._now
        probing.in_flight += 1
        try:
            return await probing.prober.probe(
                deployment, scheduled_at=scheduled_at, profile=profile
            )
        finally:
            probing.in_flight -= 1
            self._close_idle()

    async def story(
        self, deployment: Deployment, *, profile: str = "short"
    ) -> tuple[ProbeResult, dict[str, Json]]:
        """Probe once, now, and tell everything."""
        probing = self._now
        probing.in_flight += 1
        try:
            return await probing.prober.story(deployment, profile=profile)
        finally:
            probing.in_flight -= 1
            self._close_idle()

    def refusals(self) -> tuple[HostRefused, ...]:
        """Endpoints that are refused at present."""
        return self._now.prober.refusals()

    def accept_endpoint(self, deployment: Deployment, address: str) -> Json:
        """Pin the place to which an endpoint has moved."""
        return self._now.prober.accept_endpoint(deployment, address)

    def hint(self, deployment_id: str) -> str:
        """What on the way spoils this deployment's streams."""
        return self._now.prober.hint(deployment_id)

    def memory(self) -> dict[str, Json]:
        """What to keep over a restart."""
        return self._now.prober.memory()

    def recall(self, documents: Mapping[str, Json]) -> None:
        """Take back what `memory` gave."""
        self._now.prober.recall(documents)

    def keep(self, deployment_ids: frozenset[str]) -> None:
        """Forget all other deployments."""
        self._now.prober.keep(deployment_ids)

    async def close(self) -> None:
        """Break off what is in flight and close all connections."""
        await asyncio.gather(
            *self._closing, *(old.prober.close() for old in [*self._retired, self._now])
        )

    def _close_idle(self) -> None:
        for old in [old for old in self._retired if not old.in_flight]:
            self._retired.remove(old)
            task = asyncio.create_task(self._close(old), name="close prober")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _close(self, old: Probing) -> None:
        await old.prober.close()
        self._resume()

"""What people may ask of the running daemon: the web server and the CLI go through here.

Every order is on disk before it is answered, and in the log with who gave it and why.
"""

import math
from collections.abc import Sequence
from itertools import count

import structlog

from autoscaler.core import billing, uptime
from autoscaler.core.alerting.silences import BadMatcher
from autoscaler.core.codec import encode
from autoscaler.core.model import Json, Orders, Override, Pause
from autoscaler.core.snapshot import HistoryPoint, Snapshot
from autoscaler.daemon.alerts import AlertDesk
from autoscaler.daemon.config import Live, Parts
from autoscaler.daemon.fleet import Fleet
from autoscaler.daemon.housekeeping import AUDIT, PROBER
from autoscaler.daemon.jobs import JobBoard
from autoscaler.daemon.picture import Showing
from autoscaler.daemon.probing import Probing
from autoscaler.daemon.reloading import Reloading
from autoscaler.daemon.watched import Watched
from autoscaler.ports import Batch, Denied

log = structlog.get_logger()

MOST_REPLICAS = 1000
"""A larger override is taken for a slip of the finger."""
LONGEST_SECONDS = 31 * 86400.0
"""Longest override or silence: a month; what is to last longer belongs into the configuration."""
GRACE_SECONDS = 60.0
"""After the start, ready is said also without a first list: the control plane may be down."""


class DaemonConsole:
    """Satisfies `ports.Console`."""

    def __init__(  # noqa: PLR0913  # people may ask about everything
        self,
        parts: Parts,
        fleet: Fleet,
        board: JobBoard,
        *,
        probing: Probing,
        desk: AlertDesk,
        reloading: Reloading,
        showing: Showing,
        live: Live,
    ) -> None:
        self._parts = parts
        self._fleet = fleet
        self._board = board
        self._probing = probing
        self._desk = desk
        self._reloading = reloading
        self._showing = showing
        self._live = live
        self._started = parts.clock.monotonic()
        self._numbers = count(1)

    def snapshot(self) -> Snapshot | None:
        """The latest picture; None before the first tick."""
        return self._showing.snapshot

    def history(self, deployment: str, *, since: float) -> list[HistoryPoint]:
        """Minutes of one deployment, oldest first."""
        return self._parts.store.history(self._ever(deployment).id, since=since)

    def decisions(
        self, deployment: str, *, at: float | None = None, limit: int = 100
    ) -> list[dict[str, Json]]:
        """Decisions as JSON, newest first; of the whole fleet where `deployment` is empty."""
        asked = list(self._fleet) if not deployment else [self._ever(deployment)]
        found = [
            decision
            for watched in asked
            for decision in self._parts.store.decisions(watched.id, until=at, limit=limit)
        ]
        return sorted(found, key=_instant, reverse=True)[:limit]

    def pause(self, deployment: str, *, by: str, reason: str, seconds: float | None) -> None:
        """Stop scaling one deployment."""
        watched = self._present(deployment)
        now = self._parts.clock.now()
        until = None if seconds is None else now + _within(seconds, "a pause")
        pause = Pause(since=now, until=until, by=by, reason=reason)
        self._order(watched, Orders(pause=pause, override=watched.orders.override), "paused", by)

    def resume(self, deployment: str, *, by: str) -> None:
        """End pause and override."""
        self._order(self._present(deployment), Orders(), "resumed", by)

    def override(
        self, deployment: str, *, replicas: int, seconds: float, by: str, reason: str
    ) -> None:
        """Hold a count until it expires."""
        watched = self._present(deployment)
        if not 1 <= replicas <= MOST_REPLICAS:
            raise Denied(f"An override must be between 1 and {MOST_REPLICAS} replicas.")
        until = self._parts.clock.now() + _within(seconds, "an override")
        override = Override(replicas=replicas, until=until, by=by, reason=reason)
        orders = Orders(pause=watched.orders.pause, override=override)
        self._order(watched, orders, "overridden", by)

    def accept_endpoint(self, deployment: str, *, address: str, by: str, reason: str) -> None:
        """Trust the `host:port` to which a deployment's endpoint has moved."""
        watched = self._present(deployment)
        try:
            document = self._parts.prober.accept_endpoint(watched.deployment, address)
        except ValueError as fault:
            raise Denied(f"{fault}") from fault
        said: dict[str, Json] = {"by": by, "address": address, "reason": reason}
        documents = {(PROBER, watched.id): document}
        self._keep(watched, "endpoint_accepted", documents=documents, said=said)

    async def probe_now(self, deployment: str, *, debug: bool = False) -> dict[str, Json]:
        """Probe once, now; with `debug`, the whole story of that probe."""
        watched = self._present(deployment)
        if watched.deployment.endpoint_url is None and watched.sighting.endpoint_url is None:
            raise Denied(
                f"{watched.name} has no endpoint yet (status {watched.deployment.raw_status})."
                " Ask again when it is ready."
            )
        result, story = await self._probing.probe_now(watched)
        answer: dict[str, Json] = {"result": encode(result)}
        return answer | {"story": story} if debug else answer

    def silence(self, *, matchers: Sequence[str], seconds: float, by: str, reason: str) -> str:
        """Add a silence and return its id."""
        now = self._parts.clock.now()
        try:
            added = self._desk.add_silence(
                matchers, seconds=_within(seconds, "a silence"), by=by, reason=reason, now=now
            )
        except BadMatcher as fault:
            raise Denied(f"{fault}") from fault
        self._keep_silences()
        log.info("silenced", by=by, reason=reason, matchers=list(matchers), id=added.id)
        return added.id

    def unsilence(self, silence_id: str) -> None:
        """Expire a silence."""
        if not self._desk.expire_silence(silence_id, self._parts.clock.now()):
            raise Denied(
                f"No silence {silence_id} is in force; `alerts list` shows those that are."
            )
        self._keep_silences()
        log.info("unsilenced", id=silence_id)

    async def test_alert(self, *, receiver: str | None, event: str) -> list[dict[str, Json]]:
        """Send a test notification and return what each receiver answered."""
        if event not in {"trigger", "resolve"}:
            raise Denied(f"A test is a trigger or a resolve, not {event!r}.")
        known = [view.name for view in self._parts.notifier.receivers()]
        if receiver is not None and receiver not in known:
            raise Denied(f"There is no receiver {receiver!r}; there are: {', '.join(known)}.")
        return await self._parts.test_alert(receiver, event)

    async def reload(self) -> str:
        """Validate the configuration, then swap it in; returns what changed."""
        return self._reloading.reload()

    def costs(self, *, month: str | None) -> list[dict[str, Json]]:
        """Cost rows per deployment and day, those of gone deployments among them."""
        wanted = month or billing.month_of(self._parts.clock.now())
        return [
            row
            for watched in sorted(self._fleet.ever(), key=lambda w: (w.name, w.id))
            for row in self._cost_rows(watched, wanted)
        ]

    def uptimes(self, *, month: str | None) -> list[dict[str, Json]]:
        """One report per deployment against the platform's SLA, those that are gone among them."""
        wanted = month or billing.month_of(self._parts.clock.now())
        return [
            {
                "deployment": watched.name,
                "deployment_id": watched.id,
                "uptime_seconds": watched.deployment.uptime_seconds,
                "sessions": watched.uptime.sessions,
                "report": encode(uptime.report(watched.uptime, wanted)),
            }
            for watched in sorted(self._fleet.ever(), key=lambda w: (w.name, w.id))
        ]

    def is_healthy(self) -> tuple[bool, str]:
        """Liveness: whether the loops progress, and why not."""
        stuck = self._board.stuck()
        return (not stuck, stuck or "The loops progress.")

    def is_ready(self) -> tuple[bool, str]:
        """Readiness: first list done or grace over, and not on the way out."""
        if self._showing.is_draining:
            return (False, "The daemon is shutting down.")
        if self._showing.snapshot is None:
            return (False, "The first tick is not over yet.")
        listed = self._fleet.control_plane.last_success_at is not None
        if not listed and self._parts.clock.monotonic() - self._started < GRACE_SECONDS:
            because = self._fleet.control_plane.last_error or "it has not answered yet"
            return (False, f"The deployments could not be listed yet: {because}.")
        return (True, "Ready.")

    def _cost_rows(self, watched: Watched, month: str) -> list[dict[str, Json]]:
        rows: list[dict[str, Json]] = []
        for day, entry in sorted(watched.ledger.days.items()):
            if day.startswith(month):
                head: dict[str, Json] = {
                    "deployment": watched.name,
                    "deployment_id": watched.id,
                    "day": day,
                    "currency": self._reloading.book.currency,
                }
                body = encode(entry)
                rows.append(head | body if isinstance(body, dict) else head)
        return rows

    def _order(self, watched: Watched, orders: Orders, event: str, by: str) -> None:
        """Put a person's word on disk, then in force."""
        said = encode(orders)
        documents = {("orders", watched.id): said}
        self._keep(watched, event, documents=documents, said={"by": by, "orders": said})
        watched.orders = orders
        watched.touch("orders")  # a tick under way may have written the older ones after that

    def _keep(
        self,
        watched: Watched,
        event: str,
        *,
        documents: dict[tuple[str, str], Json],
        said: dict[str, Json],
    ) -> None:
        """Put an order on disk together with its line of the audit, then in the log."""
        now = self._parts.clock.now()
        audit: Json = {"at": now, "event": event, "deployment": watched.name, **said}
        key = (AUDIT, f"{now:.6f} {watched.id} {next(self._numbers)}")
        self._parts.store.commit(Batch(documents={**documents, key: audit}))
        log.info(event, deployment=watched.name, **said)

    def _keep_silences(self) -> None:
        """Put the silences on disk. Where that fails, they are as they were: what a person is told
        did not work must not come to be in force with the next write.
        """
        try:
            self._parts.store.commit(Batch(documents=self._desk.documents()))
        except BaseException:
            self._desk.rollback()
            raise
        self._desk.committed()

    def _present(self, name: str) -> Watched:
        watched = self._fleet.find(name)
        if watched is None:
            known = ", ".join(w.name for w in self._fleet) or "none"
            raise Denied(f"There is no deployment {name!r}; there are: {known}.")
        return watched

    def _ever(self, name: str) -> Watched:
        for watched in self._fleet.gone.values():
            if name in {watched.id, watched.name} and self._fleet.find(name) is None:
                return watched
        return self._present(name)


def _within(seconds: float, what: str) -> float:
    if not (math.isfinite(seconds) and 0 < seconds <= LONGEST_SECONDS):
        raise Denied(f"The time of {what} must be above 0 and at most 31 days.")
    return seconds


def _instant(decision: dict[str, Json]) -> float:
    at = decision.get("at")
    return float(at) if isinstance(at, int | float) else 0.0

"""Discovery: read the whole fleet, keep the last good word on each deployment, and its age.

A failed or short list deletes nothing: that takes two complete lists or a 404. An item that cannot
be read keeps its last good state. `failed` is read once more, at once, before it counts.
"""

import asyncio
from dataclasses import replace

import structlog

from autoscaler.actuator import Acted, Order
from autoscaler.core.model import Ask, Deployment
from autoscaler.core.words import Status
from autoscaler.daemon import accounts
from autoscaler.daemon.accounts import PriceBook
from autoscaler.daemon.asks import Arrival, arrival, followed
from autoscaler.daemon.config import Live, Parts
from autoscaler.daemon.fleet import Fleet
from autoscaler.daemon.jobs import JobBoard
from autoscaler.daemon.watched import Sighting, Watched
from autoscaler.ports import CloudRefused, CloudUnknown, Listing

log = structlog.get_logger()

JOB = "discover"
BREATH = 50
"""Readings (a few milliseconds) after which others get a turn."""
LISTS_UNTIL_GONE = 2
"""Complete lists in a row that must not name a deployment before it counts as gone."""


class Discovery:
    """Reads the control plane into the fleet."""

    def __init__(
        self, parts: Parts, fleet: Fleet, board: JobBoard, *, book: PriceBook, live: Live
    ) -> None:
        self._parts = parts
        self._fleet = fleet
        self._board = board
        self._book = book
        self._live = live
        self._changed = False

    async def discover_once(self) -> bool:
        """List the fleet once; return whether something changed that alerts may care about."""
        self._changed = False
        read_at = self._parts.clock.now()
        try:
            listing = await self._parts.cloud.list()
        except CloudUnknown as fault:
            self._failed(fault)
            return False
        self._succeeded(listing)
        for number, deployment in enumerate(listing.deployments, start=1):
            with self._board.guard(JOB, deployment.name):
                self.see(deployment, read_at=read_at)
            if number % BREATH == 0:
                await asyncio.sleep(0)
        await self._look_for_missing(listing)
        await self._confirm_failed()
        return self._changed

    async def inventory_once(self) -> None:
        """Read prices and free GPUs; what was known stays where they cannot be read."""
        try:
            items = await self._parts.cloud.inventory()
        except CloudUnknown as fault:
            log.warning("inventory_failed", because=str(fault))
            return
        at = self._parts.clock.now()
        self._fleet.inventory = tuple(items)
        self._fleet.inventory_at = at
        since = self._book.read_at
        before = [(w, self._book.terms(w.deployment).at(at)) for w in self._fleet]
        is_news = self._book.learn(items, at=at)
        self._fleet.outgoing[accounts.PRICES_KEY] = self._book.document()
        if is_news:
            for watched, price in before:
                accounts.doubt_price(watched, price, since=since, at=at, book=self._book)
            log.info("prices_learned", currency=self._book.currency, items=len(items))

    def see(self, deployment: Deployment, *, read_at: float) -> None:
        """Take one good reading of one deployment in."""
        watched = self._fleet.watched.get(deployment.id)
        if watched is None:
            watched = self._meet(deployment, read_at)
        elif read_at < watched.sighting.read_at:
            return
        else:
            self._note_transition(watched, deployment)
        still_failed = deployment.status is Status.FAILED and watched.sighting.confirmed_failed
        watched.sighting = replace(
            watched.sighting,
            deployment=deployment,
            read_at=read_at,
            endpoint_url=deployment.endpoint_url or watched.sighting.endpoint_url,
            confirmed_failed=still_failed,
            gone_at=None,
        )
        watched.missing_lists = 0
        watched.touch("watch")
        accounts.look(watched, at=read_at, book=self._book)
        self._follow_ask(watched, read_at)

    def acted(self, order: Order, result: Acted, *, read_at: float) -> None:
        """Take in what a scale call showed and became."""
        watched = self._fleet.watched.get(order.deployment.id)
        if watched is None:
            return
        if result.seen is not None:
            self.see(result.seen, read_at=read_at)
        if watched.ask == order.ask:
            watched.ask = result.ask
            if result.result in {"rejected", "withheld"}:
                at = self._parts.clock.now()
                accounts.end_ask(watched, at=at, book=self._book, arrived=Arrival.NO)
        failures = 0 if result.result == "ok" else watched.sighting.scale_failures + 1
        if result.result != "withheld":
            watched.sighting = replace(watched.sighting, scale_failures=failures)
        watched.touch("ask", "watch")

    def leave(self, watched: Watched) -> None:
        """End a deployment that does not exist any more; its accounts become an archive."""
        at = self._parts.clock.now()
        accounts.close(watched, at=at, book=self._book)
        watched.sighting = replace(watched.sighting, gone_at=at)
        self._fleet.watched.pop(watched.id, None)
        self._fleet.gone[watched.id] = watched
        self._fleet.departed.append(watched)
        self._parts.plan.unwatch(watched.id)
        self._fleet.outgoing.update(watched.archive())
        self._changed = True
        log.info("deployment_gone", deployment=watched.name, deployment_id=watched.id)

    async def get(self, deployment_id: str) -> Deployment | None:
        """Read one deployment, counted. Raises CloudUnknown."""
        try:
            deployment = await self._parts.cloud.get(deployment_id)
        except CloudUnknown:
            self._fleet.control_plane.requests += 1
            self._fleet.control_plane.errors += 1
            raise
        self._fleet.control_plane.requests += 1
        return deployment

    def _meet(self, deployment: Deployment, read_at: float) -> Watched:
        watched = self._fleet.gone.pop(deployment.id, None) or Watched(
            sighting=Sighting(deployment=deployment, read_at=read_at, first_seen_at=read_at)
        )
        watched.begin_anew()
        self._fleet.watched[deployment.id] = watched
        self._changed = True
        log.info(
            "deployment_seen",
            deployment=deployment.name,
            deployment_id=deployment.id,
            status=deployment.raw_status,
            replicas=deployment.replicas,
            model=deployment.model_id,
        )
        return watched

    def _note_transition(self, watched: Watched, deployment: Deployment) -> None:
        before, after = watched.deployment.status, deployment.status
        if before is after:
            return
        self._changed = True
        self._parts.meter.status_transition(watched.name, before.value, after.value)
        log.info(
            "status_changed",
            deployment=watched.name,
            before=before.value,
            after=deployment.raw_status,
            own_ask=watched.is_scaling,
        )

    def _follow_ask(self, watched: Watched, read_at: float) -> None:
        ask = watched.ask
        if ask is None or not ask.is_open:
            return
        policy = self._live.policy_for(watched.deployment)
        closed = followed(ask, watched.deployment, read_at=read_at, policy=policy)
        if closed is ask:
            return
        watched.ask = closed
        watched.touch("ask")
        arrived = Arrival.YES if closed.outcome == "settled" else _last_word(ask, watched)
        accounts.end_ask(watched, at=read_at, book=self._book, arrived=arrived)
        seconds = read_at - ask.asked_at
        if closed.outcome == "settled":
            direction = "up" if ask.count > ask.from_count else "down"
            self._parts.meter.scale_settled(direction, seconds)
        level = log.info if closed.outcome == "settled" else log.warning
        level(
            "ask_closed",
            deployment=watched.name,
            outcome=closed.outcome,
            asked=ask.count,
            current=watched.deployment.replicas,
            seconds=round(seconds, 1),
        )

    async def _look_for_missing(self, listing: Listing) -> None:
        listed = {d.id for d in listing.deployments} | set(listing.invalid_ids)
        if not listing.complete or _hides_some(listing):
            return
        for watched in [w for w in self._fleet if w.id not in listed]:
            with self._board.guard(JOB, watched.name):
                await self._ask_for_missing(watched)

    async def _ask_for_missing(self, watched: Watched) -> None:
        watched.missing_lists += 1
        read_at = self._parts.clock.now()
        try:
            deployment = await self.get(watched.id)
        except CloudUnknown:
            if watched.missing_lists >= LISTS_UNTIL_GONE:
                self.leave(watched)
            return
        if deployment is None:
            self.leave(watched)
        else:
            self.see(deployment, read_at=read_at)

    async def _confirm_failed(self) -> None:
        for watched in list(self._fleet):
            is_new = (
                watched.deployment.status is Status.FAILED and not watched.sighting.confirmed_failed
            )
            if is_new:
                with self._board.guard(JOB, watched.name):
                    await self._read_failed_again(watched)

    async def _read_failed_again(self, watched: Watched) -> None:
        read_at = self._parts.clock.now()
        try:
            again = await self.get(watched.id)
        except CloudUnknown as fault:
            log.warning("failed_unconfirmed", deployment=watched.name, because=str(fault))
            return
        if again is None:
            self.leave(watched)
            return
        self.see(again, read_at=read_at)
        if again.status is Status.FAILED:
            watched.sighting = replace(watched.sighting, confirmed_failed=True)
            self._changed = True

    def _succeeded(self, listing: Listing) -> None:
        seen = self._fleet.control_plane
        if seen.consecutive_failures:
            log.info("control_plane_back", after_failures=seen.consecutive_failures)
        seen.requests += 1
        seen.last_error = "" if listing.complete else "the list was not complete"
        seen.consecutive_failures = 0
        seen.auth_failures = 0
        names_all = listing.complete and not _hides_some(listing)
        seen.complete_lists = seen.complete_lists + 1 if names_all else 0
        if listing.complete:
            seen.last_success_at = self._parts.clock.now()
        if listing.invalid != seen.invalid_items:
            for sentence in listing.invalid:
                log.warning("item_invalid", because=sentence)
        seen.invalid_items = listing.invalid

    def _failed(self, fault: CloudUnknown) -> None:
        seen = self._fleet.control_plane
        seen.requests += 1
        seen.errors += 1
        seen.consecutive_failures += 1
        seen.complete_lists = 0
        seen.last_error = str(fault)
        seen.auth_failures += isinstance(fault.__cause__, CloudRefused)
        log.warning("list_failed", because=seen.last_error, failures=seen.consecutive_failures)


def _last_word(ask: Ask, watched: Watched) -> Arrival:
    """Whether the call of an ask that is overdue arrived: one that was accepted may have been
    undone.
    """
    told = arrival(ask, watched.deployment)
    return Arrival.NO if told is Arrival.NO else Arrival.UNCLEAR


def _hides_some(listing: Listing) -> bool:
    """True if an item was so broken that nobody knows which deployment it was."""
    return len(listing.invalid) > len(listing.invalid_ids)

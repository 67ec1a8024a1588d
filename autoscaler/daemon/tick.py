"""One tick: drain what was seen, decide for each deployment, look at the alerts, write it all, and
only then act.

`decide_once` is the only reader of the clock on the decision path. The intent of each scale call is
written with the decision, before the call leaves: whatever happens next, it counts as asked.
"""

import asyncio
import zlib
from collections.abc import Callable, Sequence

import structlog

from autoscaler.actuator import Order
from autoscaler.core import billing, cost
from autoscaler.core.codec import encode
from autoscaler.core.model import Ask, Decision, Json, Observation, Orders
from autoscaler.core.notification import Notification
from autoscaler.core.policy import Policy
from autoscaler.core.state import encode_state
from autoscaler.core.step import step
from autoscaler.daemon import accounts
from autoscaler.daemon.alerts import AlertDesk
from autoscaler.daemon.asks import Arrival
from autoscaler.daemon.history import point_of
from autoscaler.daemon.housekeeping import CHECKPOINT, ERA
from autoscaler.daemon.scene import Scene
from autoscaler.daemon.watched import Watched
from autoscaler.daemon.writing import Lines, Writer, Writing

log = structlog.get_logger()

JOB = "decide"
REPEAT_SECONDS = 300.0
"""A decision that says the same as the last one is written again only after so long: the file
would otherwise grow by 25 MB a day and deployment, and say nothing more.
"""

BREATH = 10
"""Decisions (a few milliseconds) after which other tasks get a turn: a tick over a thousand
deployments must not make their probes' readings late.
"""


class Tick:
    """Decides for the whole fleet, again and again."""

    def __init__(self, scene: Scene, desk: AlertDesk, *, is_acting: Callable[[str], bool]) -> None:
        """`is_acting` says whether a scale call for a deployment's id is being made."""
        self._scene = scene
        self._desk = desk
        self._is_acting = is_acting
        self._written: dict[str, Decision] = {}
        self._number = 0
        self._one_writer = asyncio.Lock()
        self._eras: dict[str, Json] = scene.parts.store.documents(ERA)
        self._writer = Writer(scene.parts, scene.fleet, desk=desk)

    async def decide_once(self) -> list[Order]:
        """Decide for all, write it, and return the scale calls to make now."""
        async with self._one_writer:
            now = self._scene.parts.clock.now()
            self._number += 1
            writing = Writing()
            for number, (watched, seen) in enumerate(self._observe_all(now), start=1):
                if watched.id in self._scene.fleet.watched:
                    with self._scene.board.guard(JOB, watched.name):
                        self._decide(watched, seen, writing)
                if number % BREATH == 0:
                    await asyncio.sleep(0)
            try:
                await self._commit(writing, look_at=now)
            except BaseException:
                self._withdraw(writing.orders)
                raise
            return writing.orders

    async def look_once(self) -> None:
        """Look at the alerts between two ticks, because something changed."""
        async with self._one_writer:
            await self._commit(Writing(), look_at=self._scene.parts.clock.now())

    async def write(
        self, notifications: Sequence[Notification] = (), *, everything: bool = False
    ) -> None:
        """Write what changed outside a tick, e.g. what became of a scale call."""
        async with self._one_writer:
            writing = Writing(notifications=list(notifications))
            await self._writer.write(writing, everything=everything)

    async def _commit(self, writing: Writing, *, look_at: float) -> None:
        async def look() -> Sequence[Notification]:
            with self._scene.board.guard("alerts"):
                return await self._desk.look(look_at)
            return ()

        await self._writer.write(writing, look=look)

    def _observe_all(self, now: float) -> list[tuple[Watched, Observation]]:
        """Drain all inboxes at one instant: what comes while others are decided waits its turn."""
        seen = []
        for watched in self._scene.fleet:
            with self._scene.board.guard(JOB, watched.name):
                self._end_orders(watched, now)
                policy = self._scene.live.policy_for(watched.deployment)
                seen.append((watched, self._observe(watched, now, policy)))
                watched.inbox.clear()
        return seen

    def _decide(self, watched: Watched, seen: Observation, writing: Writing) -> None:
        now, policy = seen.at, self._scene.live.policy_for(seen.deployment)
        lines = writing.about(watched.id)
        self._record(watched, seen, policy, lines)
        outcome = step(watched.state, seen, policy)
        decision = outcome.decision
        watched.state, watched.decision, watched.notices = outcome.state, decision, outcome.notices
        watched.touch("state")
        self._log(decision)
        self._scene.parts.meter.decision(decision)
        if self._is_news(decision):
            lines.decisions.append(decision)
        self._intend(watched, decision, now, writing)
        view = accounts.view(watched, at=now, book=self._scene.book)
        every = self._scene.live.config.decide_seconds
        point = point_of(watched, decision, at=now, tick_seconds=every, cost=view)
        lines.history.append((watched.id, point))
        self._scene.probing.follow(watched)

    def _record(self, watched: Watched, seen: Observation, policy: Policy, lines: Lines) -> None:
        """Keep the observation for `replay`; daily, and under a new policy, the state it met."""
        if self._scene.live.config.keep_observations_seconds <= 0:
            return
        lines.observations.append((seen.at, watched.id, encode(seen)))
        era = f"{billing.day_of(seen.at)} {zlib.crc32(repr(policy).encode())}"
        if self._eras.get(watched.id) != era:
            self._eras[watched.id] = era
            lines.documents[ERA, watched.id] = era
            lines.documents[CHECKPOINT, f"{seen.at} {watched.id}"] = {
                "deployment_id": watched.id,
                "at": seen.at,
                "state": encode_state(watched.state),
                "policy": encode(policy),
            }

    def _observe(self, watched: Watched, now: float, policy: Policy) -> Observation:
        deployment = watched.deployment
        price = self._scene.book.per_replica_hour(deployment, now)
        spent = cost.month_cost(watched.ledger, billing.month_of(now))
        budgeted = policy.monthly_budget is not None
        return Observation(
            at=now,
            deployment=deployment,
            read_at=watched.sighting.read_at,
            probes=tuple(watched.inbox),
            signals=watched.signals,
            ask=watched.ask,
            orders=watched.orders,
            price_per_replica_hour=price,
            month_spend=None if price is None else float(spent),
            month_left_hours=float(billing.hours_left(now)) if budgeted else None,
            started_at=self._scene.live.since,
        )

    def _end_orders(self, watched: Watched, now: float) -> None:
        """Drop what a person ordered for a time that is over."""
        pause, override = watched.orders.pause, watched.orders.override
        if pause is not None and pause.until is not None and pause.until <= now:
            log.info("pause_over", deployment=watched.name, by=pause.by)
            pause = None
        if override is not None and override.until <= now:
            log.info("override_over", deployment=watched.name, by=override.by)
            override = None
        orders = Orders(pause=pause, override=override)
        if orders != watched.orders:
            watched.orders = orders
            watched.touch("orders")

    def _intend(self, watched: Watched, decision: Decision, now: float, writing: Writing) -> None:
        """Record the intent of a scale call; one that is still being made comes first."""
        if decision.ask is None or self._is_acting(watched.id):
            return
        previous = watched.ask
        ask = Ask(count=decision.ask, from_count=decision.current, asked_at=now)
        accounts.begin_ask(watched, ask, at=now, book=self._scene.book)
        writing.orders.append(
            Order(deployment=watched.deployment, decision=decision, ask=ask, previous=previous)
        )

    def _withdraw(self, orders: list[Order]) -> None:
        """Void intents that could not be written: without a record no call leaves."""
        for order in orders:
            watched = self._scene.fleet.watched.get(order.deployment.id)
            if watched is not None:
                watched.ask = order.previous
                watched.touch("ask")  # what was written of it may be on disk
                now = self._scene.parts.clock.now()
                accounts.end_ask(watched, at=now, book=self._scene.book, arrived=Arrival.NO)

    def _is_news(self, decision: Decision) -> bool:
        """True if a decision says something else than the last written one, or it is time."""
        last = self._written.get(decision.deployment_id)
        same = last is not None and _gist(last) == _gist(decision)
        if last is not None and same and decision.at - last.at < REPEAT_SECONDS:
            return False
        self._written[decision.deployment_id] = decision
        return True

    def _log(self, decision: Decision) -> None:
        log.info(
            "decided",
            deployment=decision.deployment,
            current=decision.current,
            target=decision.target,
            verdict=decision.verdict.value,
            reason=decision.reason.value,
            because=decision.because,
            tick=self._number,
        )


def _gist(decision: Decision) -> tuple[object, ...]:
    return (
        decision.verdict,
        decision.reason,
        decision.current,
        decision.target,
        decision.ask,
    )

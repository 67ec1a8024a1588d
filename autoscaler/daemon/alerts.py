"""Lets the alert engine look at the evidence, and keeps its state between looks.

What `look` finds, and the messages about it, must be committed in one batch: then no change is lost
between an alert and its message, and nothing is told twice.
"""

import asyncio
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import cast

import structlog

from autoscaler.core.alerting.engine import (
    AlertOutcome,
    AlertTransition,
    evaluate_in_steps,
    open_alerts,
)
from autoscaler.core.alerting.silences import add_silence, build_silence, expire_silence
from autoscaler.core.alerting.state import (
    MEMORY_KIND,
    STATE_KEY,
    AlertsState,
    alert_documents,
    memory_documents,
    restore_state,
)
from autoscaler.core.codec import Undecodable
from autoscaler.core.model import Json
from autoscaler.core.notification import Notification
from autoscaler.core.snapshot import Alert, AlertState, Severity, Silence
from autoscaler.daemon.config import Live, Parts
from autoscaler.daemon.evidence import Evidence
from autoscaler.ports import Store

log = structlog.get_logger()

BREATH = 100
"""Memories that are put into their form for the Store (a few milliseconds) before others get a
turn.
"""


class AlertDesk:
    """The alert engine's memory between looks."""

    def __init__(self, parts: Parts, evidence: Evidence, *, live: Live, state: AlertsState) -> None:
        """`state` is what the Store holds (`restore_alerts`)."""
        self._parts = parts
        self._evidence = evidence
        self._live = live
        self.state = self._committed = state
        self._memories: dict[tuple[str, str], Json] = {}
        """Documents of the last look's memories, until they are in the Store."""

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """All that are pending or firing."""
        return open_alerts(self.state.records.values())

    async def look(self, now: float) -> Sequence[Notification]:
        """Evaluate every alert once; return the outbox rows, to commit with `documents`. Others run
        in between: what they add meanwhile is for the next look, but a silence stays.
        """
        facts = await self._evidence.gather(now)
        before = self.state
        steps = evaluate_in_steps(before, facts, self._live.config.rules)
        outcome = await _driven(steps)
        memories = await self._encoded(outcome.state)
        for transition in outcome.transitions:
            self._tell(transition)
        silences = self.state.silences
        self.state, self._memories = outcome.state, memories
        if silences is not before.silences:
            self.state = replace(outcome.state, silences=silences)
        return outcome.notifications

    def committed(self) -> None:
        """Say that `documents` and the last look's rows are in the Store."""
        self._committed, self._memories = self.state, {}

    def rollback(self) -> None:
        """Forget the last look: it could not be written, so nobody will be told of it."""
        self.state, self._memories = self._committed, {}

    def add_silence(
        self, matchers: Sequence[str], *, seconds: float, by: str, reason: str, now: float
    ) -> Silence:
        """Add a silence from now on. Raises BadMatcher."""
        silence = build_silence(matchers, at=now, seconds=seconds, by=by, reason=reason)
        self.state = add_silence(self.state, silence)
        return silence

    def expire_silence(self, silence_id: str, now: float) -> bool:
        """End a silence now; False if none of this id is in force."""
        state = expire_silence(self.state, silence_id, at=now)
        if state is None:
            return False
        self.state = state
        return True

    def documents(self) -> dict[tuple[str, str], Json]:
        """Return the documents that differ from the Store's."""
        return {**alert_documents(self.state, self._committed), **self._memories}

    async def _encoded(self, state: AlertsState) -> dict[tuple[str, str], Json]:
        """Return the documents of the memories that changed, made with a turn for others."""
        documents = {}
        for number, (key, document) in enumerate(memory_documents(state, self._committed), start=1):
            documents[key] = document
            if number % BREATH == 0:
                await asyncio.sleep(0)
        return documents

    def _tell(self, transition: AlertTransition) -> None:
        self._parts.meter.alert_transition(
            transition.name, transition.severity.value, transition.to.value
        )
        loud = transition.to is AlertState.FIRING and transition.severity is Severity.CRITICAL
        (log.error if loud else log.info)(
            "alert",
            alert=transition.name,
            to=transition.to.value,
            severity=transition.severity.value,
            deployment=transition.deployment or None,
            because=transition.because,
        )


async def _driven(steps: Generator[None, None, AlertOutcome]) -> AlertOutcome:
    """Run an evaluation to its end, with a turn for others after each step."""
    while True:
        try:
            next(steps)
        except StopIteration as over:
            return cast("AlertOutcome", over.value)
        await asyncio.sleep(0)


def restore_alerts(store: Store) -> tuple[AlertsState, tuple[str, ...]]:
    """Read the engine's state back. If it is lost, alerts begin anew, and a sentence says so."""
    try:
        return restore_state(store.documents(STATE_KEY[0]), store.documents(MEMORY_KIND)), ()
    except Undecodable as fault:
        log.exception("alerts_unreadable")
        return AlertsState(), (f"Stored alerts cannot be read ({fault}); they begin anew.",)

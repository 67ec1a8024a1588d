"""The alert engine: `evaluate(state, facts, rules) -> AlertOutcome`, pure.

It decides nothing by itself but when a condition has held long enough, when it is over, what
explains what, and who is told. What the conditions are stands in the catalogue. The outcome's
documents and notifications must be committed in one transaction: then no change is lost between
the alert and its message, whatever happens to the process.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import cast

from autoscaler.core.alerting.book import Book
from autoscaler.core.alerting.catalogue import BY_NAME, CATALOGUE, STORM
from autoscaler.core.alerting.facts import FleetFacts
from autoscaler.core.alerting.findings import DeploymentScope, FleetScope
from autoscaler.core.alerting.inhibition import mark_causes, storm_finding
from autoscaler.core.alerting.lifecycle import is_open
from autoscaler.core.alerting.memory import remember_changes, remember_deployment, remember_fleet
from autoscaler.core.alerting.messages import alert_view
from autoscaler.core.alerting.rules import DAY, HOUR, AlertOverride, AlertRules
from autoscaler.core.alerting.silences import drop_expired
from autoscaler.core.alerting.spec import AlertSpec
from autoscaler.core.alerting.state import FLEET, AlertsState, Memory, Record
from autoscaler.core.alerting.telling import tell
from autoscaler.core.notification import Notification
from autoscaler.core.snapshot import Alert, AlertState, Severity

KEEP_RESOLVED_SECONDS = HOUR
"""How long an ended episode stays in the state: receivers are reconciled from it."""
KEEP_EPISODES_SECONDS = 30 * DAY
"""How long the number of an alert's last episode is remembered; no outbox row lives longer."""

BREATH = 200
"""Questions, each of one alert about one deployment (a few milliseconds), after which others may
run.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTransition:
    """One alert that began to fire or ended, for log lines and counters."""

    name: str
    severity: Severity
    deployment: str
    dimension: str
    to: AlertState
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertOutcome:
    """What one evaluation found."""

    state: AlertsState
    alerts: tuple[Alert, ...]
    """All that are pending or firing, by deployment and name."""
    transitions: tuple[AlertTransition, ...]
    notifications: tuple[Notification, ...]
    """New outbox rows."""


def evaluate(state: AlertsState, facts: FleetFacts, rules: AlertRules) -> AlertOutcome:
    """Look at the facts once and return the new state with what changed and who is to be told."""
    steps = evaluate_in_steps(state, facts, rules)
    while True:
        try:
            next(steps)
        except StopIteration as over:
            return cast("AlertOutcome", over.value)


def evaluate_in_steps(
    state: AlertsState, facts: FleetFacts, rules: AlertRules
) -> Generator[None, None, AlertOutcome]:
    """Do what `evaluate` does, a few milliseconds at a time: whoever drives it may let others run
    in between. It looks at nothing but what it was given.
    """
    memories = yield from _remember(state.memories, facts, rules)
    book = Book(facts=facts, records=dict(state.records), episodes=dict(state.episodes))
    for number, _ in enumerate(_asked(book, memories, rules), start=1):
        if number % BREATH == 0:
            yield
    book.close_gone()
    book.close_missing()
    storm = storm_finding(book.records.values(), at=facts.at, rules=rules)
    book.apply(BY_NAME[STORM], (storm,))
    marked = mark_causes(book.records, at=facts.at, rules=rules, silences=state.silences)
    told, notifications = tell(marked, facts.at, rules)
    return AlertOutcome(
        state=AlertsState(
            records=_keep(told, facts.at),
            episodes=_keep_episodes(book.episodes, told, facts.at),
            silences=drop_expired(state.silences, facts.at),
            memories=memories,
        ),
        alerts=open_alerts(told.values()),
        transitions=_transitions(state.records, told),
        notifications=notifications,
    )


def open_alerts(records: Iterable[Record]) -> tuple[Alert, ...]:
    """Return what is pending or firing, by deployment and name."""
    shown = [alert_view(record) for record in records if is_open(record)]
    return tuple(sorted(shown, key=lambda alert: (alert.deployment, alert.name, alert.dimension)))


def effective(specs: Iterable[AlertSpec], rules: AlertRules) -> tuple[AlertSpec, ...]:
    """Return the entries that are in force, with what the configuration changes of them."""
    changed = []
    for spec in specs:
        override = rules.overrides.get(spec.name, AlertOverride())
        if override.enabled:
            held = override.for_seconds
            changed.append(
                replace(
                    spec,
                    severity=override.severity or spec.severity,
                    for_seconds=spec.for_seconds if held is None else held,
                )
            )
    return tuple(changed)


def _asked(book: Book, memories: Mapping[str, Memory], rules: AlertRules) -> Iterator[None]:
    """Ask each alert's conditions about the fleet and about each deployment; one step a question.

    They go into the book in the order of the catalogue.
    """
    facts = book.facts
    for spec in effective(CATALOGUE, rules):
        if spec.fleet is not None:
            book.apply(spec, spec.fleet(FleetScope(facts, memories[FLEET], rules)))
            yield
        if spec.deployment is None:
            continue
        for subject in facts.deployments:
            if not subject.gone:
                memory = memories[subject.deployment.id]
                found = spec.deployment(DeploymentScope(facts, subject, memory, rules))
                book.apply(spec, found, subject=subject, seen=memory.failed_probe)
            yield


def _remember(
    memories: Mapping[str, Memory], facts: FleetFacts, rules: AlertRules
) -> Generator[None, None, dict[str, Memory]]:
    """Return all memories after this evaluation; those of deployments that are gone are dropped."""
    after = dict(memories)
    after[FLEET] = remember_fleet(after.get(FLEET, Memory()), facts)
    for number, subject in enumerate(facts.deployments, start=1):
        if number % BREATH == 0:
            yield
        key = subject.deployment.id
        if subject.gone:
            after.pop(key, None)
        else:
            before = after.get(key, Memory())
            after[key] = remember_deployment(before, subject, at=facts.at, rules=rules)
    if facts.complete:
        present = {subject.deployment.id for subject in facts.deployments} | {FLEET}
        after = {key: memory for key, memory in after.items() if key in present}
        after[FLEET] = remember_changes(after[FLEET], before=memories, after=after, at=facts.at)
    return after


def _keep(records: Mapping[str, Record], at: float) -> dict[str, Record]:
    oldest = at - KEEP_RESOLVED_SECONDS
    return {
        key: record
        for key, record in records.items()
        if is_open(record) or (record.resolved_at or 0.0) > oldest
    }


def _keep_episodes(
    episodes: Mapping[str, tuple[int, float]], records: Mapping[str, Record], at: float
) -> dict[str, tuple[int, float]]:
    oldest = at - KEEP_EPISODES_SECONDS
    return {key: entry for key, entry in episodes.items() if entry[1] > oldest or key in records}


def _transitions(
    before: Mapping[str, Record], after: Mapping[str, Record]
) -> tuple[AlertTransition, ...]:
    """Return the alerts that began to fire, or ended, in this evaluation."""
    changed = []
    for key, record in after.items():
        old = before.get(key)
        same = old is not None and (old.episode, old.state) == (record.episode, record.state)
        if not same and record.state is not AlertState.PENDING:
            changed.append(
                AlertTransition(
                    name=record.name,
                    severity=record.severity,
                    deployment=record.deployment,
                    dimension=record.dimension,
                    to=record.state,
                    because=record.ended_because or record.description,
                )
            )
    return tuple(changed)

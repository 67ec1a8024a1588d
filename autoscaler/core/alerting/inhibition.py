"""Causality: what explains what, so that one cause sends one message and its effects stay visible.

A firing alert inhibits those that the catalogue says it explains, on the same deployment or, if it
is the fleet's own, on all. When it ends, what it explained is told only if evidence from after that
still finds it true. The storm guard folds many criticals of one minute into one alert; `failed` is
folded and inhibited by nothing, only a silence mutes it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from autoscaler.core.alerting.catalogue import BY_NAME, STORM
from autoscaler.core.alerting.findings import Finding, grade
from autoscaler.core.alerting.lifecycle import is_open
from autoscaler.core.alerting.rules import AlertRules
from autoscaler.core.alerting.silences import labels_of, silencing
from autoscaler.core.alerting.state import Record
from autoscaler.core.snapshot import AlertState, Severity, Silence

NAMES_SHOWN = 20
"""Deployments that a storm's text names; the rest are counted."""


def storm_finding(records: Iterable[Record], *, at: float, rules: AlertRules) -> Finding:
    """Return whether more criticals than people can read began within the last minute.

    What is folded counts for as long as it fires untold: the storm ends when few are left, so that
    its end is no storm of messages either.
    """
    names = sorted(
        record.deployment
        for record in records
        if _may_fold(record)
        and (not record.told or (record.fired_at or 0.0) > at - rules.storm_seconds)
        and record.inhibited_by in {None, STORM}
    )
    shown = ", ".join(dict.fromkeys(names[:NAMES_SHOWN]))
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return Finding(
        look=grade(bad=len(names) > rules.storm_alerts, good=True),
        data_at=at,
        description=(
            f"{len(names)} critical alerts at once: {shown}{more}. They are listed on the page and"
            " are told one by one only if they outlast this."
        ),
    )


def mark_causes(
    records: Mapping[str, Record],
    *,
    at: float,
    rules: AlertRules,
    silences: Sequence[Silence],
) -> dict[str, Record]:
    """Return the records with what silences and what explains each open one."""
    index: dict[tuple[str, str], list[Record]] = {}
    for record in records.values():
        index.setdefault((record.name, record.deployment), []).append(record)
    return {
        key: (
            replace(
                record,
                silenced_by=silencing(
                    labels_of(record), at=at, silences=silences, windows=rules.maintenance
                ),
                inhibited_by=_cause(record, index),
            )
            if is_open(record)
            else record
        )
        for key, record in records.items()
    }


def _cause(record: Record, index: Mapping[tuple[str, str], list[Record]]) -> str | None:
    spec = BY_NAME.get(record.name)
    dimensions = spec.inhibited_dimensions if spec else ()
    explained = dimensions is None or record.dimension in dimensions
    for name in spec.inhibited_by if spec and explained else ():
        for place in dict.fromkeys((record.deployment, "")):
            if any(_explains(cause, record) for cause in index.get((name, place), ())):
                return name
    folds = _may_fold(record) and not record.told
    if folds and any(_explains(storm, record) for storm in index.get((STORM, ""), ())):
        return STORM
    return None


def _explains(cause: Record, effect: Record) -> bool:
    if cause.state is AlertState.FIRING:
        return True
    if cause.state is AlertState.PENDING:
        return BY_NAME[cause.name].explains_early
    not_seen_since = effect.data_at <= (cause.resolved_at or 0.0)
    return not_seen_since and not effect.told


def _may_fold(record: Record) -> bool:
    spec = BY_NAME.get(record.name)
    return (
        spec is not None
        and spec.deployment is not None
        and spec.folds_in_storm
        and record.deployment != ""
        and record.severity is Severity.CRITICAL
        and record.state is AlertState.FIRING
    )

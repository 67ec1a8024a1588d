"""Facts that a step wants people to know; the alert engine makes alerts of them.

A notice is repeated at each step for as long as it is true; its kind is its identity.
"""

from autoscaler.core.case import Case
from autoscaler.core.model import Decision, Notice
from autoscaler.core.words import Reason

WARN_SECONDS = 900.0
"""Override and hand are told 15 minutes before they end (SEMANTICS §2)."""


def notices_of(case: Case, decision: Decision, infeasible: tuple[str, ...]) -> tuple[Notice, ...]:
    """Return every fact that holds now."""
    found = [Notice(kind="infeasible_slo", because=because) for because in infeasible[:1]]
    found += _capped(decision) + _changed(case) + _ending(case)
    found += _uneven(case)
    if case.undo_to is not None:
        because = f"the step down from {case.undo_to} failed its prediction and is undone"
        found.append(Notice(kind="failed_step", because=because))
    ask = case.observation.ask
    if ask is not None and case.ask is None and ask.outcome in {"pending", "accepted", "overdue"}:
        late = case.at - ask.asked_at
        if late >= case.policy.settle_deadline_seconds:
            because = f"{ask.count} were asked for {late:.0f} s ago and {case.current} run"
            found.append(Notice(kind="overdue", because=because, values={"seconds": late}))
    return tuple(found)


def _uneven(case: Case) -> list[Notice]:
    groups = case.uneven
    if groups is None:
        return []
    because = (
        f"{groups.share:.0%} of {groups.probes} probes met {groups.high * 1000:.3g} ms a token, the"
        f" others {groups.low * 1000:.3g} ms, by chance and not by waves of load: its"
        f" {case.current} replicas are unequal, or unequally used"
    )
    values = {
        "low_seconds": groups.low,
        "high_seconds": groups.high,
        "share": groups.share,
        "probes": float(groups.probes),
    }
    return [Notice(kind="imbalance", because=because, values=values)]


def _capped(decision: Decision) -> list[Notice]:
    kinds = {Reason.CAPPED_BUDGET: "capped_budget", Reason.CAPPED_MAX: "saturated_at_max"}
    return [
        Notice(
            kind=kinds[one.reason],
            because=one.because,
            values={"wanted": float(one.before), "allowed": float(one.after)},
        )
        for one in decision.steps
        if one.reason in kinds and one.before > one.after
    ]


def _changed(case: Case) -> list[Notice]:
    found = []
    if case.hand is not None:
        because = f"somebody raised it to {case.hand.replicas}: respected as a floor"
        found.append(
            Notice(
                kind="external_change",
                because=because,
                values={"replicas": float(case.hand.replicas), "until": case.hand.until},
            )
        )
    if case.fell_from is not None:
        because = f"it ran {case.fell_from} and now runs {case.current}, and nobody asked for that"
        found.append(
            Notice(
                kind="replica_drop",
                because=because,
                values={"before": float(case.fell_from), "now": float(case.current)},
            )
        )
    return found


def _ending(case: Case) -> list[Notice]:
    found = []
    order = case.observation.orders.override
    if order is not None and 0.0 < order.until - case.at <= WARN_SECONDS:
        because = f"the override to {order.replicas} by {order.by} ends soon"
        found.append(Notice(kind="override_ends", because=because, values={"until": order.until}))
    if case.hand is not None and 0.0 < case.hand.until - case.at <= WARN_SECONDS:
        because = f"the raise to {case.hand.replicas} by somebody is respected a little longer only"
        found.append(Notice(kind="hand_ends", because=because, values={"until": case.hand.until}))
    return found

"""The recommenders: each looks at one kind of evidence and proposes a count; the largest wins.

Up on the mean, down only if the upper end of the interval still fits (policy.md §6.1): an error
upwards costs a replica for a while, one downwards costs the users.
"""

from autoscaler.core.case import Case, Proposal
from autoscaler.core.cron import active_since
from autoscaler.core.model import Signal, Step
from autoscaler.core.record import whole
from autoscaler.core.slope import LIKELY_RATIO
from autoscaler.core.staffing import staffed
from autoscaler.core.words import Reason

DRAIN_SECONDS = 300.0
"""Time that a queue is given to drain once what was asked for runs (Flink's catch-up: policy.md
§2.12), before probes that only time out call for still more.
"""

YOUNG_SECONDS = 60.0
"""How long a queue must have stood before anything is asked for. Most are bursts that are over
before a replica could start: what has lasted so long is likely to last as long again, and a cold
start is longer. By then a second answer mostly tells how fast it grows, so one call asks for the
final size. No longer, for any other failure ends what was shown (SEMANTICS 3.4), and then nothing
moves.
"""
LEAST_UP_SAMPLES = 6
"""Successful probes below which latencies call for no more in the first settling window after a
start: half a minute of them.
"""
LEAST_DRAIN_SECONDS = 120.0
"""The same where its own arithmetic says that it takes less."""
LAST_CALL_SECONDS = 300.0
"""Time before the end of what successful probes have shown from which no more is allowed than the
least: afterwards nothing moves any more, and users would be left in the queue (SEMANTICS 3.4).
"""
DRAIN_RATIO = 1.5
"""Allowed over reckoned: the load that a slope tells is good to a tenth, the surplus is not."""
GROWTH_SECONDS = 120.0
"""Shortest time over which a growth of the load between two asks is read."""
LONGEST_DRAIN_SECONDS = 1200.0
"""The same where the queue had grown so long that its own arithmetic says it takes more."""


def proposals(case: Case) -> tuple[Proposal, ...]:
    """Return what every recommender that has something to say wants, in the order of the record."""
    found = [slo_model(case), overload(case), schedule(case), forecast(case), undo(case)]
    found += [signal(case, one) for one in case.observation.signals]
    return tuple(one for one in found if one is not None)


def slo_model(case: Case) -> Proposal | None:
    """The objectives, inverted to a load per replica."""
    load, high = case.estimate.load, case.estimate.load_high
    if load is None or high is None:
        return None
    need, need_high = case.staffed(load), case.staffed(high)
    if need is None or need_high is None:
        return None
    if need > case.base and (held := _held_back(case)) is not None:
        reason, because = held
        return Proposal(
            rule="slo_model", count=case.base, need=None, reason=reason, because=because
        )
    if need > case.base:
        because = f"load {load:.2f} needs {need:.2f} replicas at {load / need:.2f} each"
        reason = Reason.SCALE_UP_SLO
        if not case.is_trusted:
            most = case.base + max(1, case.base // 2)
            need, reason = min(need, float(most)), Reason.SCALE_UP_UNTRUSTED_ALPHA
            because = f"{because}, by an alpha that is not trusted: {most} at most for now"
        return Proposal(
            rule="slo_model", count=whole(need), need=need, reason=reason, because=because
        )
    because = f"load {load:.2f}, at most {high:.2f}, needs {need:.2f} to {need_high:.2f} replicas"
    return Proposal(
        rule="slo_model",
        count=min(case.base, whole(need_high)),
        need=None,
        reason=Reason.SCALE_DOWN,
        because=because,
    )


def _held_back(case: Case) -> tuple[Reason, str] | None:
    """Why latencies call for no more, though the load that they tell would; None if they do."""
    if case.gate.starting and case.samples < LEAST_UP_SAMPLES:
        return (
            Reason.NO_EVIDENCE,
            f"only {case.samples} probes answered lately: too few to buy by",
        )
    if case.queueing:
        return (
            Reason.PENDING,
            "a queue was seen: its slope tells more than latencies that stand at their plateau",
        )
    if case.line is not None and case.line.objectives.itl is None:
        return (
            Reason.INFEASIBLE_SLO,
            "the latency objective is set aside: only a queue calls for more",
        )
    if not case.is_trusted and _has_room(case):
        return (
            Reason.WITHIN_TOLERANCE,
            "the latency has room to what was written, and no load by an untrusted alpha counts",
        )
    return None


def _has_room(case: Case) -> bool:
    """True if the ITL seen is below that of the load planned for, whatever alpha is.

    Without a trusted alpha it is the latency above what was written that calls for more (SEMANTICS
    3.9), not a load by a guess. At a share h of the load that just meets S, and S at its default of
    three alphas, ITL is S / (3 - 2 h): with h = 0.8, 0.71 S.
    """
    written, seen = case.policy.slo.itl_seconds, case.estimate.itl_seconds
    if written is None or seen is None:
        return False
    return seen < written / (3.0 - 2.0 * case.headroom)


def overload(case: Case) -> Proposal | None:
    """A queue that grows: the slope of TTFT says by how much (E2)."""
    slope, known = case.slope, case.estimate.capacity_per_replica is not None
    if not case.estimate.overloaded or not known or _is_young(case):
        return None
    if slope is None and case.queue_load and _planned(case, case.queue_load) > case.current:
        load = case.queue_load
        count = _planned(case, load)
        because = f"users queue; before probes only timed out, {load:.2f} of load was seen"
    elif slope is None:
        if case.settled_for < _drain_seconds(case) or case.ask is not None:
            return None  # what was asked for has had no time to show
        load = LIKELY_RATIO * case.current
        count = 2 * case.current  # room for what has piled up, too
        because = (
            f"users queue, and probes only time out: more than {case.current} can carry, taken for"
            f" {load:.2f} of load"
        )
    else:
        load, least = (case.current * (1.0 + bound) for bound in (slope.value, slope.low))
        grown = _growth(case, least)
        count = _planned(case, load + grown)
        if _planned(case, load) <= case.current:
            return None  # the queue drains
        if _planned(case, least) <= case.current and case.settled_for < DRAIN_SECONDS:
            return None  # it has not yet had the time to
        changes = "grows" if slope.value >= 0.0 else "falls only"
        because = (
            f"TTFT {changes} by {abs(slope.value):.2f} s a second: {1.0 + slope.value:.2f} times"
            f" what {case.current} can carry"
        )
        if grown > 0.0:
            because += f", and {grown:.2f} more by the time that replicas have started"
    return Proposal(
        rule="overload",
        count=count,
        need=None,
        reason=Reason.SCALE_UP_OVERLOAD,
        because=because,
        load=load,
        urgent=True,
    )


def _growth(case: Case, least: float) -> float:
    """Load that comes on top while replicas start, if it goes on growing as it did since the last
    ask in this overload: what was asked for then has started, and did not do.
    """
    if case.queue_asked is None:
        return 0.0
    at, load = case.queue_asked
    grown = (least - load) / max(GROWTH_SECONDS, case.at - at)
    return min(least, max(0.0, grown * case.estimate.cold_start_seconds))


def _planned(case: Case, load: float) -> int:
    """Replicas for a load; what is there while no capacity is known."""
    need = case.staffed(load)
    return case.current if need is None else whole(need)


def _is_young(case: Case) -> bool:
    return case.queue_since is not None and case.at - case.queue_since < YOUNG_SECONDS


def _drain_seconds(case: Case) -> float:
    """How long the queue may take to drain once what was asked for runs.

    What waited then, over what the present count can do beyond the load, and half as long again.
    Without a surplus, or a load that was told, the plain allowance holds.
    """
    load = case.queue_load
    if load is None or load >= case.current:
        return DRAIN_SECONDS
    drain = case.settled_for + case.backlog / (case.current - load)
    if case.queue_until is not None and case.queue_until - case.at <= LAST_CALL_SECONDS:
        return LEAST_DRAIN_SECONDS
    return min(LONGEST_DRAIN_SECONDS, max(LEAST_DRAIN_SECONDS, DRAIN_RATIO * drain))


def schedule(case: Case) -> Proposal | None:
    """The highest floor among the schedules that hold now."""
    floors = [
        one.min_replicas
        for one in case.policy.schedules
        if one.min_replicas is not None and active_since(one, case.at) is not None
    ]
    if not floors:
        return None
    floor = max(floors)
    return Proposal(
        rule="schedule",
        count=floor,
        need=None,
        reason=Reason.SCALE_UP_SCHEDULE,
        because=f"a schedule holds at least {floor}",
    )


def forecast(case: Case) -> Proposal | None:
    """What a replica asked for now will be needed for; it may only raise."""
    if case.foretold is None:
        return None
    need = staffed(case.foretold, case.headroom)
    because = (
        f"by its {case.foretold_by}, {case.foretold:.2f} will be needed in"
        f" {case.estimate.cold_start_seconds:.0f} s"
    )
    return Proposal(
        rule="forecast",
        count=whole(need),
        need=need,
        reason=Reason.SCALE_UP_FORECAST,
        because=because,
    )


def undo(case: Case) -> Proposal | None:
    """A step down whose prediction failed: back to where it came from, at once."""
    if case.undo_to is None:
        return None
    return Proposal(
        rule="undo",
        count=case.undo_to,
        need=None,
        reason=Reason.UNDO_FAILED_STEP,
        because=f"the step down from {case.undo_to} failed its prediction",
        urgent=True,
    )


def is_live(one: Signal, case: Case) -> bool:
    """True if a signal is fresh and has a value."""
    return one.value is not None and case.at - one.at <= case.policy.evidence_age_seconds


def signal(case: Case, one: Signal) -> Proposal | None:
    """A reading with a target of its own: proportional, as HPA does."""
    if one.value is None or not one.target or not is_live(one, case):
        return None
    need = case.current * one.value / one.target
    because = f"{one.name} is {one.value:.3g}, wanted {one.target:.3g}"
    return Proposal(
        rule=f"signal:{one.name}",
        count=whole(need),
        need=need,
        reason=Reason.SCALE_UP_SIGNAL,
        because=because,
    )


def combined(case: Case, count: int) -> list[Step]:
    """Write every proposal down; the largest wins."""
    steps = []
    has_load = any(one.rule == "slo_model" for one in case.proposals)
    wanted = None if has_load else count  # a floor alone is no evidence that less would do
    for one in case.proposals:
        after = one.count if wanted is None else max(wanted, one.count)
        moved = wanted is None or after > wanted
        why = one.reason if after > case.base else Reason.SCALE_DOWN
        steps.append(
            Step(
                rule=one.rule,
                before=count,
                after=after,
                because=one.because,
                reason=why if moved and after != case.base else None,
            )
        )
        wanted = count = after
    return steps

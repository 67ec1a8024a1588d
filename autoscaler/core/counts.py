"""What became of the replica count: our asks, their settling, other people's hands, drops.

Nothing here decides; it remembers what the gates and the standing orders need (SEMANTICS §3.7,
§3.10). A raise between two ready reads that none of our asks explains is a hand; anything less is
arrival or recovery; a drop is told and never a reason to hold back.
"""

from dataclasses import dataclass, replace

from autoscaler.core.model import Ask, Observation
from autoscaler.core.policy import Policy

KEPT_ASKS = 8
"""Asks that may still explain a count: overdue ones of the recent past."""
KEPT_COLD_STARTS = 20
TRUSTED_COLD_STARTS = 3
"""Below this number the prior fills up: one quick start is no proof."""
REGRET_SECONDS = 6 * 3600.0
"""How long a regretted step down doubles the hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """Somebody raised the count besides us: a floor until it expires."""

    replicas: int
    since: float
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AskMark:
    """One ask as remembered: enough to explain a count."""

    asked_at: float
    count: int
    from_count: int
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The memory of one deployment's count."""

    ready_count: int | None = None
    """Replicas at the last ready read; None before the first."""
    ready_read_at: float = 0.0
    asks: tuple[AskMark, ...] = ()
    """Asks since the last one that settled, and that one, oldest first."""
    settled_ask_at: float = 0.0
    """`asked_at` of the ask that settled last; 0 = none yet."""
    settled_at: float | None = None
    """Instant from which the settling window counts: an ask settled or the count changed."""
    fell_from: int | None = None
    """Count before replicas fell away; None once they are back or an ask of ours settled."""
    fell_at: float = 0.0
    hand: Hand | None = None
    last_up_at: float | None = None
    """When we last asked for more; None = never."""
    last_down_at: float | None = None
    """When we last asked for less; None = never."""
    regretted_at: float | None = None
    """When we last asked for more within a hold of having asked for less; None = never."""
    cold_starts: tuple[float, ...] = ()
    """Seconds from ask to settled of the latest ups, oldest first."""


def cold_start_seconds(counts: Counts, prior: float) -> float:
    """P90 of ask to settled, seconds; the prior stands in for what was not yet seen."""
    missing = max(0, TRUSTED_COLD_STARTS - len(counts.cold_starts))
    values = sorted((*counts.cold_starts, *([prior] * missing)))
    return values[min(len(values) - 1, int(0.9 * len(values)))]


def hold_seconds(counts: Counts, policy: Policy, *, at: float) -> float:
    """How long a lower count must have sufficed before anything goes down (SEMANTICS §2).

    Twice as long after a step down that was taken back: load that comes in waves of a quarter of an
    hour would else be followed all day, each time a cold start late. Told the true load, that took
    five in six of the reversals and cost nothing (docs/policy-bench.md).
    """
    hold = max(
        policy.scale_down_hold_seconds, cold_start_seconds(counts, policy.cold_start_seconds)
    )
    regretted = counts.regretted_at
    return 2.0 * hold if regretted is not None and at - regretted < REGRET_SECONDS else hold


def is_reached(ask: Ask, observation: Observation) -> bool:
    """True if a read made after the ask shows its count, ready."""
    deployment = observation.deployment
    return (
        deployment.is_ready
        and deployment.replicas == ask.count
        and observation.read_at > ask.asked_at
    )


def open_ask(observation: Observation, policy: Policy) -> Ask | None:
    """Return the ask that counts as capacity to come; None if none is under way any more."""
    ask = observation.ask
    if ask is None or not ask.is_open or is_reached(ask, observation):
        return None
    overdue = observation.at - ask.asked_at >= policy.settle_deadline_seconds
    return None if overdue else ask


def followed(counts: Counts, observation: Observation, policy: Policy) -> Counts:
    """Take in one observation."""
    counts = _with_ask(counts, observation, policy)
    if observation.deployment.is_ready and observation.read_at > counts.ready_read_at:
        counts = _with_ready_read(counts, observation, policy)
    if counts.hand is not None and observation.at >= counts.hand.until:
        counts = replace(counts, hand=None)
    if counts.fell_from is not None and observation.at - counts.fell_at >= policy.hand_seconds:
        counts = replace(counts, fell_from=None)
    return counts


def _with_ask(counts: Counts, observation: Observation, policy: Policy) -> Counts:
    ask = observation.ask
    if ask is None:
        return counts
    known = counts.asks
    mark = AskMark(
        asked_at=ask.asked_at,
        count=ask.count,
        from_count=ask.from_count,
        refused=ask.outcome == "refused",
    )
    if not known or known[-1].asked_at != mark.asked_at:
        counts = replace(_asked(counts, mark, policy), asks=(*known, mark)[-KEPT_ASKS:])
    elif known[-1] != mark:
        counts = replace(counts, asks=(*known[:-1], mark))
    settled = ask.outcome == "settled" or (ask.is_open and is_reached(ask, observation))
    if settled and counts.settled_ask_at != ask.asked_at:
        at = observation.at if ask.closed_at is None else ask.closed_at
        counts = _settled(counts, mark, at)
    return counts


def _asked(counts: Counts, mark: AskMark, policy: Policy) -> Counts:
    at, before = mark.asked_at, counts.last_down_at
    if mark.count <= mark.from_count:
        return replace(counts, last_down_at=at)
    if before is not None and at - before <= hold_seconds(counts, policy, at=at):
        counts = replace(counts, regretted_at=at)
    return replace(counts, last_up_at=at)


def _settled(counts: Counts, mark: AskMark, at: float) -> Counts:
    starts = counts.cold_starts
    if mark.count > mark.from_count:
        starts = (*starts, at - mark.asked_at)[-KEPT_COLD_STARTS:]
    return replace(
        counts,
        asks=(mark,),
        settled_ask_at=mark.asked_at,
        settled_at=at,
        fell_from=None,
        cold_starts=starts,
    )


def _with_ready_read(counts: Counts, observation: Observation, policy: Policy) -> Counts:
    now, before = observation.deployment.replicas, counts.ready_count
    if before is not None and now != before:
        counts = replace(counts, settled_at=_later(counts.settled_at, observation.at))
        counts = (
            _risen(counts, now, observation.at, policy)
            if now > before
            else _fallen(counts, now, observation.at)
        )
    return replace(counts, ready_count=now, ready_read_at=observation.read_at)


def _risen(counts: Counts, now: int, at: float, policy: Policy) -> Counts:
    explained = [mark.count for mark in counts.asks if not mark.refused]
    explained += [counts.ready_count or 0, counts.fell_from or 0]
    if counts.hand is not None:
        explained.append(counts.hand.replicas)
    if now > max(explained):
        hand = Hand(replicas=now, since=at, until=at + policy.hand_seconds)
        return replace(counts, hand=hand, fell_from=None)
    if counts.fell_from is not None and now >= counts.fell_from:
        return replace(counts, fell_from=None)
    return counts


def _fallen(counts: Counts, now: int, at: float) -> Counts:
    if any(mark.count <= now for mark in counts.asks if not mark.refused):
        return counts
    fell_from = max(counts.fell_from or 0, counts.ready_count or 0)
    return replace(counts, fell_from=fell_from, fell_at=at)


def _later(first: float | None, second: float) -> float:
    return second if first is None else max(first, second)

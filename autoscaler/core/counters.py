"""The engine's own counters, where they can be read: requests counted instead of heard.

A reading is of one replica, whichever answered behind the balancer, or of all together (a query
that sums). Two readings of the same replica make a tally: the requests that it took in between, and
by how much its queue grew. Tallies of replicas pool into a rate per replica, as probes' streams do;
nothing is ever summed over replicas that were not seen.

What a counter cannot tell is no evidence, never no load: one that fell (the engine restarted), that
stands still while our own probes are answered, that is old, or that belongs to nobody knows whom
gives no tally, and then the estimate is that of the probes alone.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from autoscaler.core.model import Observation, Signal
from autoscaler.core.slope import ONE_SIDED, Slope
from autoscaler.core.words import Measure

LONGEST_TALLY_SECONDS = 240.0
"""Two readings of one replica further apart say nothing of now: behind a balancer over 8 replicas
the same one answers every two minutes.
"""
FRESH_SECONDS = 60.0
"""Age of the newest tally from which counters tell nothing: four readings."""
KEPT_SECONDS = 600.0
MOST_LEVELS, MOST_TALLIES = 32, 64
"""Bounds: replicas that are told apart, and tallies kept."""
LEAST_COVER = 0.5
"""Share of a window that tallies must cover."""
UNEVEN_RATIO = 0.2
"""Deviation of one replica's share of the requests from its fair one, for those not seen."""
STANDS_STILL = 3.0
"""Own probes that must have been counted before a counter that did not move is called frozen."""
MOST_TOLD = 1e12
"""No engine has taken in, or keeps waiting, more requests than this: such a reading is a fault or a
lie, and all that came with it is left out.
"""
LEAST_SERVED = 10.0
"""Requests below which the growth of a queue is compared with nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The newest reading of one replica, or of all together."""

    replica: str | None
    """None = all together."""
    at: float
    served: float | None
    """Requests taken into a batch since the engine began; None where only a rate is told."""
    waiting: float | None
    """Requests that wait; None = not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What happened at one replica, or at all together, between two readings."""

    replica: str | None
    at: float
    """Instant of the later reading."""
    seconds: float
    """Between the two."""
    replicas: int
    """Count that ran."""
    served: float
    grown: float | None
    """By how much the queue grew, requests; None = not told."""

    @property
    def weight(self) -> int:
        """Replicas that it speaks of."""
        return self.replicas if self.replica is None else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """The memory of readings: bounded."""

    levels: tuple[Level, ...] = ()
    """Newest last."""
    tallies: tuple[Tally, ...] = ()
    """Oldest first."""
    refused: str = ""
    """Why the newest reading gave nothing; empty if it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Other users' requests that came in one window."""

    events: float
    """Requests, our own probes left out."""
    served: float
    """Of those that came or waited already, the ones that were taken into a batch."""
    seconds: float
    """Replica-seconds in which they came."""
    rate: float
    """Requests a second, all replicas together."""
    sigma: float
    """Relative deviation of the rate: Poisson, and the replicas that were not seen."""


def followed(counters: Counters, observation: Observation) -> Counters:
    """Take in the readings of one observation."""
    if not observation.signals:
        return counters
    told: dict[str | None, dict[Measure, Signal]] = {}
    for signal in observation.signals:
        if signal.measure is None or signal.value is None:
            continue
        if not 0.0 <= signal.value <= MOST_TOLD:  # also not a number
            return replace(counters, refused=f"{signal.name} reads {signal.value:.3g}: no engine's")
        told.setdefault(signal.replica, {})[signal.measure] = signal
    for replica, signals in told.items():
        counters = _with(counters, replica, signals, replicas=observation.deployment.replicas)
    return counters


def _with(
    counters: Counters, replica: str | None, told: dict[Measure, Signal], *, replicas: int
) -> Counters:
    total, rate = told.get(Measure.REQUESTS_TOTAL), told.get(Measure.REQUESTS_PER_SECOND)
    counter = total or rate
    before = next((one for one in counters.levels if one.replica == replica), None)
    if counter is None or (before is not None and counter.at <= before.at):
        return counters
    if replica == "" and replicas > 1:
        return replace(counters, refused="a reading does not say which of the replicas it is of")
    waiting = told.get(Measure.WAITING)
    level = Level(
        replica=replica,
        at=counter.at,
        served=None if total is None else total.value,
        waiting=None if waiting is None else waiting.value,
    )
    others = tuple(one for one in counters.levels if one.replica != replica)
    counters = replace(counters, levels=(*others, level)[-MOST_LEVELS:])
    served = None if before is None else _served(before, level, rate)
    if before is None or served is None:
        because = "" if before is None else "the counter fell or stood too long: begun anew"
        return replace(counters, refused=because)
    grown = _grown(before, level)
    tally = Tally(
        replica=replica,
        at=level.at,
        seconds=level.at - before.at,
        replicas=max(1, replicas),
        served=served,
        grown=grown,
    )
    kept = tuple(one for one in counters.tallies if one.at > level.at - KEPT_SECONDS)
    return replace(counters, tallies=(*kept, tally)[-MOST_TALLIES:], refused="")


def _served(before: Level, now: Level, rate: Signal | None) -> float | None:
    """Requests between two readings; None where they tell none."""
    seconds = now.at - before.at
    if seconds > LONGEST_TALLY_SECONDS:
        return None
    if now.served is None:
        return None if rate is None or rate.value is None else max(0.0, rate.value) * seconds
    if before.served is None or now.served < before.served:
        return None
    return now.served - before.served


def _grown(before: Level, now: Level) -> float | None:
    if before.waiting is None or now.waiting is None:
        return None
    return now.waiting - before.waiting


def counted(
    counters: Counters, *, now: float, seconds: float, own_rate: float, replicas: int
) -> Counted | None:
    """Pool what was counted in the last `seconds`; None where that is no evidence.

    `own_rate`: probes a second that we sent ourselves, all replicas together. A tally that lies
    partly in the window counts with that part.
    """
    found = _within(counters, now=now, seconds=seconds)
    cover = sum(inside for _, inside in found)
    if not found or cover < LEAST_COVER * seconds:
        return None
    raw = own = events = served = listened = total = 0.0
    for tally, inside in found:
        part = (tally.served + (tally.grown or 0.0)) * inside / tally.seconds
        ours = own_rate * inside * tally.weight / tally.replicas
        raw, own = raw + part, own + ours
        events += max(0.0, part - ours)
        served += max(0.0, tally.served * inside / tally.seconds - ours)
        listened += inside * tally.weight
        total += max(0.0, part - ours) * tally.replicas / tally.weight
    if own >= STANDS_STILL and raw < 0.5 * own:
        return None  # it does not even count us: frozen, or somebody else's
    unseen = _unseen((tally for tally, _ in found), replicas)
    return Counted(
        events=events,
        served=served,
        seconds=listened,
        rate=total / cover,
        sigma=math.hypot(math.sqrt(events + 1.0) / (events + 0.5), unseen),
    )


def is_live(counters: Counters, now: float) -> bool:
    """True while readings go on to give tallies."""
    return bool(counters.tallies) and now - counters.tallies[-1].at <= FRESH_SECONDS


def _within(counters: Counters, *, now: float, seconds: float) -> list[tuple[Tally, float]]:
    """Return tallies with their seconds inside the window; those of all together where there are
    any, for they leave nobody out.
    """
    if not is_live(counters, now):
        return []
    since = now - seconds
    inside = [
        (one, one.at - max(since, one.at - one.seconds))
        for one in counters.tallies
        if one.at > since
    ]
    together = [pair for pair in inside if pair[0].replica is None]
    if together and now - together[-1][0].at <= FRESH_SECONDS:
        return together
    return [pair for pair in inside if pair[0].replica is not None]


def _unseen(tallies: Iterable[Tally], replicas: int) -> float:
    """Relative deviation that comes from replicas whose counter was not seen."""
    names = {tally.replica for tally in tallies}
    if None in names:
        return 0.0
    seen = min(replicas, len(names))
    return UNEVEN_RATIO * math.sqrt((1.0 - seen / max(1, replicas)) / seen)


def growth(counters: Counters, *, now: float, seconds: float) -> Slope | None:
    """Growth of the queues over what is served: the excess of demand, as the slope of TTFT is.

    A queue of W requests takes W / mu to serve, so TTFT grows by (dW/dt) / mu seconds a second.
    Worked: 3 more wait after a minute in which 60 were served: 0.05.
    """
    found = [
        (one.served, one.grown, inside / one.seconds)
        for one, inside in _within(counters, now=now, seconds=seconds)
        if one.grown is not None
    ]
    served = sum(value * share for value, _, share in found)
    if served < LEAST_SERVED:
        return None
    value = sum(grown * share for _, grown, share in found) / served
    half = ONE_SIDED * math.sqrt(1.0 + max(0.0, value)) / math.sqrt(served)
    return Slope(value=max(-1.0, value), low=max(-1.0, value - half), high=value + half)

"""Head-room that calibrates itself: the recorded past, replayed through the rules that matter.

Head-room is the one knob of first order (policy.md §3). Once a day the last week's need is replayed
at the present head-room and a step to either side: the count follows it by tolerance, cold start
and hold, as the policy does; the cheapest whose attainment reaches the goal wins. A step a day at
most, so that one odd day moves little (after Google's Autopilot).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from autoscaler.core.policy import Policy
from autoscaler.core.record import BIN_SECONDS, Record, whole
from autoscaler.core.staffing import staffed

STEP = 0.05
LEAST, MOST = 0.6, 1.0
"""Head-room beyond 1 would plan for a breach."""
DAY_SECONDS = 86_400.0
DAYS = 7
LEAST_BINS = 288
"""A day of seen bins before anything is moved."""
GOAL_MARGIN = 0.003
"""The replay must reach the goal by this much: it is kinder than the world."""
WORK_VARIANCE = 2.5
"""Variance of one request's work over its squared mean, plus 1: prompts and outputs are skewed."""
SLOT_SECONDS = 15.0
"""Attainment is judged in slots of 15 s (SEMANTICS §7); the record knows only five minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The memory of the calibration."""

    headroom: float | None = None
    """None = the policy's own until the first day is over."""
    at: float = 0.0
    """When it was last looked at."""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the replay needs to know of the policy."""

    tolerance: float
    hold_seconds: float
    cold_start_seconds: float
    attainment: float
    least: int
    most: int
    rate_per_need: float | None
    """Requests a second that one unit of need is; None = unknown: no scatter within a bin."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What one head-room would have brought."""

    attainment: float
    cost: float
    """Mean replicas."""


def in_force(calibration: Calibration, policy: Policy) -> float:
    """Head-room in force: calibrated where the policy lets it be."""
    found = calibration.headroom if policy.headroom_calibrates else None
    return policy.headroom_ratio if found is None else found


def calibrated(
    calibration: Calibration, record: Record, terms: Terms, *, given: float, at: float
) -> Calibration:
    """Look at the past once a day and move by a step at most."""
    if calibration.at == 0.0:
        return Calibration(at=at)
    if at - calibration.at < DAY_SECONDS:
        return calibration
    number = record.first + record.size
    past = [(mean, peak) for _, mean, peak in record.bins(number - DAYS * 288)]
    now = calibration.headroom if calibration.headroom is not None else given
    if len(past) < LEAST_BINS:
        return Calibration(headroom=calibration.headroom, at=at, because="less than a day seen")
    tried = {
        ratio: replayed(past, terms, ratio)
        for ratio in (now - STEP, now, now + STEP)
        if LEAST - 1e-9 <= ratio <= MOST + 1e-9
    }
    goal = min(0.9999, terms.attainment + GOAL_MARGIN)
    good = [ratio for ratio, one in tried.items() if one.attainment >= goal]
    chosen = min(good, key=lambda ratio: tried[ratio].cost) if good else min(tried)
    one = tried[chosen]
    because = (
        f"the last {len(past) / 288:.1f} days at {chosen:.2f} would have attained"
        f" {one.attainment:.2%} with {one.cost:.2f} replicas"
    )
    return Calibration(headroom=round(chosen, 4), at=at, because=because)


def replayed(past: Sequence[tuple[float, float]], terms: Terms, headroom: float) -> Replayed:
    """Let the count follow the recorded need at this head-room."""
    count, asked, cold = terms.least, 0, 0
    delay = max(1, round(terms.cold_start_seconds / BIN_SECONDS))
    hold = max(1, round(terms.hold_seconds / BIN_SECONDS))
    wants: list[int] = []
    served = traffic = cost = 0.0
    for mean, peak in past:
        if asked and cold <= 0:
            count, asked = asked, 0
        cold -= 1
        wants = [*wants[-hold + 1 :], whole(staffed(mean, headroom))]
        base = asked or count
        wanted = staffed(peak, headroom)
        if wanted > base * (1.0 + terms.tolerance) and base < terms.most:
            asked, cold = min(terms.most, whole(wanted)), delay
        elif not asked:
            count = max(terms.least, min(count, max(wants)))
        served += mean * _met(mean, count, terms)
        traffic += mean
        cost += max(count, asked)
    return Replayed(attainment=served / max(traffic, 1e-9), cost=cost / len(past))


def _met(need: float, count: int, terms: Terms) -> float:
    """Share of a bin's slots in which `count` suffices, given the scatter of arrivals."""
    if terms.rate_per_need is None or need <= 0.0:
        return 1.0 if need <= count else 0.0
    requests = need * terms.rate_per_need * SLOT_SECONDS
    scatter = need * math.sqrt(WORK_VARIANCE / max(requests, 1e-9))
    return 0.5 * math.erfc((need - count) / (scatter * math.sqrt(2.0)))

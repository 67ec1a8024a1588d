"""The rules between recommendation and bounds: when a wish may become a target.

Each takes the case and the count so far and returns a Step. None of them remembers anything and
none reads a clock.
"""

from autoscaler.core.case import Case, passed
from autoscaler.core.model import Step
from autoscaler.core.recommend import is_live
from autoscaler.core.record import whole
from autoscaler.core.words import Reason

CONSOLIDATION_RATIO = 1.0
"""Predicted latency after going down, at the upper end of the load, against its objective."""
UNTRUSTED_RATIO = 0.9
"""The same without a trusted alpha: the prediction itself is in doubt (Dynamo takes 0.8)."""
LEAST_DOWN_SAMPLES = 6
"""Successful probes in the stable window below which nothing goes down: half of what is due."""
MOST_DOWN_FAILURES = 0.2
"""Share of failed probes in the stable window above which nothing goes down."""


def tolerance(case: Case, count: int) -> Step:
    """Drop an increase that is within the tolerance, and the last replica of one that is."""
    if count <= case.base:
        return passed("tolerance", count, "no increase")
    width = case.tolerance
    ratio = 1.0 + width
    wanted = max(
        (one.count if one.need is None else whole(one.need / ratio) for one in case.proposals),
        default=case.base,
    )
    after = min(count, max(case.base, wanted))
    if after == count:
        return passed("tolerance", count, "beyond the tolerance")
    because = f"within {width:.0%} of what {after} carries"
    reason = Reason.WITHIN_TOLERANCE if after == case.base else None
    return Step(rule="tolerance", before=count, after=after, because=because, reason=reason)


def pending(case: Case, count: int) -> Step:
    """While an ask is under way only a larger count, and only if even the least load exceeds it."""
    if case.ask is None or count == case.base:
        return passed("pending", count, "nothing else is under way")
    estimate = case.estimate
    if count < case.base:
        because = f"nothing goes down until {case.base} are ready and settled"
        return _back(case, count, rule="pending", why=(Reason.PENDING, because))
    low, capacity = estimate.load_low, estimate.capacity_per_replica
    if low is not None and capacity is not None and low > case.base * capacity:
        because = f"at least {low:.2f} of load is more than the {case.base} asked for will carry"
        return passed("pending", count, because)
    because = f"{case.base} are coming, and they may suffice"
    return _back(case, count, rule="pending", why=(Reason.PENDING, because))


def trust(case: Case, count: int) -> Step:
    """Go down only on trusted, complete evidence and only where the prediction holds."""
    if count >= case.base:
        return passed("trust", count, "nothing goes down")
    shut = _shut(case)
    if shut is not None:
        return _back(case, count, rule="trust", why=shut)
    if not case.is_trusted:
        return _untrusted(case, count)
    after = count
    while after < case.base and not _carries(case, after):
        after += 1
    if after == count:
        return passed("trust", count, f"even the most load leaves {count} within the objectives")
    because = f"{after - 1} would break the objectives at the upper end of the load"
    reason = Reason.DOWN_REFUSED_CONSOLIDATION if after == case.base else None
    return Step(rule="trust", before=count, after=after, because=because, reason=reason)


def _shut(case: Case) -> tuple[Reason, str] | None:
    """Why nothing may go down now, whatever the prediction; None if it may."""
    until = case.gate.settling_until
    if until is not None:
        return Reason.SETTLING, f"settling for another {until - case.at:.0f} s"
    if case.estimate.overloaded:
        return Reason.DOWN_REFUSED_CONSOLIDATION, "users queue"
    missing = _missing(case)
    return (Reason.DOWN_VETOED_MISSING_DATA, missing) if missing else None


def _back(case: Case, count: int, *, rule: str, why: tuple[Reason, str]) -> Step:
    """Back to what is coming."""
    return Step(rule=rule, before=count, after=case.base, because=why[1], reason=why[0])


def _missing(case: Case) -> str:
    for one in case.observation.signals:
        if one.target and not is_live(one, case):
            return f"the signal {one.name} has no fresh value"
    if case.samples < LEAST_DOWN_SAMPLES:
        return f"only {case.samples} probes answered lately"
    if case.failures > MOST_DOWN_FAILURES * (case.samples + case.failures):
        return f"{case.failures} of the last probes failed"
    return ""


def _untrusted(case: Case, count: int) -> Step:
    """Without a trusted alpha: one at a time, with a written ITL objective, while it has room."""
    written = case.policy.slo.itl_seconds
    if written is None:
        because = f"alpha is {case.estimate.alpha_because}: without it the load may be anything"
        return _back(case, count, rule="trust", why=(Reason.DOWN_UNTRUSTED, because))
    if case.last_down_at is not None and case.at - case.last_down_at < case.hold_seconds:
        because = "alpha is not trusted: the last step down is not yet a hold ago"
        return _back(case, count, rule="trust", why=(Reason.DOWN_HELD, because))
    after = case.base - 1
    itl = (case.estimate.itl_seconds or written) * case.base / max(1, after)
    if after < 1 or itl > UNTRUSTED_RATIO * written or not _carries(case, after):
        because = f"alpha is {case.estimate.alpha_because}, and {after} leave the objective no room"
        return _back(case, count, rule="trust", why=(Reason.DOWN_UNTRUSTED, because))
    because = "alpha is not trusted: one at a time, each step checked"
    return Step(rule="trust", before=count, after=max(count, after), because=because)


def _carries(case: Case, count: int) -> bool:
    high, line = case.estimate.load_high, case.line
    if high is None or line is None:
        return False
    rho, wanted = high / count, line.objectives
    room = CONSOLIDATION_RATIO if case.is_trusted else UNTRUSTED_RATIO
    if rho >= 1.0:
        return False
    ttft = line.ttft(rho)
    return (wanted.itl is None or line.itl(rho) <= room * wanted.itl) and (
        wanted.ttft is None or ttft is None or ttft <= room * wanted.ttft
    )


def stabilisation(case: Case, count: int) -> Step:
    """Go down only to the largest count wanted within the hold (ski rental: policy.md §6.1)."""
    if count >= case.base:
        return passed("stabilisation", count, "nothing goes down")
    after = max(count, min(case.base, case.held_highest))
    if after == count:
        because = f"nothing more was wanted for {case.hold_seconds:.0f} s"
        return passed("stabilisation", count, because)
    because = f"{after} were wanted within the last {case.hold_seconds:.0f} s"
    reason = Reason.DOWN_HELD if after == case.base else None
    return Step(rule="stabilisation", before=count, after=after, because=because, reason=reason)


def cooldown(case: Case, count: int) -> Step:
    """Wait between increases, where the user wants that; never for overload or an undo."""
    seconds = case.policy.scale_up_cooldown_seconds
    if count <= case.base or case.last_up_at is None or seconds <= 0.0 or _is_urgent(case, count):
        return passed("cooldown", count, "no cooldown")
    left = case.last_up_at + seconds - case.at
    if left <= 0.0:
        return passed("cooldown", count, "the cooldown is over")
    because = f"the cooldown lasts another {left:.0f} s"
    return _back(case, count, rule="cooldown", why=(Reason.UP_COOLDOWN, because))


def _is_urgent(case: Case, count: int) -> bool:
    return any(one.urgent and one.count >= min(count, case.base + 1) for one in case.proposals)


def budget(case: Case, count: int) -> Step:
    """Refuse increases beyond the hourly cap and an enforced monthly pace; lower nothing."""
    price = case.observation.price_per_replica_hour
    if count <= case.base or not price:
        return passed("budget", count, "no increase" if price else "no price known")
    room, because = _room(case, price)
    if room is None or count <= room:
        return passed("budget", count, "within the budget")
    exempt = max(case.base, case.policy.min_replicas or 0, case.fell_from or 0, case.undo_to or 0)
    after = min(count, max(room, exempt))
    if after == count:
        return passed("budget", count, "a return to what was there is not refused")
    reason = Reason.CAPPED_BUDGET
    return Step(rule="budget", before=count, after=after, because=because, reason=reason)


def _room(case: Case, price: float) -> tuple[int | None, str]:
    """Largest count the money allows, and why; None = no limit."""
    policy, seen = case.policy, case.observation
    limits: list[tuple[int, str]] = []
    if policy.max_cost_per_hour is not None:
        count = int(policy.max_cost_per_hour / price + 1e-9)
        limits.append((count, f"{policy.max_cost_per_hour:.2f} an hour pay for {count}"))
    if (
        policy.budget_enforce
        and policy.monthly_budget is not None
        and seen.month_spend is not None
        and seen.month_left_hours
    ):
        pace = max(0.0, policy.monthly_budget - seen.month_spend) / seen.month_left_hours
        count = int(pace / price + 1e-9)
        limits.append((count, f"what is left of the month pays {pace:.2f} an hour: {count}"))
    return min(limits) if limits else (None, "")

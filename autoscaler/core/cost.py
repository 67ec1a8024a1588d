"""The ledger over time: what the platform bills, integrated from what was observed.

Cost of an interval = GPUs per replica x billed replicas x price per GPU-hour x seconds / 3600. An
interval is cut where something is known to have changed inside it: the platform's own `updated_at`,
the instant of our ask, a price's date of validity, UTC midnight. A gap in observation is filled
with what both of its ends prove, the smaller of the two rates, and is marked as estimated; what
replicas cost while they come and go is settled afterwards (`passage`).
"""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from autoscaler.core.billing import HOUR, Rate, Terms, day_of, hours_left, month_of, seconds_between
from autoscaler.core.charging import Day, Ledger, hold, mark, price_late, price_of
from autoscaler.core.snapshot import CostView
from autoscaler.core.uptime import split_days

_GRAIN = Decimal("0.0000000001")


def advance(
    ledger: Ledger,
    rate: Rate,
    *,
    at: float,
    terms: Terms,
    changed_at: float | None = None,
) -> Ledger:
    """Return the ledger charged up to `at`, from where on `rate` holds.

    `changed_at` is the instant since which it has held; None or outside the interval = `at`.
    """
    ledger = price_late(ledger, terms=terms)
    before = ledger.rate
    begun = replace(
        ledger,
        at=at if ledger.at is None else max(at, ledger.at),
        rate=rate,
        began_at=at if ledger.began_at is None else ledger.began_at,
        peak_replicas=max(ledger.peak_replicas, rate.replicas, rate.most or 0),
    )
    if ledger.at is None or before is None or at <= ledger.at:
        return begun
    change = changed_at if changed_at is not None and ledger.at <= changed_at < at else at
    if change > ledger.at:
        fill = _fill_gap if at - ledger.at > terms.max_gap_seconds else _fill_observed
        begun = fill(begun, (before, rate), start=ledger.at, end=change, terms=terms)
    return hold(begun, rate, start=change, end=at, terms=terms)


def doubt_price(ledger: Ledger, change: Decimal, *, start: float, end: float) -> Ledger:
    """Mark that a price per GPU-hour changed by `change` at an unknown instant in [start, end),
    which is charged at the old one: at most the peak count cost as much more or less.
    """
    begin = max(start, ledger.began_at or end)
    if ledger.rate is None or begin >= end:
        return ledger
    gpus = ledger.peak_replicas * ledger.rate.gpus
    doubt = (abs(change) * gpus * seconds_between(begin, end) / HOUR).quantize(_GRAIN)
    return mark(ledger, start=begin, end=end, filled=Decimal(0), uncertain=doubt)


def close(ledger: Ledger, *, at: float, terms: Terms) -> Ledger:
    """Return the ledger of a deployment found gone `at`: charged up to there, if observed."""
    if ledger.rate is None or ledger.at is None:
        return ledger
    gone = replace(ledger.rate, replicas=0, ready=False, most=None)
    return advance(ledger, gone, at=at, terms=terms)


def view(ledger: Ledger, *, at: float, terms: Terms) -> CostView | None:
    """Return what the snapshot shows; None while the price is unknown."""
    price = terms.at(at)
    if price is None:
        return None
    per_hour = _per_hour(ledger.rate, price)
    month = month_of(at)
    return CostView(
        currency=terms.currency,
        per_hour=per_hour,
        total=ledger.total,
        today=ledger.days.get(day_of(at), Day()).cost,
        month_to_date=month_cost(ledger, month),
        forecast_month_end=month_cost(ledger, month) + per_hour * hours_left(at),
        avoided_against_max=ledger.avoided,
        while_not_ready=ledger.not_ready,
        gpu_seconds=ledger.gpu_seconds,
        price_per_gpu_hour=price,
        avoided_against_static=_avoided_static(ledger, price),
        estimated=any(d.estimated for k, d in ledger.days.items() if k.startswith(month)),
    )


def fleet(views: Iterable[CostView]) -> CostView | None:
    """Return the sum over deployments; None if no price is known."""
    known = list(views)
    if not known:
        return None
    return CostView(
        currency=known[0].currency,
        per_hour=sum((v.per_hour for v in known), Decimal(0)),
        total=sum((v.total for v in known), Decimal(0)),
        today=sum((v.today for v in known), Decimal(0)),
        month_to_date=sum((v.month_to_date for v in known), Decimal(0)),
        forecast_month_end=sum((v.forecast_month_end for v in known), Decimal(0)),
        avoided_against_max=sum((v.avoided_against_max for v in known), Decimal(0)),
        while_not_ready=sum((v.while_not_ready for v in known), Decimal(0)),
        gpu_seconds=sum((v.gpu_seconds for v in known), Decimal(0)),
        price_per_gpu_hour=Decimal(0),
        avoided_against_static=sum((v.avoided_against_static for v in known), Decimal(0)),
        estimated=any(v.estimated for v in known),
    )


def month_cost(ledger: Ledger, month: str) -> Decimal:
    """Return the money of one month (YYYY-MM, UTC)."""
    return sum((d.cost for k, d in ledger.days.items() if k.startswith(month)), Decimal(0))


def _per_hour(rate: Rate | None, price: Decimal) -> Decimal:
    """Return what may be billed now: until an ask is settled, the larger of current and asked."""
    if rate is None:
        return Decimal(0)
    return price * rate.gpus * (rate.replicas if rate.most is None else rate.most)


def _fill_observed(
    ledger: Ledger, rates: tuple[Rate, Rate], *, start: float, end: float, terms: Terms
) -> Ledger:
    """Charge what was seen at the start. Replicas that came or went between two looks at rest
    did so at an instant that nobody saw.
    """
    before, after = rates
    held = hold(ledger, before, start=start, end=end, terms=terms)
    moved = abs(before.replicas - after.replicas)
    if not moved or before.most is not None or after.most is not None:
        return held
    doubt = price_of(before, moved, start=start, end=end, terms=terms)
    spent = held.total - ledger.total
    return mark(held, start=start, end=end, filled=spent, uncertain=doubt)


def _fill_gap(
    ledger: Ledger, rates: tuple[Rate, Rate], *, start: float, end: float, terms: Terms
) -> Ledger:
    """Charge a gap with the smaller of its two ends and mark it. In a passage the doubt stays open
    until that is over.
    """
    before, after = rates
    low = min(before, after, key=lambda rate: rate.replicas * rate.gpus)
    most = max(rate.replicas if rate.most is None else rate.most for rate in rates)
    passing = before.most is not None
    held = hold(
        ledger, replace(low, most=most if passing else None), start=start, end=end, terms=terms
    )
    spare = 0 if passing else most - low.replicas
    gpus = max(before.gpus, after.gpus)
    doubt = price_of(replace(low, gpus=gpus), spare, start=start, end=end, terms=terms)
    days = dict(held.days)
    for day, _ in split_days(start, end):
        days[day] = replace(days.get(day, Day()), estimated=True)
    spent = held.total - ledger.total
    return mark(replace(held, days=days), start=start, end=end, filled=spent, uncertain=doubt)


def _avoided_static(ledger: Ledger, price: Decimal) -> Decimal:
    """Return what a fleet fixed at the largest count ever used would have cost more, at today's
    price.
    """
    if ledger.began_at is None or ledger.at is None or ledger.rate is None:
        return Decimal(0)
    static = seconds_between(ledger.began_at, ledger.at) * ledger.peak_replicas
    spare = max(Decimal(0), static - ledger.replica_seconds)
    return (spare * ledger.rate.gpus * price / HOUR).quantize(_GRAIN)

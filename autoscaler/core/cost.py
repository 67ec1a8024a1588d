"""The ledger: what the platform bills, integrated from what was observed, in decimal money.

Cost of an interval = GPUs per replica x billed replicas x price per GPU-hour x seconds / 3600.
Billed replicas are the larger of current and asked while an ask is open, because the platform bills
from the start of provisioning. An interval is cut where something is known to have changed inside
it: the platform's own `updated_at`, the instant of our ask, a price's date of validity, UTC
midnight. A gap in observation is filled with what both of its ends prove, the smaller of the two
rates, and is marked as estimated.

Example: 2 GPUs x 3 replicas x 192.48 INR x 15 s / 3600 = 4.812 INR.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise

from autoscaler.core.billing import HOUR, Rate, Terms, day_of, hours_left, month_of, seconds_between
from autoscaler.core.snapshot import CostView
from autoscaler.core.uptime import split_days

DAYS_KEPT = 400
"""Days of history per deployment: a year, and the month before it whole."""

GAPS_KEPT = 100
"""Marked gaps kept as an explanation of differences to the invoice."""

_GRAIN = Decimal("0.0000000001")
"""Amounts are kept to ten decimals, so that a month of ticks adds up exactly and stays short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch that nobody observed and that was filled."""

    start: float
    end: float
    filled: Decimal
    """Money counted for it: what both ends prove."""
    uncertain: Decimal
    """Money more that the larger end would have cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One UTC day of one deployment."""

    cost: Decimal = Decimal(0)
    gpu_seconds: Decimal = Decimal(0)
    not_ready: Decimal = Decimal(0)
    avoided: Decimal = Decimal(0)
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The account of one deployment. Plain data; survives a JSON round trip."""

    total: Decimal = Decimal(0)
    gpu_seconds: Decimal = Decimal(0)
    not_ready: Decimal = Decimal(0)
    avoided: Decimal = Decimal(0)
    peak_replicas: int = 0
    """Largest billed count ever, for what a static fleet would cost."""
    replica_seconds: Decimal = Decimal(0)
    began_at: float | None = None
    days: Mapping[str, Day] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    at: float | None = None
    """Instant up to which the account is complete; None = not begun."""
    rate: Rate | None = None


def advance(
    ledger: Ledger,
    rate: Rate,
    *,
    at: float,
    terms: Terms,
    changed_at: float | None = None,
) -> Ledger:
    """Return the ledger charged up to `at`, from where on `rate` holds.

    `changed_at` is the instant that the platform gives for its last change, or at which our ask
    left; None if unknown.
    """
    before = ledger.rate
    begun = replace(
        ledger,
        at=at if ledger.at is None else max(at, ledger.at),
        rate=rate,
        began_at=at if ledger.began_at is None else ledger.began_at,
        peak_replicas=max(ledger.peak_replicas, rate.replicas),
    )
    if ledger.at is None or before is None or at <= ledger.at:
        return begun
    if at - ledger.at > terms.max_gap_seconds:
        return _fill_gap(begun, (before, rate), start=ledger.at, end=at, terms=terms)
    change = changed_at if changed_at is not None and ledger.at < changed_at < at else at
    charged = _charge(begun, before, start=ledger.at, end=change, terms=terms)
    return _charge(charged, rate, start=change, end=at, terms=terms)


def close(ledger: Ledger, *, at: float, terms: Terms) -> Ledger:
    """Return the ledger of a deployment found gone `at`: charged up to there, if observed."""
    if ledger.rate is None or ledger.at is None:
        return ledger
    gone = replace(ledger.rate, replicas=0, ready=False)
    if at - ledger.at > terms.max_gap_seconds:
        return advance(ledger, gone, at=at, terms=terms)
    charged = _charge(ledger, ledger.rate, start=ledger.at, end=at, terms=terms)
    return replace(charged, at=at, rate=gone)


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
    return price * rate.gpus * rate.replicas if rate is not None else Decimal(0)


def _charge(ledger: Ledger, rate: Rate, *, start: float, end: float, terms: Terms) -> Ledger:
    """Charge [start, end) at one rate, cut at midnights and at the dates of prices."""
    if end <= start:
        return ledger
    dates = (p.valid_from for p in terms.prices if start < p.valid_from < end)
    cuts = sorted({start, end, *dates})
    for left, right in pairwise(cuts):
        price = terms.at(left)
        moment = left
        for day, seconds in split_days(left, right):
            length = seconds_between(moment, moment + seconds)
            ledger = _charge_day(ledger, rate, day=day, seconds=length, price=price)
            moment += seconds
    return ledger


def _charge_day(
    ledger: Ledger, rate: Rate, *, day: str, seconds: Decimal, price: Decimal | None
) -> Ledger:
    gpu_seconds = seconds * rate.gpus * rate.replicas
    per_replica = (Decimal(0) if price is None else price) * rate.gpus * seconds / HOUR
    cost = (per_replica * rate.replicas).quantize(_GRAIN)
    saved = max(0, (rate.max_replicas or 0) - rate.replicas) if rate.replicas else 0
    avoided = (per_replica * saved).quantize(_GRAIN)
    not_ready = Decimal(0) if rate.ready else cost
    old = ledger.days.get(day, Day())
    days = dict(ledger.days)
    days[day] = Day(
        cost=old.cost + cost,
        gpu_seconds=old.gpu_seconds + gpu_seconds,
        not_ready=old.not_ready + not_ready,
        avoided=old.avoided + avoided,
        estimated=old.estimated,
    )
    if len(days) > DAYS_KEPT:
        del days[min(days)]
    return replace(
        ledger,
        total=ledger.total + cost,
        gpu_seconds=ledger.gpu_seconds + gpu_seconds,
        replica_seconds=ledger.replica_seconds + seconds * rate.replicas,
        not_ready=ledger.not_ready + not_ready,
        avoided=ledger.avoided + avoided,
        days=days,
    )


def _fill_gap(
    ledger: Ledger, rates: tuple[Rate, Rate], *, start: float, end: float, terms: Terms
) -> Ledger:
    """Charge a gap with the smaller of its two ends and mark it."""
    low, high = sorted(rates, key=lambda rate: rate.replicas * rate.gpus)
    filled = _charge(ledger, low, start=start, end=end, terms=terms)
    most = _charge(ledger, high, start=start, end=end, terms=terms)
    days = dict(filled.days)
    for day, _ in split_days(start, end):
        days[day] = replace(days[day], estimated=True)
    gap = Gap(
        start=start,
        end=end,
        filled=filled.total - ledger.total,
        uncertain=most.total - filled.total,
    )
    return replace(filled, days=days, gaps=(*filled.gaps, gap)[-GAPS_KEPT:])


def _avoided_static(ledger: Ledger, price: Decimal) -> Decimal:
    """Return what a fleet fixed at the largest count ever used would have cost more, at today's
    price.
    """
    if ledger.began_at is None or ledger.at is None or ledger.rate is None:
        return Decimal(0)
    static = seconds_between(ledger.began_at, ledger.at) * ledger.peak_replicas
    spare = max(Decimal(0), static - ledger.replica_seconds)
    return (spare * ledger.rate.gpus * price / HOUR).quantize(_GRAIN)

"""The ledger itself: money per day, marked gaps, and stretches whose bill is not known yet.

Charging is decimal arithmetic on plain data. Every stretch is charged at least what is proven;
what it may have cost beyond that is either settled later (`Stretch`) or marked (`Gap.uncertain`),
so that the difference to the platform's invoice is never larger than `Ledger.uncertain`.

Example: 2 GPUs x 3 replicas x 192.48 INR x 15 s / 3600 = 4.812 INR.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise

from autoscaler.core.billing import HOUR, Rate, Terms, seconds_between
from autoscaler.core.uptime import split_days

DAYS_KEPT = 400
"""Days of history per deployment: a year, and the month before it whole."""

GAPS_KEPT = 100
"""Marked gaps kept one by one; the sum of their doubt is kept for ever."""

UNPRICED_KEPT = 100
"""Charges kept until a price is known; steady ones are one. The oldest of more stay without."""

_GRAIN = Decimal("0.0000000001")
"""Amounts are kept to ten decimals, so that a month of ticks adds up exactly and stays short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch whose bill no look proves: nobody observed it, or replicas started or drained."""

    start: float
    end: float
    filled: Decimal
    """Money counted for it: what both ends prove."""
    uncertain: Decimal
    """Largest possible error of `filled`, in money, either way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A time that was charged at what is proven and may have cost more: replicas were starting,
    draining, missing or asked for. Settled when the deployment is at rest again.
    """

    start: float
    end: float
    rate: Rate
    """What was charged; its `most` is what may have been billed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpriced:
    """A charge, or one taken back, of a time whose price was not known: its GPUs are counted, its
    money is once a price for that time comes to be known.
    """

    start: float
    end: float
    rate: Rate
    sign: int = 1
    """1, or -1 for a charge that was taken back."""


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
    """The newest ones."""
    at: float | None = None
    """Instant up to which the account is complete; None = not begun."""
    rate: Rate | None = None
    changed_at: float | None = None
    """What the platform gave for its last change at the last look; None = nothing yet."""
    at_rest: int | None = None
    """Replicas when the deployment was last seen at rest; None = not yet, or not known."""
    unsettled: tuple[Stretch, ...] = ()
    """What was charged since then and may have cost more, oldest first."""
    uncertain: Decimal = Decimal(0)
    """Largest possible difference to the invoice, in money: the doubt of all gaps ever."""
    unpriced: tuple[Unpriced, ...] = ()
    """What was charged without a price, oldest first."""


def charge(ledger: Ledger, rate: Rate, *, start: float, end: float, terms: Terms) -> Ledger:
    """Charge [start, end) at one rate, cut at midnights and at the dates of prices."""
    return _charge(ledger, (1, rate), start=start, end=end, terms=terms)


def price_late(ledger: Ledger, *, terms: Terms) -> Ledger:
    """Charge the money of times whose price was not known then and is now."""
    late = [entry for entry in ledger.unpriced if terms.at(entry.start) is not None]
    if not late:
        return ledger
    left = tuple(entry for entry in ledger.unpriced if entry not in late)
    for entry in late:
        start, end, rate = entry.start, entry.end, entry.rate
        ledger = _charge(ledger, (-entry.sign, rate), start=start, end=end, terms=Terms())
        ledger = _charge(ledger, (entry.sign, rate), start=start, end=end, terms=terms)
    return replace(ledger, unpriced=left)


def _charge(
    ledger: Ledger, signed: tuple[int, Rate], *, start: float, end: float, terms: Terms
) -> Ledger:
    """Charge [start, end), or, at a sign of -1, take the charge back."""
    sign, rate = signed
    if end <= start:
        return ledger
    dates = (p.valid_from for p in terms.prices if start < p.valid_from < end)
    cuts = sorted({start, end, *dates})
    for left, right in pairwise(cuts):
        price = terms.at(left)
        if price is None:
            entry = Unpriced(start=left, end=right, rate=rate, sign=sign)
            ledger = replace(ledger, unpriced=_with(ledger.unpriced, entry))
        moment = left
        for day, seconds in split_days(left, right):
            length = sign * seconds_between(moment, moment + seconds)
            ledger = _charge_day(ledger, rate, day=day, seconds=length, price=price)
            moment += seconds
    return ledger


def _with(kept: tuple[Unpriced, ...], entry: Unpriced) -> tuple[Unpriced, ...]:
    """Add an entry; one that only goes on makes the last one longer."""
    last = kept[-1] if kept else None
    if last is None or (last.end, last.rate, last.sign) != (entry.start, entry.rate, entry.sign):
        return (*kept, entry)[-UNPRICED_KEPT:]
    return (*kept[:-1], replace(last, end=entry.end))


def hold(ledger: Ledger, rate: Rate, *, start: float, end: float, terms: Terms) -> Ledger:
    """Charge [start, end) at what a rate proves, and remember what it may have cost beyond."""
    if end <= start:
        return ledger
    charged = charge(ledger, rate, start=start, end=end, terms=terms)
    if rate.most is None:
        return charged
    last = ledger.unsettled[-1] if ledger.unsettled else None
    if last is not None and last.rate == rate and last.end == start:
        return replace(charged, unsettled=(*ledger.unsettled[:-1], replace(last, end=end)))
    return replace(charged, unsettled=(*ledger.unsettled, Stretch(start=start, end=end, rate=rate)))


def correct(ledger: Ledger, stretch: Stretch, replicas: int, *, terms: Terms) -> Ledger:
    """Charge a stretch at another count than it was charged at."""
    if replicas == stretch.rate.replicas:
        return ledger
    start, end = stretch.start, stretch.end
    anew = replace(stretch.rate, replicas=replicas)
    ledger = _charge(ledger, (-1, stretch.rate), start=start, end=end, terms=terms)
    return charge(ledger, anew, start=start, end=end, terms=terms)


def mark(
    ledger: Ledger, *, start: float, end: float, filled: Decimal, uncertain: Decimal
) -> Ledger:
    """Mark [start, end) as filled, with the doubt that this leaves."""
    gap = Gap(start=start, end=end, filled=filled, uncertain=uncertain)
    return replace(
        ledger,
        gaps=(*ledger.gaps, gap)[-GAPS_KEPT:],
        uncertain=ledger.uncertain + uncertain,
    )


def price_of(rate: Rate, replicas: int, *, start: float, end: float, terms: Terms) -> Decimal:
    """Return what `replicas` cost over [start, end)."""
    return charge(
        Ledger(), replace(rate, replicas=replicas), start=start, end=end, terms=terms
    ).total


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

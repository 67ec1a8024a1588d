"""What is billed, at which price, and in which day and month: the terms of the ledger.

Which counts are billed is told by `passage`. Days and months are UTC.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

HOUR = Decimal(3600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A price per GPU-hour and the instant from which it holds."""

    amount: Decimal
    valid_from: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms one deployment is billed."""

    prices: tuple[Price, ...] = ()
    """Prices over time, oldest first. Empty = unknown."""
    currency: str = "USD"
    """ISO 4217; one per daemon."""
    max_gap_seconds: float = 60.0
    """Longest time between two looks that still counts as observed: four polls."""

    def at(self, instant: float) -> Decimal | None:
        """Return the price that holds at an instant; None if none does."""
        held = [p.amount for p in self.prices if p.valid_from <= instant]
        return held[-1] if held else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What is billed from one instant on."""

    replicas: int
    """Billed replicas, as far as proven; 0 in a status that is not billed."""
    gpus: int
    """GPUs per replica."""
    ready: bool
    max_replicas: int | None
    """The policy's max, for what autoscaling avoided; None = no max."""
    most: int | None = None
    """Replicas that may be billed while some start, drain, are missing or asked for, never fewer
    than `replicas`; None = the deployment is at rest, `replicas` is all.
    """


def day_of(at: float) -> str:
    """Return the UTC day of an instant, YYYY-MM-DD."""
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%d")


def month_of(at: float) -> str:
    """Return the UTC month of an instant, YYYY-MM."""
    return day_of(at)[:7]


def hours_left(at: float) -> Decimal:
    """Return the hours left in the UTC month of an instant."""
    moment = datetime.fromtimestamp(at, tz=UTC)
    year, month = divmod(moment.year * 12 + moment.month, 12)
    end = datetime(year, month + 1, 1, tzinfo=UTC)
    return seconds_between(at, end.timestamp()) / HOUR


def seconds_between(start: float, end: float) -> Decimal:
    """Return `end - start` in decimal seconds, exact to the microsecond."""
    return Decimal(round((end - start) * 1_000_000)) / 1_000_000

"""Prices and budgets. One currency per daemon: the inventory's (USD), unless written here."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Annotated

from pydantic import BeforeValidator, Field

from autoscaler.core.words import Status
from autoscaler.settings.scaling import TimeZone
from autoscaler.settings.section import Section
from autoscaler.settings.units import Money, Ratio


class PriceSettings(Section):
    """One price and the days on which it is valid."""

    price: Money
    """Price of one GPU for one hour."""
    since: date | None = None
    """First day (UTC) on which it is valid. None = ever since."""
    until: date | None = None
    """First day (UTC) on which it is no longer valid. None = until further notice."""

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """A price is valid for some time."""
        if self.since is not None and self.until is not None and self.until <= self.since:
            yield "until", f"({self.until}) must be after since ({self.since})"

    @property
    def since_at(self) -> float | None:
        """First instant of its validity; None = ever since."""
        return _midnight(self.since)

    @property
    def until_at(self) -> float | None:
        """First instant after its validity; None = until further notice."""
        return _midnight(self.until)


def _midnight(day: date | None) -> float | None:
    if day is None:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _as_list(value: object) -> object:
    """A bare number is a price that is always valid."""
    if isinstance(value, list | tuple):
        return value
    return [value] if isinstance(value, dict | PriceSettings) else [{"price": value}]


PriceList = Annotated[tuple[PriceSettings, ...], BeforeValidator(_as_list), Field(min_length=1)]
"""One number, or several prices with the days on which each is valid."""


class PricesSettings(Section):
    """Prices of GPUs. Where the inventory tells them, nothing need be written here."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    """Currency as in ISO 4217, such as `INR`. None = the inventory's (USD). Where it differs from
    the inventory's, the inventory's prices are not used at all.
    """
    per_gpu_hour: Mapping[str, PriceList] = {}
    """GPU configuration (`gpu-h100-80g-20cpu-125g`, or a glob over it) to the price of one GPU for
    one hour: a number, or a list of `{price, since, until}`.
    """
    per_deployment: Mapping[str, PriceList] = {}
    """Deployment name (or a glob over it) to the price of one of its GPUs for one hour; wins over
    `per_gpu_hour`.
    """
    billable_statuses: tuple[Status, ...] = (
        Status.INITIALIZING,
        Status.READY,
        Status.FAILED,
        Status.TERMINATING,
    )
    """Statuses in which the platform bills. That `failed` is one is an assumption."""

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """At any instant at most one price."""
        for table in ("per_gpu_hour", "per_deployment"):
            prices: Mapping[str, tuple[PriceSettings, ...]] = getattr(self, table)
            for name, listed in prices.items():
                if _overlap(listed):
                    yield f"{table}.{name}", "has two prices for the same day"
        if (self.per_gpu_hour or self.per_deployment) and self.currency is None:
            yield "currency", "must be given where prices are, such as currency: USD"


def _overlap(prices: tuple[PriceSettings, ...]) -> bool:
    spans = sorted((p.since or date.min, p.until or date.max) for p in prices)
    return any(later_since < until for (_, until), (later_since, _) in pairwise(spans))


class BudgetSettings(Section):
    """Money for the whole fleet, per calendar month."""

    monthly: Money | None = None
    """Money for all deployments together. None = no budget of the fleet."""
    enforce: bool = False
    """Whether budgets also refuse increases beyond their pace. Off: a budget is first a warning."""
    alert_ratios: tuple[Ratio, ...] = (0.8, 1.0)
    """Shares of a budget at whose spending people are told."""
    timezone: TimeZone = "UTC"
    """Time zone in which days and months of the accounts begin."""

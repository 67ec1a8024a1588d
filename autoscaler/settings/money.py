"""Prices and budgets. One currency per daemon: the inventory's (USD), unless written here."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from autoscaler.core.passage import BILLABLE
from autoscaler.core.words import Status
from autoscaler.settings.section import Section
from autoscaler.settings.units import MONEY_SCHEMA, Money


class PriceSettings(Section):
    """One price and the days on which it is valid."""

    price: Money
    """Price of one GPU for one hour."""
    since: date | None = None
    """First day (UTC) on which it holds, until the next price's. None = ever since."""

    @property
    def since_at(self) -> float:
        """First instant at which it holds; 0 = ever since."""
        if self.since is None:
            return 0.0
        day = self.since
        return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _as_list(value: object) -> object:
    """A bare number is a price that is always valid."""
    if isinstance(value, list | tuple):
        return value
    return [value] if isinstance(value, dict | PriceSettings) else [{"price": value}]


class _OrOneNumber:
    """Lets the JSON schema know that a bare number will do."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [MONEY_SCHEMA, handler(schema)]}


PriceList = Annotated[
    tuple[PriceSettings, ...], BeforeValidator(_as_list), Field(min_length=1), _OrOneNumber
]
"""One number, or several prices with the days on which each is valid."""


class PricesSettings(Section):
    """Prices of GPUs. Where the inventory tells them, nothing need be written here."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    """Currency as in ISO 4217, such as `INR`. None = the inventory's (USD). Where it differs from
    the inventory's, the inventory's prices are not used at all.
    """
    per_gpu_hour: Mapping[str, PriceList] = {}
    """GPU configuration (`gpu-h100-80g-20cpu-125g`) to the price of one GPU for one hour: a number,
    or a list of `{price, since}`.
    """
    per_deployment: Mapping[str, PriceList] = {}
    """Deployment name to the price of one of its GPUs for one hour; wins over `per_gpu_hour`."""
    billable_statuses: tuple[Status, ...] = BILLABLE
    """Statuses in which the platform bills. That `failed` is one is an assumption; `unknown` is one
    because not knowing costs as well.
    """

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """On any day one price, in one currency."""
        for table in ("per_gpu_hour", "per_deployment"):
            prices: Mapping[str, tuple[PriceSettings, ...]] = getattr(self, table)
            for name, listed in prices.items():
                if len({price.since_at for price in listed}) < len(listed):
                    yield f"{table}.{name}", "has two prices that begin on the same day"
        if (self.per_gpu_hour or self.per_deployment) and self.currency is None:
            yield "currency", "must be given where prices are, such as currency: USD"

    def listed_for(self, deployment: str, gpu_config_id: str) -> tuple[PriceSettings, ...]:
        """The prices written for one deployment, oldest first; empty if none are."""
        found = self.per_deployment.get(deployment) or self.per_gpu_hour.get(gpu_config_id, ())
        return tuple(sorted(found, key=lambda price: price.since_at))


class BudgetSettings(Section):
    """Money for the whole fleet, per calendar month."""

    monthly: Money | None = None
    """Money for all deployments together. None = no budget of the fleet."""
    enforce: bool = False
    """Whether budgets also refuse increases beyond their pace. Off: a budget is first a warning."""

"""What something will cost an hour, said before anybody is asked to agree."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from autoscaler.cli.output import money
from autoscaler.core.model import Deployment
from autoscaler.ports import InventoryItem
from autoscaler.settings import Settings


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of one GPU for one hour, and where it comes from."""

    per_gpu_hour: Decimal
    currency: str
    source: str

    def per_hour(self, gpus: int) -> str:
        """What so many GPUs cost an hour, for people."""
        return f"{money(self.per_gpu_hour * gpus, self.currency)} an hour"


def quote_for(
    settings: Settings, inventory: Sequence[InventoryItem], deployment: Deployment
) -> Quote | None:
    """The price that holds now: the configuration's before the inventory's; None = unknown."""
    now = time.time()
    written = settings.prices.listed_for(deployment.name, deployment.gpu_config_id)
    valid = [price for price in written if price.since_at <= now]
    if valid:
        return Quote(valid[-1].price, settings.prices.currency or "", "prices:")
    item = item_for(inventory, deployment.gpu_config_id, deployment.region)
    if item is None or item.price_per_gpu_hour is None:
        return None
    if settings.prices.currency not in {None, item.currency}:
        return None
    return Quote(item.price_per_gpu_hour, item.currency, "inventory")


def item_for(
    inventory: Sequence[InventoryItem], gpu_config_id: str, region: str
) -> InventoryItem | None:
    """The inventory's entry for a GPU configuration, in the region where there is one."""
    same = [item for item in inventory if item.config_id == gpu_config_id]
    return next((item for item in same if item.region == region), same[0] if same else None)


def change_sentence(quote: Quote | None, *, before: int, after: int) -> str:
    """What a change of the number of GPUs does to the cost."""
    if quote is None:
        return f"{before} -> {after} GPUs; the price is unknown (set prices: in the configuration)"
    step = quote.per_gpu_hour * (after - before)
    sign = "+" if step >= 0 else "-"
    return (
        f"{before} -> {after} GPUs; {quote.per_hour(before)} -> {quote.per_hour(after)} "
        f"({sign}{money(abs(step), quote.currency)})"
    )


def shortage_sentence(item: InventoryItem | None, *, wanted: int) -> str:
    """A warning where more GPUs are wanted than are free; empty where they suffice or nobody knows.

    Free counts are a hint and never a reason not to ask (PLATFORM).
    """
    if item is None or item.available_gpu_count is None or wanted <= item.available_gpu_count:
        return ""
    return (
        f"Warning: {wanted} more GPUs of {item.config_id} are wanted and "
        f"{item.available_gpu_count} are free in {item.region or 'the inventory'}: it may wait."
    )

"""`neevscale catalog` and `neevscale inventory`: what the platform offers."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from autoscaler.cli.context import load_or_stop, run
from autoscaler.cli.options import ConfigOption, FormatOption
from autoscaler.cli.output import Format, money, print_json, print_table
from autoscaler.cli.platform import open_cloud
from autoscaler.cloud import CatalogItem, Range
from autoscaler.ports import InventoryItem
from autoscaler.settings import Settings


def catalog(config: ConfigOption = None, output: FormatOption = Format.TABLE) -> None:
    """List the models that can be deployed, with their recommended GPU and their ranges.

    Example: `neevscale catalog`
    """
    settings = load_or_stop(config).settings
    items = run(lambda: _catalog(settings))
    if output is Format.JSON:
        print_json([asdict(item) for item in items])
        return
    print_table(
        ("CATALOG ID", "NAME", "MODEL", "GPU", "RANGES"),
        (
            (
                item.id,
                item.name,
                item.model_id,
                item.recommended_gpu_config_id,
                ", ".join(f"{name} {_range(r)}" for name, r in item.ranges.items()),
            )
            for item in items
        ),
        empty="The catalog is empty.",
    )


def inventory(
    *,
    region: Annotated[
        str | None, typer.Option(help="Only this region.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """List GPU configurations with prices and free counts.

    Example: `neevscale inventory --region as-south-1`
    """
    settings = load_or_stop(config).settings
    items = [item for item in run(lambda: _inventory(settings)) if region in {None, item.region}]
    if output is Format.JSON:
        print_json([asdict(item) for item in items])
        return
    print_table(
        ("CONFIG ID", "GPU", "REGION", "PRICE/GPU/H", "FREE", "TOTAL", "GPUS/REPLICA", "AVAILABLE"),
        (
            (
                item.config_id,
                item.gpu_model,
                item.region,
                money(item.price_per_gpu_hour, item.currency),
                item.available_gpu_count,
                item.total_gpu_count,
                _range(Range(item.min_gpu_count, item.max_gpu_count, None)),
                item.availability,
            )
            for item in items
        ),
        empty="The platform tells no inventory here; set prices: in the configuration.",
    )


async def _catalog(settings: Settings) -> tuple[CatalogItem, ...]:
    async with open_cloud(settings) as cloud:
        return await cloud.catalog()


async def _inventory(settings: Settings) -> Sequence[InventoryItem]:
    async with open_cloud(settings) as cloud:
        return await cloud.inventory()


def _range(bounds: Range) -> str:
    if bounds.low is None and bounds.high is None:
        return "-"
    low = "?" if bounds.low is None else bounds.low
    high = "?" if bounds.high is None else bounds.high
    return f"{low} to {high}"

"""`neevscale cost`: what deployments cost, by day."""

import csv
import sys
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import typer

from autoscaler.cli.context import daemon_for, run
from autoscaler.cli.options import ConfigOption, MonthOption, UrlOption
from autoscaler.cli.output import money, print_json, print_table, say

COLUMNS = ("day", "deployment", "cost", "gpu_hours", "not_ready", "avoided", "estimated")


class CostFormat(StrEnum):
    """How costs are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def cost(
    *,
    month: MonthOption = None,
    url: UrlOption = None,
    config: ConfigOption = None,
    output: Annotated[CostFormat, typer.Option("--output", "-o", help="How to print it.")] = (
        CostFormat.TABLE
    ),
) -> None:
    """Show what each deployment cost, by day, from the daemon's ledger.

    `not_ready` is the part spent while it did not serve, `avoided` what running at max would have
    cost more. Estimated days hold a gap in what was observed.

    Example: `neevscale cost --month 2026-01 -o csv > january.csv`
    """
    client = daemon_for(config, url)
    rows: list[dict[str, Any]] = run(lambda: client.get("costs", month=month))["rows"]
    match output:
        case CostFormat.JSON:
            print_json({"rows": rows})
        case CostFormat.CSV:
            _print_csv(rows)
        case CostFormat.TABLE:
            print_table(
                [column.upper().replace("_", " ") for column in COLUMNS],
                (_cells(row) for row in rows),
                empty="No cost is known: the price is unknown, or nothing ran.",
            )
            for currency in sorted({str(row["currency"]) for row in rows}):
                total = sum((Decimal(row["cost"]) for row in rows), Decimal(0))
                say(f"Total {money(total, currency)}")


def _cells(row: dict[str, Any]) -> tuple[object, ...]:
    hours = Decimal(row["gpu_seconds"]) / 3600
    amounts = (money(row[key], row["currency"]) for key in ("not_ready", "avoided"))
    return (
        row["day"],
        row["deployment"],
        money(row["cost"], row["currency"]),
        f"{hours:.2f}",
        *amounts,
        bool(row.get("estimated")) or None,
    )


def _print_csv(rows: list[dict[str, Any]]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(["day", "deployment", "currency", *COLUMNS[2:]])
    for row in rows:
        hours = Decimal(row["gpu_seconds"]) / 3600
        writer.writerow(
            [
                row["day"],
                _no_formula(row["deployment"]),
                row["currency"],
                row["cost"],
                f"{hours:.6f}",
                f"{Decimal(row['not_ready']):f}",
                f"{Decimal(row['avoided']):f}",
                row.get("estimated", False),
            ]
        )


def _no_formula(text: str) -> str:
    """A name that a spreadsheet would compute is quoted."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@"} else text

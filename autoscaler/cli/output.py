"""What the command line prints: tables for people, JSON for programs, and how it ends.

Everything that comes from elsewhere (names, error texts) is shown as plain text: no markup and no
control character of it reaches the terminal.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Final, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE: Final = 240
"""Columns where nobody tells the width: in a pipe nothing is wrapped or cut."""


class ExitCode(IntEnum):
    """How a command ends."""

    OK = 0
    RUNTIME = 1
    USAGE = 2
    CHECK_FAILED = 3


class Format(StrEnum):
    """How data is printed."""

    TABLE = "table"
    JSON = "json"


def stop(message: str, code: ExitCode = ExitCode.RUNTIME) -> NoReturn:
    """End the command with a sentence on standard error."""
    typer.echo(plain(message, keep_lines=True), err=True)
    raise typer.Exit(int(code))


def note(message: str) -> None:
    """Say something beside the output, on standard error."""
    typer.echo(plain(message, keep_lines=True), err=True)


def say(message: str) -> None:
    """Print a line of text."""
    typer.echo(plain(message, keep_lines=True))


def print_json(value: object) -> None:
    """Print JSON, as it came."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=not _speaks_utf8(), default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print a table, or the sentence `empty` where it has no row. Numbers stand to the right."""
    listed = [[cell(value) for value in row] for row in rows]
    if not listed:
        say(empty)
        return
    table = Table(box=None, pad_edge=False)
    for number, column in enumerate(columns):
        is_number = all(_is_number(row[number]) for row in listed)
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in listed:
        table.add_row(*(Text(text) for text in row))
    console().print(table)


def console() -> Console:
    """Standard output for tables."""
    width = None if sys.stdout.isatty() else WIDE
    return Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)


def cell(value: object) -> str:
    """One value in a table: nothing known is a dash, never a zero."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return plain(str(value))


def plain(text: str, *, keep_lines: bool = False) -> str:
    """`text` without anything that a terminal would obey."""
    kept = "\n" if keep_lines else ""
    return "".join(c if c.isprintable() or c in kept else "�" for c in text)


def money(amount: object, currency: str) -> str:
    """An amount for people; a dash where the price is not known."""
    if amount is None:
        return "-"
    return f"{Decimal(str(amount)):,.2f} {currency}".rstrip()


def instant(seconds: object) -> str:
    """An instant for people, in UTC."""
    if not isinstance(seconds, int | float):
        return "-"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def span(seconds: object) -> str:
    """A duration for people: `90 s`, `12 min`, `3.5 h`, `2.1 d`."""
    if not isinstance(seconds, int | float):
        return "-"
    for limit, unit, size in ((120, "s", 1), (7200, "min", 60), (172800, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 86400:.3g} d"


def _is_number(text: str) -> bool:
    head = text.replace(",", "").split(" ")[0].lstrip("-+") if text != "-" else "0"
    return head.replace(".", "", 1).isdecimal()


def _speaks_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"

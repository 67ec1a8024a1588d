"""Options that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

from autoscaler.cli.output import Format
from autoscaler.settings.environment import URL_VARIABLE
from autoscaler.settings.units import parse_seconds

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="Configuration file. Else NEEVSCALE_CONFIG, ./neevscale.yaml, "
        "/etc/neevscale/neevscale.yaml; none is needed.",
        show_default=False,
    ),
]
FormatOption = Annotated[
    Format, typer.Option("--output", "-o", help="table for people, json for programs.")
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar=URL_VARIABLE,
        help="The running daemon. Else where the configuration lets it listen.",
        show_default=False,
    ),
]
MonthOption = Annotated[
    str | None,
    typer.Option(
        "--month", metavar="YYYY-MM", help="Else the present month (UTC).", show_default=False
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for those who look later.")]
NameArgument = Annotated[str, typer.Argument(help="Name or id of the deployment.")]


def duration(text: str) -> float:
    """Seconds of `90`, `30m`, `2h`; for options."""
    try:
        seconds = parse_seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if not isinstance(seconds, float | int) or seconds <= 0:
        raise typer.BadParameter("must be above zero, such as 30m or 2h")
    return float(seconds)

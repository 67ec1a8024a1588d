"""`neevscale version`."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version

import typer


def version_text() -> str:
    """The installed version; `0+unknown` where the package runs without being installed."""
    try:
        return installed_version("neevscale")
    except PackageNotFoundError:
        return "0+unknown"


def version() -> None:
    """Print the version."""
    typer.echo(f"neevscale {version_text()}")

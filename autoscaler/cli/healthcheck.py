"""`neevscale healthcheck`: what a container's HEALTHCHECK calls; needs no curl."""

import typer

from autoscaler.cli.context import daemon_for, run
from autoscaler.cli.options import ConfigOption, UrlOption
from autoscaler.cli.output import ExitCode, note, say


def healthcheck(url: UrlOption = None, config: ConfigOption = None) -> None:
    """Ask the running daemon whether its loops progress. Exit code 0 if they do, 3 if not.

    Example: `HEALTHCHECK CMD ["neevscale", "healthcheck"]`
    """
    client = daemon_for(config, url)
    status, text = run(lambda: client.text("/-/healthy"))
    if status == 200:
        say(text.strip() or "well")
        return
    note(text.strip() or f"the daemon answered HTTP {status}")
    raise typer.Exit(int(ExitCode.CHECK_FAILED))

"""`neevscale rules`: Prometheus rules for this configuration."""

from typing import Annotated

import typer

from autoscaler.cli.context import load_or_stop
from autoscaler.cli.options import ConfigOption
from autoscaler.web.rules import RulesConfig, RulesMode, render_rules


def rules(
    *,
    mode: Annotated[
        RulesMode,
        typer.Option(
            help="meta: only what the daemon cannot say of itself. full: also what both can."
        ),
    ] = RulesMode.META,
    job: Annotated[str, typer.Option(help="Name of the scrape job.")] = "neevscale",
    config: ConfigOption = None,
) -> None:
    """Print recording and alerting rules for Prometheus, fitted to this configuration.

    Example: `neevscale rules > /etc/prometheus/rules/neevscale.yml`
    """
    settings = load_or_stop(config).settings
    intervals = settings.intervals
    wanted = RulesConfig(
        job=job,
        mode=mode,
        discover_seconds=intervals.discover_seconds,
        probe_seconds=intervals.probe_seconds,
        decide_seconds=intervals.decide_seconds,
        runbook_url=f"{settings.alerting.runbook_url}/",
    )
    typer.echo(render_rules(wanted), nl=False)

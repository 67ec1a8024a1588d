"""`neevscale config`: the schema, the effective configuration, the variables."""

import typer
import yaml

from autoscaler.cli.context import load_or_stop
from autoscaler.cli.options import ConfigOption, FormatOption
from autoscaler.cli.output import Format, print_json, print_table
from autoscaler.settings import Settings
from autoscaler.settings.environment import variables
from autoscaler.settings.faults import dotted

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Show the schema, the effective configuration and the variables.",
)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors.

    Example: `neevscale config schema > neevscale.schema.json`
    """
    print_json(
        {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Settings.model_json_schema()
    )


@app.command()
def show(config: ConfigOption = None, output: FormatOption = Format.TABLE) -> None:
    """Print the effective configuration, defaults included; secrets stay hidden.

    Example: `neevscale config show --config neevscale.yaml`
    """
    tree = load_or_stop(config).settings.model_dump(mode="json")
    if output is Format.JSON:
        print_json(tree)
    else:
        typer.echo(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), nl=False)


@app.command()
def env(output: FormatOption = Format.TABLE) -> None:
    """List every environment variable that is read, with the key that it sets.

    Example: `neevscale config env | grep INTERVALS`
    """
    rows = {name: dotted(path) for name, path in sorted(variables(Settings).items())}
    if output is Format.JSON:
        print_json(rows)
    else:
        print_table(("VARIABLE", "KEY"), rows.items(), empty="")

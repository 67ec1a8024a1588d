"""`neevscale deployments`: the platform's deployments, without a daemon."""

from collections.abc import Sequence

import typer

from autoscaler.cli.changes import delete, scale
from autoscaler.cli.context import load_or_stop, run
from autoscaler.cli.deploying import deploy
from autoscaler.cli.options import ConfigOption, FormatOption, NameArgument
from autoscaler.cli.output import Format, instant, note, print_json, print_table, span
from autoscaler.cli.platform import find, open_cloud
from autoscaler.cli.quotes import quote_for
from autoscaler.cloud import CloudError
from autoscaler.core.codec import encode
from autoscaler.core.model import Deployment
from autoscaler.ports import InventoryItem, Listing
from autoscaler.settings import Settings

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="List, deploy, scale and delete deployments of the project. Talks to the platform itself.",
)
app.command()(deploy)
app.command()(scale)
app.command()(delete)


@app.command("list")
def list_deployments(config: ConfigOption = None, output: FormatOption = Format.TABLE) -> None:
    """List the project's deployments with what they cost an hour.

    Example: `neevscale deployments list`
    """
    settings = load_or_stop(config).settings
    listing, items = run(lambda: _list(settings))
    for sentence in listing.invalid:
        note(f"Cannot be read: {sentence}")
    if not listing.complete:
        note("The list may be short: the platform's totals do not agree with what came.")
    if output is Format.JSON:
        print_json([encode(deployment) for deployment in listing.deployments])
        return
    print_table(
        ("NAME", "ID", "STATUS", "REPLICAS", "MODEL", "GPU", "REGION", "COST/H"),
        (
            (
                d.name,
                d.id,
                d.raw_status,
                d.replicas,
                d.model_id,
                f"{d.gpu_count} x {d.gpu_config_id}",
                d.region,
                _cost(settings, items, d),
            )
            for d in listing.deployments
        ),
        empty="The project has no deployments.",
    )


@app.command("get")
def get_deployment(
    name: NameArgument, config: ConfigOption = None, output: FormatOption = Format.TABLE
) -> None:
    """Show one deployment with everything that the platform says of it.

    Example: `neevscale deployments get chat-a`
    """
    settings = load_or_stop(config).settings
    deployment, items = run(lambda: _get(settings, name))
    if output is Format.JSON:
        print_json(encode(deployment))
        return
    rows = (
        ("name", deployment.name),
        ("id", deployment.id),
        ("status", deployment.raw_status),
        ("replicas", deployment.replicas),
        ("model", deployment.model_id),
        ("model name", deployment.model_name),
        ("GPUs", f"{deployment.gpu_count} x {deployment.gpu_config_id} per replica"),
        ("region", deployment.region),
        ("endpoint", deployment.endpoint_url),
        ("created", instant(deployment.created_at)),
        ("updated", instant(deployment.updated_at)),
        ("ready for", span(deployment.uptime_seconds) if deployment.is_ready else None),
        ("cost per hour", _cost(settings, items, deployment)),
    )
    print_table(("FIELD", "VALUE"), rows, empty="")


async def _list(settings: Settings) -> tuple[Listing, Sequence[InventoryItem]]:
    async with open_cloud(settings) as cloud:
        listing = await cloud.list()
        try:
            return listing, await cloud.inventory()
        except CloudError:
            return listing, ()  # prices are a column, not a reason to show nothing


async def _get(settings: Settings, name: str) -> tuple[Deployment, Sequence[InventoryItem]]:
    async with open_cloud(settings) as cloud:
        return await find(cloud, name), await cloud.inventory()


def _cost(
    settings: Settings, inventory: Sequence[InventoryItem], deployment: Deployment
) -> str | None:
    quote = quote_for(settings, inventory, deployment)
    gpus = deployment.gpu_count * deployment.replicas
    return None if quote is None else quote.per_hour(gpus).removesuffix(" an hour")

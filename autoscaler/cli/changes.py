"""`deployments scale` and `delete`: on a person's word, after the cost was shown.

The daemon never deploys and never deletes (SEMANTICS 3.1); only these verbs do.
"""

from dataclasses import dataclass
from typing import Annotated

import typer

from autoscaler.cli.asking import agree
from autoscaler.cli.context import daemon_for, load_or_stop, run
from autoscaler.cli.daemon import DaemonClient, DaemonError, who
from autoscaler.cli.options import (
    ConfigOption,
    NameArgument,
    UrlOption,
    YesOption,
    duration,
)
from autoscaler.cli.orders import TWO_HOURS
from autoscaler.cli.output import note, say, span
from autoscaler.cli.platform import find, open_cloud
from autoscaler.cli.quotes import (
    change_sentence,
    item_for,
    quote_for,
    shortage_sentence,
)
from autoscaler.cli.waiting import is_gone, is_ready_with, wait_until
from autoscaler.core.model import Deployment, Json
from autoscaler.settings import Settings

WaitOption = Annotated[bool, typer.Option("--wait", help="Wait until it is done.")]
TimeoutOption = Annotated[
    float,
    typer.Option("--timeout", parser=duration, metavar="TIME", help="Longest wait."),
]
HALF_AN_HOUR = 1800.0


def scale(  # noqa: PLR0913  # its options
    name: NameArgument,
    replicas: Annotated[int, typer.Argument(min=1, help="Replicas wanted.")],
    *,
    hold: Annotated[
        float,
        typer.Option(
            "--hold", parser=duration, metavar="TIME", help="How long a daemon holds the count."
        ),
    ] = TWO_HOURS,
    yes: YesOption = False,
    wait: WaitOption = False,
    timeout: TimeoutOption = HALF_AN_HOUR,
    url: UrlOption = None,
    config: ConfigOption = None,
) -> None:
    """Set the number of replicas by hand, after showing what it costs.

    A running daemon is told to hold the count (an override); where none can be told, it may decide
    otherwise later.

    Example: `neevscale deployments scale chat-a 4 --wait`
    """
    settings = load_or_stop(config).settings
    job = _Scaling(replicas, hold, yes=yes, wait=wait, timeout=timeout)
    run(lambda: _scale(settings, name, job, daemon_for(config, url)))


@dataclass(frozen=True, slots=True)
class _Scaling:
    replicas: int
    hold: float
    yes: bool
    wait: bool
    timeout: float


async def _scale(settings: Settings, name: str, job: _Scaling, daemon: DaemonClient) -> None:
    async with open_cloud(settings) as cloud:
        deployment = await find(cloud, name)
        inventory = await cloud.inventory()
        gpus = deployment.gpu_count
        change = change_sentence(
            quote_for(settings, inventory, deployment),
            before=gpus * deployment.replicas,
            after=gpus * job.replicas,
        )
        say(f"{deployment.name}: {deployment.replicas} -> {job.replicas} replicas, {change}")
        item = item_for(inventory, deployment.gpu_config_id, deployment.region)
        shortage = shortage_sentence(item, wanted=gpus * (job.replicas - deployment.replicas))
        if shortage:
            note(shortage)
        agree(f"Scale {deployment.name} to {job.replicas}?", yes=job.yes)
        await cloud.scale(deployment.id, job.replicas)
        say("Accepted.")
        await _hold(daemon, deployment, job)
        if job.wait:
            await wait_until(
                cloud,
                deployment.id,
                done=is_ready_with(job.replicas),
                timeout_seconds=job.timeout,
            )


async def _hold(daemon: DaemonClient, deployment: Deployment, job: _Scaling) -> None:
    """Tell a running daemon, or say that it was not told."""
    body: dict[str, Json] = {
        "replicas": job.replicas,
        "seconds": job.hold,
        "by": who(),
        "reason": "neevscale deployments scale",
    }
    try:
        await daemon.change("POST", "deployments", deployment.name, "override", body=body)
    except (DaemonError, OSError) as error:
        note(
            f"No daemon was told to hold this ({error}). One that runs elsewhere in active mode "
            "may undo it."
        )
    else:
        say(f"The daemon at {daemon.url} holds {job.replicas} for {span(job.hold)}.")


def delete(
    name: Annotated[str, typer.Argument(help="One exact name or id.")],
    *,
    yes: YesOption = False,
    wait: WaitOption = False,
    timeout: TimeoutOption = HALF_AN_HOUR,
    config: ConfigOption = None,
) -> None:
    """Delete one deployment for good. Requests under way are interrupted.

    Example: `neevscale deployments delete chat-old --wait`
    """
    settings = load_or_stop(config).settings
    run(lambda: _delete(settings, name, yes=yes, wait_seconds=timeout if wait else None))


async def _delete(settings: Settings, name: str, *, yes: bool, wait_seconds: float | None) -> None:
    async with open_cloud(settings) as cloud:
        deployment = await find(cloud, name)
        quote = quote_for(settings, await cloud.inventory(), deployment)
        gpus = deployment.gpu_count * deployment.replicas
        say(f"{deployment.name} ({deployment.id}): {change_sentence(quote, before=gpus, after=0)}")
        agree(f"Delete {deployment.name} for good?", yes=yes)
        await cloud.delete(deployment.id)
        say("Accepted; billing ends when it is gone.")
        if wait_seconds is not None:
            await wait_until(cloud, deployment.id, done=is_gone, timeout_seconds=wait_seconds)

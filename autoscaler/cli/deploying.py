"""`deployments deploy`: checked against catalog and inventory before anything is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from pydantic import ValidationError

from autoscaler.cli.asking import agree
from autoscaler.cli.changes import HALF_AN_HOUR, TimeoutOption, WaitOption
from autoscaler.cli.context import load_or_stop, run
from autoscaler.cli.options import ConfigOption, YesOption
from autoscaler.cli.output import ExitCode, note, say, stop
from autoscaler.cli.platform import find, open_cloud
from autoscaler.cli.quotes import change_sentence, item_for, quote_for, shortage_sentence
from autoscaler.cli.waiting import is_ready_with, wait_until
from autoscaler.cloud import CatalogItem, DeployRequest, ServingConfig
from autoscaler.cloud.wire import faults_in
from autoscaler.core.model import Deployment
from autoscaler.core.words import Status
from autoscaler.ports import InventoryItem
from autoscaler.settings import Settings


def deploy(  # noqa: PLR0913  # one option for each field of the request
    name: Annotated[
        str, typer.Argument(help="3 to 30 of a-z, 0-9 and -, beginning and ending with none of -.")
    ],
    *,
    model: Annotated[str, typer.Option(help="The catalog's id, as `neevscale catalog` lists it.")],
    region: Annotated[str, typer.Option(help="Region, such as as-south-1.")],
    plan: Annotated[str, typer.Option(help="Id of the price plan.")],
    gpu: Annotated[
        str | None,
        typer.Option(help="GPU configuration. Else the catalog's recommended.", show_default=False),
    ] = None,
    gpu_count: Annotated[int, typer.Option(min=1, help="GPUs per replica.")] = 1,
    max_model_len: Annotated[
        int | None, typer.Option(min=1, help="Longest context.", show_default=False)
    ] = None,
    max_num_seqs: Annotated[
        int | None, typer.Option(min=1, help="Largest batch.", show_default=False)
    ] = None,
    extra_arg: Annotated[
        list[str] | None, typer.Option(help="Passed to vLLM as it is; repeatable.")
    ] = None,
    yes: YesOption = False,
    wait: WaitOption = False,
    timeout: TimeoutOption = HALF_AN_HOUR,
    config: ConfigOption = None,
) -> None:
    """Deploy a model with one replica, after checking it against catalog and inventory.

    Example: `neevscale deployments deploy chat-a --model meta-llama-Llama-3.1-8B-Instruct
    --region as-south-1 --plan plan-1 --max-num-seqs 64 --wait`
    """
    settings = load_or_stop(config).settings
    serving: dict[str, object] = {
        "max_model_len": max_model_len,
        "max_num_seqs": max_num_seqs,
        "extra_args": extra_arg or None,
    }
    wish = _Wish(name, model, region, plan, gpu, gpu_count, serving)
    run(lambda: _deploy(settings, wish, yes=yes, wait_seconds=timeout if wait else None))


@dataclass(frozen=True, slots=True)
class _Wish:
    name: str
    model: str
    region: str
    plan: str
    gpu: str | None
    gpu_count: int
    serving: dict[str, object]


async def _deploy(
    settings: Settings, wish: _Wish, *, yes: bool, wait_seconds: float | None
) -> None:
    async with open_cloud(settings) as cloud:
        item = _catalog_item(await cloud.catalog(), wish)
        inventory = await cloud.inventory()
        request = _request(wish, item)
        _check_against_inventory(request, inventory)
        quote = quote_for(settings, inventory, _imagined(request))
        say(f"{request.name}: {change_sentence(quote, before=0, after=request.gpu_count)}")
        found = item_for(inventory, request.gpu_config_id, request.region)
        shortage = shortage_sentence(found, wanted=request.gpu_count)
        if shortage:
            note(shortage)
        agree(f"Deploy {request.name}? Billing begins at once.", yes=yes)
        made = await cloud.deploy(request)
        say("Accepted." if made is None else f"Accepted: {made.id}.")
        if wait_seconds is not None:
            made = made or await find(cloud, request.name)
            await wait_until(cloud, made.id, done=is_ready_with(None), timeout_seconds=wait_seconds)


def _catalog_item(catalog: Sequence[CatalogItem], wish: _Wish) -> CatalogItem:
    """The model that is meant; its ranges are checked here, before anything is sent."""
    item = next((i for i in catalog if wish.model in {i.id, i.model_id}), None)
    if item is None:
        stop(f"The catalog has no {wish.model!r}. See: neevscale catalog", ExitCode.USAGE)
    for key in ("max_model_len", "max_num_seqs"):
        value, bounds = wish.serving[key], item.ranges.get(key)
        if not isinstance(value, int) or bounds is None:
            continue
        too_low = bounds.low is not None and value < bounds.low
        if too_low or (bounds.high is not None and value > bounds.high):
            option = "--" + key.replace("_", "-")
            stop(
                f"{option} {value} is outside {bounds.low} to {bounds.high}, the catalog's range "
                f"for {item.id}",
                ExitCode.USAGE,
            )
    return item


def _request(wish: _Wish, item: CatalogItem) -> DeployRequest:
    gpu = wish.gpu or item.recommended_gpu_config_id
    if gpu is None:
        stop(f"The catalog recommends no GPU for {item.id}: give --gpu", ExitCode.USAGE)
    serving = {key: value for key, value in wish.serving.items() if value is not None}
    try:
        return DeployRequest(
            name=wish.name,
            catalog_id=item.id,
            region=wish.region,
            gpu_config_id=gpu,
            gpu_count=wish.gpu_count,
            plan_id=wish.plan,
            config=ServingConfig.model_validate(serving) if serving else None,
        )
    except ValidationError as error:
        stop(f"This cannot be deployed: {faults_in(error)}", ExitCode.USAGE)


def _check_against_inventory(request: DeployRequest, inventory: Sequence[InventoryItem]) -> None:
    """What the inventory rules out is not sent; where it tells nothing, the platform decides."""
    if not inventory:
        return
    here = [i for i in inventory if i.region == request.region]
    item = next((i for i in here if i.config_id == request.gpu_config_id), None)
    if item is None:
        offered = ", ".join(sorted({i.config_id for i in here})) or "nothing"
        stop(
            f"{request.gpu_config_id} is not offered in {request.region}; there is: {offered}",
            ExitCode.USAGE,
        )
    if item.max_gpu_count is not None and request.gpu_count > item.max_gpu_count:
        stop(
            f"--gpu-count {request.gpu_count} exceeds {item.max_gpu_count}, the most of "
            f"{item.config_id}",
            ExitCode.USAGE,
        )


def _imagined(request: DeployRequest) -> Deployment:
    """The deployment that the request would make, to be priced."""
    return Deployment(
        id="",
        name=request.name,
        project_id="",
        model_id=request.catalog_id,
        model_name=None,
        region=request.region,
        status=Status.INITIALIZING,
        raw_status="",
        endpoint_url=None,
        gpu_config_id=request.gpu_config_id,
        gpu_count=request.gpu_count,
        replicas=1,
        created_at=None,
        updated_at=None,
        uptime_seconds=0,
    )

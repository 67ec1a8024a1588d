"""The five operations of the API document: list, deploy, get, delete and scale."""

from datetime import UTC, datetime

from aiohttp import web

from autoscaler.core.model import Json
from autoscaler.emulator.access import PLATFORM, require_project
from autoscaler.emulator.faults import FaultKind, Operation
from autoscaler.emulator.lifecycle import Unit
from autoscaler.emulator.orders import read_deploy_order
from autoscaler.emulator.platform import Impossible, Platform
from autoscaler.emulator.replies import (
    Body,
    bad_request,
    integer_field,
    json_reply,
    not_found,
    page_and_limit,
    paged,
    read_object,
)
from autoscaler.emulator.strikes import APPLIED, struck

DEPLOYMENTS = "/api/v1beta1/orgs/{org_id}/projects/{project_id}/aimodels"
DEPLOYMENT = DEPLOYMENTS + "/{model_id}"


def control_routes() -> list[web.RouteDef]:
    """The document's paths, relative to the gateway's /aimodels."""
    return [
        web.get(DEPLOYMENTS, _list, name=Operation.LIST, allow_head=False),
        web.post(DEPLOYMENTS, _deploy, name=Operation.DEPLOY),
        web.get(DEPLOYMENT, _get, name=Operation.GET, allow_head=False),
        web.delete(DEPLOYMENT, _delete, name=Operation.DELETE),
        web.put(DEPLOYMENT + "/scale", _scale, name=Operation.SCALE),
    ]


async def _list(request: web.Request) -> web.Response:
    require_project(request)
    page, limit = page_and_limit(request)
    platform = request.config_dict[PLATFORM]
    platform.advance()
    items: list[Json] = [_describe(request, unit) for unit in platform.living()]
    if fault := struck(request, FaultKind.SHORT_LIST):
        items = items[: max(0, len(items) - fault.count)]
    cut, pagination = paged(items, page=page, limit=limit)
    if fault := struck(request, FaultKind.WRONG_TOTALS):
        pagination["total_items"] = len(items) + fault.count
        pagination["total_pages"] = -(-(len(items) + fault.count) // limit)
    if struck(request, FaultKind.DUPLICATED_ITEMS):
        cut = items[max(0, (page - 1) * limit - 1) : page * limit] + cut[:1]
    return json_reply({"items": cut, "pagination": pagination})


async def _deploy(request: web.Request) -> web.Response:
    require_project(request)
    platform = request.config_dict[PLATFORM]
    order = read_deploy_order(await read_object(request))
    platform.advance()
    try:
        unit = platform.deploy(order)
    except Impossible as error:
        raise bad_request(str(error)) from error
    return json_reply(_describe(request, unit), status=201)


async def _get(request: web.Request) -> web.Response:
    require_project(request)
    return json_reply(_describe(request, _wanted(request)))


async def _delete(request: web.Request) -> web.Response:
    require_project(request)
    request.config_dict[PLATFORM].delete(_wanted(request))
    return web.Response(status=204)


async def _scale(request: web.Request) -> web.Response:
    require_project(request)
    unit = _wanted(request)
    replicas = integer_field(await read_object(request), "replicas")
    if replicas < 1:
        raise bad_request("replicas must be at least 1; there is no scale to zero.")
    try:
        _carry_out(request, unit, replicas)
    except Impossible as error:
        raise bad_request(str(error)) from error
    return json_reply(_describe(request, unit))


def _carry_out(request: web.Request, unit: Unit, replicas: int) -> None:
    platform: Platform = request.config_dict[PLATFORM]
    if struck(request, FaultKind.SCALE_IGNORED):
        return
    if fault := struck(request, FaultKind.SCALE_SLOW):
        platform.scale_later(unit, replicas, seconds=fault.seconds)
    else:
        platform.scale(unit, replicas)
    request[APPLIED] = True


def _wanted(request: web.Request) -> Unit:
    platform = request.config_dict[PLATFORM]
    platform.advance()
    unit = platform.find(request.match_info["model_id"])
    if unit is None:
        raise not_found("There is no deployment with this id in the project.")
    return unit


def _describe(request: web.Request, unit: Unit) -> Body:
    """The document's AIModelResponse."""
    platform: Platform = request.config_dict[PLATFORM]
    who = unit.identity
    forced = struck(request, FaultKind.FORCED_STATUS, unit)
    return {
        "id": who.id,
        "name": who.name,
        "project_id": platform.scenario.project_id,
        "model_id": who.model.model_id,
        "model_name": who.model.name,
        "region": who.offer.region,
        "status": forced.word if forced else unit.status_word,
        "endpoint_url": platform.shown_endpoint(unit),
        "gpu_config_id": who.offer.config_id,
        "gpu_count": who.gpu_count,
        "replicas": unit.current,
        "created_at": _rfc3339(who.created_at),
        "updated_at": _rfc3339(unit.updated_at),
        "uptime_seconds": unit.uptime_seconds(platform.now()),
    }


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

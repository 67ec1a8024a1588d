"""The read-only lists: GPU inventory with prices and free counts, and the model catalog."""

from aiohttp import web

from autoscaler.core.model import Json
from autoscaler.emulator.access import PLATFORM, require_token
from autoscaler.emulator.faults import Operation
from autoscaler.emulator.replies import json_reply, page_and_limit, paged

FILTERS = {
    "region": "region",
    "type": "instance_type",
    "gpu_model": "gpu_model",
    "gpu_vendor": "gpu_vendor",
}
"""Query parameter to the item's field that it must equal."""


def inventory_routes() -> list[web.RouteDef]:
    """The GPU inventory."""
    return [web.get("/api/v1beta1/inventory", _inventory, name=Operation.INVENTORY)]


def catalog_routes() -> list[web.RouteDef]:
    """The model catalog."""
    return [web.get("/api/v1beta1/aimodels-catalog", _catalog, name=Operation.CATALOG)]


async def _inventory(request: web.Request) -> web.Response:
    require_token(request)
    page, limit = page_and_limit(request)
    wanted = {FILTERS[key]: value for key, value in request.query.items() if key in FILTERS}
    items: list[Json] = [
        entry
        for entry in request.config_dict[PLATFORM].inventory()
        if all(entry[name] == value for name, value in wanted.items())
    ]
    data, pagination = paged(items, page=page, limit=limit)
    return json_reply({"data": data, "pagination": pagination})


async def _catalog(request: web.Request) -> web.Response:
    require_token(request)
    page, limit = page_and_limit(request)
    items: list[Json] = [m.entry() for m in request.config_dict[PLATFORM].scenario.catalog]
    data, pagination = paged(items, page=page, limit=limit)
    return json_reply({"items": data, "pagination": pagination})

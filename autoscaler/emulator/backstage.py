"""What no real platform has: the truth for tests to read, and faults switched while it runs.

GET /emulator/truth; GET, POST and DELETE /emulator/faults, DELETE /emulator/faults/<id>;
POST /emulator/tokens/expire. No token is asked for: the port is a loopback one.
"""

from aiohttp import web

from autoscaler.core.codec import encode
from autoscaler.core.model import Json
from autoscaler.emulator.access import PLATFORM
from autoscaler.emulator.faults import BadFault, read_fault, write_fault
from autoscaler.emulator.replies import TIMELINE, bad_request, json_reply, not_found, read_object
from autoscaler.emulator.strikes import FAULTS
from autoscaler.emulator.tenant import TOKENS


def backstage_routes() -> list[web.RouteDef]:
    """Routes relative to /emulator."""
    return [
        web.get("/truth", _truth),
        web.get("/faults", _list_faults),
        web.post("/faults", _add_fault),
        web.delete("/faults", _clear_faults),
        web.delete("/faults/{id}", _remove_fault),
        web.post("/tokens/expire", _expire_tokens),
    ]


async def _truth(request: web.Request) -> web.Response:
    return json_reply(encode(request.config_dict[PLATFORM].truth()))


async def _list_faults(request: web.Request) -> web.Response:
    faults: list[Json] = [write_fault(fault) for fault in request.config_dict[FAULTS].all()]
    return json_reply({"faults": faults})


async def _add_fault(request: web.Request) -> web.Response:
    try:
        fault = read_fault(await read_object(request))
    except BadFault as error:
        raise bad_request(str(error)) from error
    return json_reply({"id": request.config_dict[FAULTS].add(fault)}, status=201)


async def _clear_faults(request: web.Request) -> web.Response:
    request.config_dict[FAULTS].clear()
    return web.Response(status=204)


async def _remove_fault(request: web.Request) -> web.Response:
    if not request.config_dict[FAULTS].remove(request.match_info["id"]):
        raise not_found("There is no fault with this id.")
    return web.Response(status=204)


async def _expire_tokens(request: web.Request) -> web.Response:
    """Every access token issued so far is refused from now on; personal tokens are not."""
    request.config_dict[TOKENS].revoked_before = request.config_dict[TIMELINE].now()
    return web.Response(status=204)

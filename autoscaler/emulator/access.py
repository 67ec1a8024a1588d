"""Who may call the control plane: 401 without a good token, then 403 for another's project."""

from aiohttp import web

from autoscaler.emulator.platform import Platform
from autoscaler.emulator.replies import TIMELINE, forbidden, unauthorized
from autoscaler.emulator.tenant import TOKENS

PLATFORM = web.AppKey("platform", Platform)


def require_token(request: web.Request) -> None:
    """Raise Refusal (401) unless the request bears a good control-plane token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthorized("Send an access token as Authorization: Bearer.")
    fault = request.config_dict[TOKENS].fault(token, at=request.config_dict[TIMELINE].now())
    if fault is not None:
        raise unauthorized(fault)


def require_project(request: web.Request) -> None:
    """Raise Refusal (401, then 403) unless the caller may use this project."""
    require_token(request)
    scenario = request.config_dict[PLATFORM].scenario
    wanted = (request.match_info["org_id"], request.match_info["project_id"])
    if wanted != (scenario.org_id, scenario.project_id):
        raise forbidden("You do not have access to this organisation or project.")

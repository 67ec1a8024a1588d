"""The tenant API: login with e-mail and password, refresh with a token that serves once."""

from aiohttp import web

from autoscaler.emulator.faults import Operation
from autoscaler.emulator.replies import (
    TIMELINE,
    Body,
    json_reply,
    not_found,
    read_object,
    text_field,
    unauthorized,
)
from autoscaler.emulator.tokens import TokenDesk

TOKENS = web.AppKey("tokens", TokenDesk)
USERS = web.AppKey("users", dict[str, str])


def tenant_routes() -> list[web.RouteDef]:
    """Login and refresh."""
    return [
        web.post("/api/v1/auth/login", _login, name=Operation.LOGIN),
        web.post("/api/v1/auth/refresh", _refresh, name=Operation.REFRESH),
    ]


async def _login(request: web.Request) -> web.Response:
    body: Body = await read_object(request)
    email, password = text_field(body, "email"), text_field(body, "password")
    expected = request.config_dict[USERS].get(email)
    if expected is None:
        raise not_found("There is no user with this e-mail address.")
    if password != expected:
        raise unauthorized("The password is wrong.")
    now = request.config_dict[TIMELINE].now()
    return json_reply(request.config_dict[TOKENS].issue(email, at=now))


async def _refresh(request: web.Request) -> web.Response:
    body: Body = await read_object(request)
    now = request.config_dict[TIMELINE].now()
    tokens = request.config_dict[TOKENS].redeem(text_field(body, "refresh_token"), at=now)
    if tokens is None:
        raise unauthorized("The refresh token is unknown, used or expired; log in again.")
    return json_reply(tokens)

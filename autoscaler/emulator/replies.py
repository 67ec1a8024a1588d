"""What the planes of the gateway have in common: JSON in, JSON out, refusals as documented.

Every refusal of the documented planes bears `{"code", "message"}` with the codes that the API
document names. Nothing here knows a route.
"""

import json
from typing import NoReturn, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler

from autoscaler.core.model import Json
from autoscaler.emulator.timeline import Timeline

MAX_BODY_BYTES = 1024 * 1024
"""Largest request body; a gateway's usual limit."""

Body: TypeAlias = dict[str, Json]

TIMELINE = web.AppKey("timeline", Timeline)


class Refusal(Exception):
    """A request that is answered with an error of the API document."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def bad_request(message: str) -> Refusal:
    """The 400 of the document."""
    return Refusal(400, "invalid_request", message)


def unauthorized(message: str) -> Refusal:
    """The 401 of the document."""
    return Refusal(401, "unauthorized", message)


def forbidden(message: str) -> Refusal:
    """The 403 of the document."""
    return Refusal(403, "forbidden", message)


def not_found(message: str) -> Refusal:
    """The 404 of the document."""
    return Refusal(404, "not_found", message)


def json_reply(data: Json, *, status: int = 200) -> web.Response:
    """Answer with JSON; ASCII only, so that lone surrogates of a request can be quoted back."""
    return web.Response(
        body=json.dumps(data).encode(), status=status, content_type="application/json"
    )


def error_reply(refusal: Refusal) -> web.Response:
    """The document's error body."""
    body: Body = {"code": refusal.code, "message": refusal.message}
    return json_reply(body, status=refusal.status)


def gateway_error(status: int) -> web.Response:
    """Return an error of the given status in the document's form, for a fault."""
    codes = {400: "invalid_request", 401: "unauthorized", 403: "forbidden", 404: "not_found"}
    code = codes.get(status, "internal_error" if status >= 500 else "rate_limited")
    return error_reply(Refusal(status, code, "emulated fault"))


@web.middleware
async def documented_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn refusals, unknown paths and methods into the document's error body."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return error_reply(refusal)
    except web.HTTPMethodNotAllowed as error:
        reply = error_reply(
            Refusal(405, "method_not_allowed", f"{request.method} is not allowed on this path.")
        )
        reply.headers["Allow"] = error.headers["Allow"]
        return reply
    except web.HTTPRequestEntityTooLarge:
        return error_reply(bad_request(f"The body is larger than {MAX_BODY_BYTES} bytes."))
    except web.HTTPNotFound:
        return error_reply(not_found("There is no such path."))


async def read_object(request: web.Request) -> Body:
    """Return the request's JSON object. Raises Refusal (400)."""
    if request.content_type != "application/json":
        raise bad_request("The body must be application/json.")
    raw = await request.read()
    try:
        data = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise bad_request("The body is not valid JSON.") from error
    if not isinstance(data, dict):
        raise bad_request("The body must be a JSON object.")
    return data


def text_field(body: Body, name: str) -> str:
    """Return a required string. Raises Refusal (400)."""
    value = body.get(name)
    if not isinstance(value, str):
        raise bad_request(f"{name} is required and must be a string.")
    return value


def integer_field(body: Body, name: str) -> int:
    """Return a required integer; 2.0 is one by JSON Schema. Raises Refusal (400)."""
    value = body.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_request(f"{name} is required and must be an integer.")
    return value


def page_and_limit(request: web.Request, *, limit_default: int = 20) -> tuple[int, int]:
    """Return `page` (from 1) and `limit` (1 to 100) of a list. Raises Refusal (400)."""
    page = _bounded(request, "page", default=1, most=None)
    limit = _bounded(request, "limit", default=limit_default, most=100)
    return page, limit


def paged(items: list[Json], *, page: int, limit: int) -> tuple[list[Json], Body]:
    """Cut one page out and describe it as the document's Pagination."""
    first = (page - 1) * limit
    pagination: Body = {
        "total_items": len(items),
        "total_pages": -(-len(items) // limit),
        "current_page": page,
        "items_per_page": limit,
    }
    return items[first : first + limit], pagination


def _bounded(request: web.Request, name: str, *, default: int, most: int | None) -> int:
    values = request.query.getall(name, [])
    if not values:
        return default
    digits = values[0]
    if len(values) > 1 or not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise bad_request(f"{name} must be one positive integer.")
    value = int(digits)
    if value < 1 or (most is not None and value > most):
        bounds = f"between 1 and {most}" if most else "at least 1"
        raise bad_request(f"{name} must be {bounds}.")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)

"""How scripted faults look on the wire, on both planes; and the count of what was asked.

`faults` decides that a call is struck; the kinds that strike any call are carried out here, before
or after the handler; those that need to know the answer's inside (lists, scale, streams) are left
to the handlers, which ask `struck`. For a scale call: a status, a hang or a refusal strikes before
the platform acts, a reset or a spoiled body strikes after it has.
"""

import json
import socket
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from autoscaler.emulator.access import PLATFORM
from autoscaler.emulator.faults import Fault, FaultKind, FaultPlan, Operation, RetryAfter
from autoscaler.emulator.ledger import ScaleCall
from autoscaler.emulator.lifecycle import Unit
from autoscaler.emulator.replies import TIMELINE, Body, unauthorized

FAULTS = web.AppKey("faults", FaultPlan)
STRIKES = web.RequestKey("strikes", tuple[Fault, ...])
APPLIED = web.RequestKey("applied", bool)
"""Set by the scale handler once the platform acts on the call."""
BROKEN = web.RequestKey("broken", bool)
"""Set where the connection is ended without a whole answer."""

ErrorBody = Callable[[int], web.Response]
"""Makes a plane's own error body for a status."""

GATEWAY_PAGE = (
    b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1>"
    b"</center><hr><center>nginx</center></body></html>"
)
HOSTILE: Body = {
    "items": [None, 7, {"id": None, "name": ["<script>alert(1)</script>"], "replicas": "many"}],
    "pagination": {"total_items": -1, "total_pages": 1e308, "current_page": None},
    "data": {"deep": "[" * 500},
    "choices": "none",
    "access_token": 12,
    "error": {"message": {"nested": [[[[]]]]}},
    "replicas": 10**30,
}
"""Parses as JSON; every known field has a type or size that it must not have."""


def operation_of(request: web.Request) -> Operation | None:
    """Return the documented operation that the request is; None = none."""
    name = request.match_info.route.name
    return Operation(name) if name else None


def struck(request: web.Request, kind: FaultKind, unit: Unit | None = None) -> Fault | None:
    """Return the first fault of this kind that strikes this call, on this deployment if given."""
    strikes: tuple[Fault, ...] = request.get(STRIKES, ())
    for fault in strikes:
        if fault.kind is kind and (unit is None or fault.deployment in {None, *unit.names}):
            return fault
    return None


def break_off(request: web.Request, *, reset: bool) -> web.Response:
    """End the connection without an answer: by a reset, or by a plain close."""
    request[BROKEN] = True
    transport = request.transport
    if transport is not None:
        if reset and (sock := transport.get_extra_info("socket")) is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


@web.middleware
async def keep_ledger(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count every request, and write every scale call down whatever comes of it."""
    operation = operation_of(request)
    replicas = await _asked_replicas(request) if operation is Operation.SCALE else None
    status = 0
    try:
        response = await handler(request)
        status = 0 if request.get(BROKEN) else response.status
        return response
    finally:
        platform = request.config_dict[PLATFORM]
        platform.ledger.requests[f"{operation or 'unknown'} {status}"] += 1
        if operation is Operation.SCALE:
            _record_scale(request, replicas, http_status=status)


def strike(error_body: ErrorBody) -> Middleware:
    """Make the middleware that carries out the faults of one plane."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[STRIKES] = _drawn(request)
        early = await _before(request, error_body)
        if early is not None:
            return early
        response = await handler(request)
        return await _after(request, response)

    return middleware


def _drawn(request: web.Request) -> tuple[Fault, ...]:
    """Draw this call's faults. A list names no deployment, but its items may be struck."""
    operation = operation_of(request)
    if operation is None:
        return ()
    platform = request.config_dict[PLATFORM]
    is_list = operation is Operation.LIST
    units = platform.living() if is_list else [_addressed(request)]
    names = tuple(name for unit in units if unit is not None for name in unit.names)
    drawn = request.config_dict[FAULTS].strikes(platform.now(), operation, names=names)
    return tuple(
        fault
        for fault in drawn
        if not is_list or fault.deployment is None or fault.kind is FaultKind.FORCED_STATUS
    )


def _addressed(request: web.Request) -> Unit | None:
    platform = request.config_dict[PLATFORM]
    if name := request.match_info.get("name"):
        return platform.named(name)
    return platform.find(request.match_info.get("model_id", ""))


async def _before(request: web.Request, error_body: ErrorBody) -> web.Response | None:
    """Carry out what strikes before the handler; the answer if that already is one."""
    timeline = request.config_dict[TIMELINE]
    if struck(request, FaultKind.REFUSED):
        return break_off(request, reset=False)
    if struck(request, FaultKind.RESET) and operation_of(request) is Operation.CHAT:
        await request.read()
        return break_off(request, reset=True)
    if fault := struck(request, FaultKind.SLOW):
        await timeline.sleep_until(timeline.now() + fault.seconds)
    if fault := struck(request, FaultKind.HANG):
        await timeline.sleep_until(timeline.now() + fault.seconds)
        return break_off(request, reset=False)
    if struck(request, FaultKind.EXPIRED_TOKEN):
        raise unauthorized("The access token has expired.")
    if fault := struck(request, FaultKind.STATUS):
        response = error_body(fault.status or 503)
        _add_retry_after(response, fault, now=timeline.now())
        return response
    if fault := struck(request, FaultKind.HTML):
        return web.Response(body=GATEWAY_PAGE, status=fault.status or 200, content_type="text/html")
    return None


async def _after(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Spoil the answer. Streams have left already; their handler spoils them itself."""
    if struck(request, FaultKind.RESET):
        return break_off(request, reset=True)
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        return response
    if struck(request, FaultKind.HOSTILE_JSON):
        response.body = json.dumps(HOSTILE).encode()
    if struck(request, FaultKind.WRONG_CONTENT_TYPE):
        response.content_type = "text/plain"
    if struck(request, FaultKind.TRUNCATED):
        return await _cut_short(request, response)
    return response


async def _cut_short(request: web.Request, response: web.Response) -> web.StreamResponse:
    """Announce the whole body, send half of it and close."""
    body = response.body if isinstance(response.body, bytes) else b""
    half = web.StreamResponse(status=response.status, headers=response.headers)
    half.content_length = len(body)
    await half.prepare(request)
    await half.write(body[: len(body) // 2])
    request[BROKEN] = True
    if request.transport is not None:
        request.transport.close()
    return half


def _add_retry_after(response: web.Response, fault: Fault, *, now: float) -> None:
    if fault.retry_after is RetryAfter.SECONDS:
        response.headers["Retry-After"] = f"{fault.retry_after_seconds:.0f}"
    elif fault.retry_after is RetryAfter.DATE:
        at = datetime.fromtimestamp(now + fault.retry_after_seconds, UTC)
        response.headers["Retry-After"] = format_datetime(at, usegmt=True)


async def _asked_replicas(request: web.Request) -> int | None:
    try:
        body = json.loads(await request.read())
        return int(body["replicas"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, web.HTTPException):
        return None


def _record_scale(request: web.Request, replicas: int | None, *, http_status: int) -> None:
    platform = request.config_dict[PLATFORM]
    unit = _addressed(request)
    platform.ledger.scale_calls.append(
        ScaleCall(
            at=platform.now(),
            deployment_id=request.match_info["model_id"],
            name=unit.identity.name if unit else "",
            replicas=replicas,
            current=unit.current if unit else 0,
            http_status=http_status,
            applied=request.get(APPLIED, False),
        )
    )

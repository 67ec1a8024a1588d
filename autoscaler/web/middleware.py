"""What happens around every request: it is counted, limited, refused in one form, and its answer
carries the headers that keep a browser from being turned against the daemon.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

from autoscaler.ports import Denied
from autoscaler.web.errors import Refused
from autoscaler.web.jsons import answer
from autoscaler.web.limits import Buckets
from autoscaler.web.site import Site
from autoscaler.web.text import plain

Next = Callable[[web.Request], Awaitable[web.StreamResponse]]

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CSP,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
HEALTH_PATHS = frozenset({"/-/healthy", "/-/ready", "/livez", "/readyz", "/healthz"})
"""Open even where names are wanted: an orchestrator has none, and they tell nothing."""


_KINDS = {"": "page", "page": "page"} | {name: name for name in ("metrics", "probe", "static")}


class Around:
    """The middlewares of one site."""

    def __init__(self, site: Site, clock: Callable[[], float]) -> None:
        self._site = site
        self._clock = clock
        self._limit: tuple[tuple[float, int], Buckets] | None = None

    async def handle(self, request: web.Request, handler: Next) -> web.StreamResponse:
        """Serve one request."""
        response = await self._respond(request, handler)
        self._site.meter.http_request(self._kind(request), response.status)
        return response

    async def add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add the security headers; runs just before any answer, streamed ones too, begins."""
        del request
        own = (
            {} if self._site.file is None else self._site.file.settings().http_server_config.headers
        )
        for name, value in {**SECURITY_HEADERS, **own}.items():
            response.headers[name] = value
        response.headers.setdefault("Cache-Control", "no-store")

    async def _respond(self, request: web.Request, handler: Next) -> web.StreamResponse:
        try:
            await self._admit(request)
            return await handler(request)
        except Refused as fault:
            return _refusal(fault)
        except Denied as fault:
            return _refusal(Refused(409, "denied", plain(str(fault))))
        except web.HTTPException as fault:
            if fault.status < 400:
                raise
            return _refusal(_of_aiohttp(request, fault))

    async def _admit(self, request: web.Request) -> None:
        path = request.path.removeprefix(self._site.config.prefix)
        if path in HEALTH_PATHS:
            return
        wait = self._wait_seconds()
        if wait > 0:
            headers = {"Retry-After": str(int(wait) + 1)}
            raise Refused(429, "too_many_requests", "Too many requests.", headers=headers)
        await self._site.guard.check_reading(request)

    def _wait_seconds(self) -> float:
        rate = None if self._site.file is None else self._site.file.settings().rate_limit
        if rate is None or rate.interval_seconds <= 0:
            return 0.0
        wanted = (rate.interval_seconds, rate.burst)
        if self._limit is None or self._limit[0] != wanted:
            buckets = Buckets(
                per_second=1 / rate.interval_seconds, burst=rate.burst, clock=self._clock
            )
            self._limit = (wanted, buckets)
        return self._limit[1].wait_seconds()

    def _kind(self, request: web.Request) -> str:
        path = request.path.removeprefix(self._site.config.prefix)
        if path in HEALTH_PATHS:
            return "health"
        first = path.split("/", 2)[1] if path.startswith("/") else ""
        if first in {"api", "-"}:
            return "api" if request.method in {"GET", "HEAD"} else "action"
        return _KINDS.get(first, "other")


def _refusal(fault: Refused) -> web.Response:
    response = answer(
        {"error": {"code": fault.code, "message": fault.message}}, status=fault.status
    )
    response.headers.update(fault.headers)
    return response


def _of_aiohttp(request: web.Request, fault: web.HTTPException) -> Refused:
    where = plain(request.path, 80)
    texts = {
        404: ("not_found", f"Nothing is at {where}. The API is described in docs/reference.md."),
        405: ("bad_method", f"{request.method} is not allowed at {where}."),
        413: ("too_large", "The request body is too large."),
    }
    code, message = texts.get(fault.status, ("refused", fault.reason))
    headers = {"Allow": fault.headers["Allow"]} if "Allow" in fault.headers else {}
    return Refused(fault.status, code, message, headers=headers)

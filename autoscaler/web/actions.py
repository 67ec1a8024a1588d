"""The changing half of the HTTP API. Each handler proves who asks before it reads what is asked;
the daemon's Console decides whether it can be done.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

from autoscaler.ports import Denied
from autoscaler.web.errors import Refused
from autoscaler.web.jsons import Body, answer
from autoscaler.web.site import Site

Handler = Callable[[web.Request], Awaitable[web.Response]]
ANONYMOUS = "somebody with the admin token"


class ActionRoutes:
    """Handlers of everything that changes something, and of `/probe`, which costs tokens."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._console = site.console

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Return the routes, each behind the guard."""
        api, guarded = f"{prefix}/api/v1", self._guarded
        one = f"{api}/deployments/{{name}}"
        return [
            web.post(f"{one}/pause", guarded(self.pause)),
            web.post(f"{one}/resume", guarded(self.resume)),
            web.post(f"{one}/override", guarded(self.override)),
            web.post(f"{one}/accept-endpoint", guarded(self.accept_endpoint)),
            web.post(f"{one}/probe", guarded(self.probe)),
            web.get(f"{prefix}/probe", guarded(self.probe_by_query)),
            web.post(f"{api}/silences", guarded(self.silence)),
            web.delete(f"{api}/silences/{{id}}", guarded(self.unsilence)),
            web.post(f"{api}/alerts/test", guarded(self.test_alert)),
            web.post(f"{prefix}/-/reload", guarded(self.reload)),
        ]

    async def pause(self, request: web.Request) -> web.Response:
        """Stop scaling one deployment, until resumed or for `seconds`."""
        body = await Body.read(request, ("reason", "by", "seconds"))
        name = self._name(request)
        seconds = body.optional_seconds("seconds")
        self._console.pause(name, by=_by(body), reason=body.text("reason"), seconds=seconds)
        return answer({"deployment": name, "paused": True, "seconds": seconds})

    async def resume(self, request: web.Request) -> web.Response:
        """End pause and override."""
        body = await Body.read(request, ("by",))
        name = self._name(request)
        self._console.resume(name, by=_by(body))
        return answer({"deployment": name, "paused": False})

    async def override(self, request: web.Request) -> web.Response:
        """Hold a count for `seconds`."""
        body = await Body.read(request, ("replicas", "seconds", "reason", "by"))
        name, replicas, seconds = (
            self._name(request),
            body.count("replicas"),
            body.seconds("seconds"),
        )
        self._console.override(
            name, replicas=replicas, seconds=seconds, by=_by(body), reason=body.text("reason")
        )
        return answer({"deployment": name, "replicas": replicas, "seconds": seconds})

    async def accept_endpoint(self, request: web.Request) -> web.Response:
        """Trust the place to which a deployment's endpoint has moved."""
        body = await Body.read(request, ("address", "reason", "by"))
        name, address = self._name(request), body.text("address")
        self._console.accept_endpoint(
            name, address=address, by=_by(body), reason=body.text("reason")
        )
        return answer({"deployment": name, "address": address})

    async def probe(self, request: web.Request) -> web.Response:
        """Probe once, now."""
        body = await Body.read(request, ("debug",))
        return await self._probe(self._name(request), debug=body.flag("debug", default=False))

    async def probe_by_query(self, request: web.Request) -> web.Response:
        """Probe once, now, as a blackbox exporter is asked."""
        name = self._site.view(request.query.get("deployment", "")).deployment.name
        return await self._probe(name, debug=request.query.get("debug") in {"true", "1"})

    async def _probe(self, name: str, *, debug: bool) -> web.Response:
        wait = self._site.probe_limit.wait_seconds(name)
        if wait > 0:
            raise Refused(
                429,
                "too_many_probes",
                f"{name} was probed by hand too often; a probe costs tokens. Try again in "
                f"{wait:.0f} s.",
                headers={"Retry-After": str(int(wait) + 1)},
            )
        return answer(await self._console.probe_now(name, debug=debug))

    async def silence(self, request: web.Request) -> web.Response:
        """Add a silence."""
        body = await Body.read(request, ("matchers", "seconds", "reason", "by"))
        identity = self._console.silence(
            matchers=body.texts("matchers"),
            seconds=body.seconds("seconds"),
            by=_by(body),
            reason=body.text("reason"),
        )
        return answer({"id": identity})

    async def unsilence(self, request: web.Request) -> web.Response:
        """Expire a silence."""
        self._console.unsilence(request.match_info["id"])
        return answer({"id": request.match_info["id"], "expired": True})

    async def test_alert(self, request: web.Request) -> web.Response:
        """Send a test notification."""
        body = await Body.read(request, ("receiver", "event"))
        event = body.text("event", "trigger")
        if event not in {"trigger", "resolve"}:
            raise Refused(400, "bad_field", "Field 'event': trigger or resolve is wanted.")
        rows = await self._console.test_alert(receiver=body.optional_text("receiver"), event=event)
        return answer({"results": list(rows)})

    async def reload(self, request: web.Request) -> web.Response:
        """Validate the configuration, then swap it in, or keep the old one and say why."""
        if request.can_read_body:
            await Body.read(request, ())
        if not self._site.config.lifecycle:
            raise Refused(403, "lifecycle_off", "Reloading over HTTP is off; send SIGHUP instead.")
        try:
            changed = await self._console.reload()
        except Denied as fault:
            self._site.meter.config_reloaded(ok=False)
            raise Refused(
                500, "reload_failed", f"{fault} The old configuration stays in force."
            ) from fault
        self._site.meter.config_reloaded(ok=True)
        return answer({"reloaded": True, "changed": changed})

    def _guarded(self, handler: Handler) -> Handler:
        async def checked(request: web.Request) -> web.Response:
            await self._site.guard.check_change(request)
            return await handler(request)

        return checked

    def _name(self, request: web.Request) -> str:
        return self._site.view(request.match_info["name"]).deployment.name


def _by(body: Body) -> str:
    return body.text("by", limit=80).strip() or ANONYMOUS

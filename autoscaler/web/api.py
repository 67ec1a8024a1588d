"""The reading half of the HTTP API: everything is the Snapshot's own data, encoded."""

import asyncio
import dataclasses
import math
import re

from aiohttp import web

from autoscaler.core.codec import encode
from autoscaler.core.model import Json
from autoscaler.core.snapshot import DeploymentView
from autoscaler.web.errors import Refused
from autoscaler.web.jsons import answer, dumps
from autoscaler.web.site import Site

DAY_SECONDS = 86_400.0
VIEWS_A_SLICE = 10
"""Views encoded before the loop gets a turn: about 1 ms each."""
MAX_DECISIONS = 1000
DECISIONS = 100
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


class ReadRoutes:
    """Handlers of the GET routes under `/api/v1`."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Return the routes."""
        api = f"{prefix}/api/v1"
        return [
            web.get(f"{api}/status", self.status),
            web.get(f"{api}/deployments", self.deployments),
            web.get(f"{api}/deployments/{{name}}", self.deployment),
            web.get(f"{api}/deployments/{{name}}/history", self.history),
            web.get(f"{api}/decisions", self.decisions),
            web.get(f"{api}/alerts", self.alerts),
            web.get(f"{api}/silences", self.silences),
            web.get(f"{api}/costs", self.costs),
            web.get(f"{api}/uptimes", self.uptimes),
        ]

    async def status(self, request: web.Request) -> web.Response:
        """The Snapshot with the number of deployments in place of them."""
        del request
        snapshot = self._site.snapshot()
        fields: dict[str, Json] = {
            each.name: encode(getattr(snapshot, each.name))
            for each in dataclasses.fields(snapshot)
            if each.name != "deployments"
        }
        return answer({**fields, "deployments": len(snapshot.deployments)})

    async def deployments(self, request: web.Request) -> web.Response:
        """All views, encoded in slices of the loop."""
        del request
        parts = []
        for index, view in enumerate(self._site.snapshot().deployments):
            if index % VIEWS_A_SLICE == VIEWS_A_SLICE - 1:
                await asyncio.sleep(0)
            parts.append(dumps(encode(view)))
        text = f'{{"deployments":[{",".join(parts)}]}}'
        return web.Response(text=text, content_type="application/json")

    async def deployment(self, request: web.Request) -> web.Response:
        """One view."""
        return answer(encode(self._view(request)))

    async def history(self, request: web.Request) -> web.Response:
        """Minutes of one deployment; the last day unless `since` says otherwise."""
        view = self._view(request)
        since = _instant(request, "since")
        if since is None:
            since = self._site.snapshot().at - DAY_SECONDS
        points = self._site.console.history(view.deployment.name, since=since)
        return answer({"points": [encode(point) for point in points]})

    async def decisions(self, request: web.Request) -> web.Response:
        """Decisions of one deployment, newest first; without one, the latest of each."""
        name = request.query.get("deployment", "")
        if not name:
            latest = (view.decision for view in self._site.snapshot().deployments)
            made = sorted((d for d in latest if d is not None), key=lambda d: d.at, reverse=True)
            return answer({"decisions": [encode(decision) for decision in made[: _limit(request)]]})
        view = self._site.view(name)
        rows = self._site.console.decisions(
            view.deployment.name, at=_instant(request, "at"), limit=_limit(request)
        )
        return answer({"decisions": list(rows)})

    async def alerts(self, request: web.Request) -> web.Response:
        """All alerts that are pending or firing."""
        del request
        return answer({"alerts": [encode(alert) for alert in self._site.snapshot().alerts]})

    async def silences(self, request: web.Request) -> web.Response:
        """All silences."""
        del request
        return answer({"silences": [encode(each) for each in self._site.snapshot().silences]})

    async def costs(self, request: web.Request) -> web.Response:
        """Cost rows of a month; the present one unless `month` says otherwise."""
        return answer({"rows": list(self._site.console.costs(month=_month(request)))})

    async def uptimes(self, request: web.Request) -> web.Response:
        """Each deployment's month against the platform's SLA."""
        return answer({"rows": list(self._site.console.uptimes(month=_month(request)))})

    def _view(self, request: web.Request) -> DeploymentView:
        return self._site.view(request.match_info["name"])


def _instant(request: web.Request, name: str) -> float | None:
    text = request.query.get(name)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Refused(400, "bad_query", f"{name}: seconds since the epoch are wanted.")
    return value


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(DECISIONS))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MAX_DECISIONS):
        raise Refused(400, "bad_query", f"limit: a count from 1 to {MAX_DECISIONS} is wanted.")
    return int(text)


def _month(request: web.Request) -> str | None:
    month = request.query.get("month") or None
    if month is not None and not _MONTH.fullmatch(month):
        raise Refused(400, "bad_query", "month: YYYY-MM is wanted, for example 2026-11.")
    return month

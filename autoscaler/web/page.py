"""The page: rendered here, kept live by a script that asks for the same rendering again.

The fleet's table exists once, as a template: the first answer holds it, `/page/fleet` repeats it,
and without a script the page still tells everything. One rendering serves all who watch, and it is
made in slices of the event loop.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape
from markupsafe import Markup

from autoscaler.core.model import Json
from autoscaler.core.snapshot import Snapshot
from autoscaler.web import formats
from autoscaler.web.errors import Refused
from autoscaler.web.exporter import SLICE_SECONDS
from autoscaler.web.rows import Row, row_of
from autoscaler.web.site import Site
from autoscaler.web.summary import advisory_of, cards_of, warnings_of

_TYPES = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class _Asset:
    body: bytes
    kind: str
    etag: str


def humps(name: str) -> Markup:
    """Return a name in CamelCase that a browser may break before each capital."""
    return Markup("<wbr>").join(re.split(r"(?<=[a-z])(?=[A-Z])", name))


def load_assets() -> dict[str, _Asset]:
    """Return the static files by name; no path of a request ever reaches the disk."""
    folder = resources.files("autoscaler.web") / "static"
    assets = {}
    for entry in folder.iterdir():
        suffix = entry.name.rpartition(".")[2]
        if suffix in _TYPES:
            body = entry.read_bytes()
            etag = hashlib.sha256(body).hexdigest()[:16]
            assets[entry.name] = _Asset(body, _TYPES[suffix], etag)
    return assets


class PageRoutes:
    """Handlers of `/`, of its live part and of its files."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._assets = load_assets()
        environment = Environment(
            loader=PackageLoader("autoscaler.web"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals.update(clock=formats.clock)
        environment.filters["humps"] = humps
        self._page = environment.get_template("page.html")
        self._fleet = environment.get_template("fleet.html")
        self._of: Snapshot | None = None
        self._generation = 0
        self._rendered: asyncio.Task[bytes] | None = None

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Return the routes."""
        routes = [
            web.get(f"{prefix}/", self.page),
            web.get(f"{prefix}/page/fleet", self.fleet),
            web.get(f"{prefix}/static/{{file}}", self.static),
        ]
        return (
            routes
            if not prefix
            else [*routes, web.get("/", self.to_prefix), web.get(prefix, self.to_prefix)]
        )

    async def to_prefix(self, request: web.Request) -> web.Response:
        """Send a person who asked for the root to the page."""
        del request
        raise web.HTTPFound(f"{self._site.config.link_prefix}/")

    async def page(self, request: web.Request) -> web.Response:
        """The whole page."""
        del request
        snapshot = self._site.console.snapshot()
        fleet = None if snapshot is None else Markup((await self._rendering(snapshot))[1].decode())  # noqa: S704  # rendered by our own template, escaped there
        config: dict[str, Json] = {
            "base": self._site.config.link_prefix,
            "poll_seconds": self._site.config.heartbeat_seconds,
            "changes": self._site.guard.changes_are_on,
        }
        text = self._page.render(snapshot=snapshot, fleet=fleet, config=config)
        return web.Response(text=text, content_type="text/html")

    async def fleet(self, request: web.Request) -> web.Response:
        """The live part of the page; 304 where the watcher has it already."""
        generation, body = await self._rendering(self._site.snapshot())
        etag = f"fleet-{id(self):x}-{generation}"
        if any(tag.value == etag for tag in request.if_none_match or ()):
            return web.Response(status=304, headers={"ETag": f'"{etag}"'})
        response = web.Response(body=body, content_type="text/html", charset="utf-8")
        response.etag = etag
        response.enable_compression()
        return response

    async def static(self, request: web.Request) -> web.Response:
        """One file, checked against the browser's copy each time."""
        asset = self._assets.get(request.match_info["file"])
        if asset is None:
            raise Refused(404, "not_found", "No such file.")
        headers = {"Cache-Control": "no-cache", "ETag": f'"{asset.etag}"'}
        if any(tag.value == asset.etag for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        return web.Response(
            body=asset.body, content_type=asset.kind, charset="utf-8", headers=headers
        )

    async def _rendering(self, snapshot: Snapshot) -> tuple[int, bytes]:
        if self._rendered is None or self._of is not snapshot:
            self._of, self._generation = snapshot, self._generation + 1
            self._rendered = asyncio.create_task(render_fleet(self._fleet, snapshot))
        return self._generation, await asyncio.shield(self._rendered)


async def render_fleet(template: Template, snapshot: Snapshot) -> bytes:
    """Render the fleet in slices of the event loop."""

    def rows() -> Iterator[Row]:
        for view in snapshot.deployments:
            yield row_of(view, snapshot.at)

    parts, began = [], time.perf_counter()
    pieces = template.generate(
        snapshot=snapshot,
        rows=rows(),
        cards=cards_of(snapshot),
        advisory=advisory_of(snapshot),
        warnings=warnings_of(snapshot),
    )
    for piece in pieces:
        parts.append(piece)
        if time.perf_counter() - began >= SLICE_SECONDS:
            await asyncio.sleep(0)
            began = time.perf_counter()
    return "".join(parts).encode("utf-8", "replace")

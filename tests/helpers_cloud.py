"""A control plane for tests, written from the API document, that misbehaves on order."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from autoscaler.clock import SystemClock
from autoscaler.cloud import CloudClient, CloudConfig, ReadLimits
from autoscaler.ports import Clock

ORG, PROJECT = "org-1", "prj-1"
BASE = f"/aimodels/api/v1beta1/orgs/{ORG}/projects/{PROJECT}/aimodels"
Fault = Callable[[web.Request], Awaitable[web.StreamResponse]]


def deployment_json(number: int = 1, **changes: object) -> dict[str, Any]:
    return {
        "id": f"dep-{number}",
        "name": f"chat-{number:03}",
        "project_id": PROJECT,
        "model_id": "meta-llama/Llama-3.1-8B-Instruct",
        "model_name": "Llama 3.1 8B",
        "region": "as-south-1",
        "status": "ready",
        "endpoint_url": f"https://chat-{number}.inference.ai.neevcloud.com/v1",
        "gpu_config_id": "gpu-h100-80g-20cpu-125g",
        "gpu_count": 1,
        "replicas": 2,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-02T00:00:00Z",
        "uptime_seconds": 60,
        **changes,
    }


def error_json(status: int, code: str = "internal_error") -> web.Response:
    return web.json_response({"code": code, "message": f"it was {code}"}, status=status)


def status(code: int, word: str = "internal_error", **headers: str) -> Fault:
    """An answer with an error status; `Retry_After` is spelled with a dash when sent."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        response = error_json(code, word)
        response.headers.update({name.replace("_", "-"): text for name, text in headers.items()})
        return response

    return answer


def body(text: str | bytes, kind: str = "application/json", code: int = 200) -> Fault:
    """An answer with a body of one's own."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        raw = text.encode() if isinstance(text, str) else text
        return web.Response(body=raw, content_type=kind, status=code)

    return answer


async def hang(_request: web.Request) -> web.StreamResponse:
    """No answer at all, for longer than any deadline of these tests."""
    await asyncio.sleep(3600)
    raise AssertionError


async def hang_in_body(request: web.Request) -> web.StreamResponse:
    """Headers and half a body, and then nothing."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"items": [')
    return await hang(request)


async def truncate(request: web.Request) -> web.StreamResponse:
    """Half a body, and the connection breaks."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"items": [')
    assert request.transport is not None
    request.transport.close()
    return response


async def reset(request: web.Request) -> web.StreamResponse:
    """The connection breaks before any answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def flood(request: web.Request) -> web.StreamResponse:
    """A body without end."""
    response = web.StreamResponse()
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await response.write(b" " * 65536)
    return response


def jwt(expires_at: float, *, issued_at: float | None = None) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"exp": expires_at} | ({} if issued_at is None else {"iat": issued_at})
    return f"{part({'alg': 'none'})}.{part(claims)}.signature"


@dataclass
class Platform:
    """The server's state, and what it was asked."""

    deployments: list[Any] = field(default_factory=lambda: [deployment_json()])
    tokens: set[str] = field(default_factory=lambda: {"token-1"})
    faults: list[Fault] = field(default_factory=list)
    """Answers to the next requests, before it behaves again."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    inventory: dict[str, Any] | None = None
    inventory_at: str = "/inventory"
    logins: int = 0
    refreshes: int = 0
    password: str = "right"
    login_answer: dict[str, object] = field(default_factory=dict)
    login_delay: float = 0.0
    totals: dict[str, int] | None = None
    """What the pagination claims, where it lies."""
    ignores_paging: bool = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path_qs))
        self.bodies.append(await request.json() if request.can_read_body else None)
        if "/auth/" in request.path:
            return await self._tenant(request)
        if self.faults:
            return await self.faults.pop(0)(request)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return error_json(401, "unauthorized")
        if request.path == f"{self.inventory_at}/api/v1beta1/inventory" and self.inventory:
            return web.json_response(self.inventory)
        if request.path == "/aimodels/api/v1beta1/aimodels-catalog":
            return web.json_response({"items": CATALOG, "pagination": {}})
        return self._deployments(request)

    async def _tenant(self, request: web.Request) -> web.StreamResponse:
        body = self.bodies[-1]
        await asyncio.sleep(self.login_delay)
        if request.path.endswith("login"):
            self.logins += 1
            if body["password"] != self.password:
                return error_json(401, "unauthorized")
        else:
            self.refreshes += 1
            if self.faults:
                return await self.faults.pop(0)(request)
        token = f"token-{self.logins}-{self.refreshes}"
        self.tokens = {token}
        answer = {"access_token": token, "refresh_token": "again", **self.login_answer}
        return web.json_response(answer)

    def _deployments(self, request: web.Request) -> web.StreamResponse:
        below = request.path.removeprefix(BASE).strip("/").split("/")
        found = [d for d in self.deployments if isinstance(d, dict) and d.get("id") == below[0]]
        if not request.path.startswith(BASE) or (below[0] and not found):
            return error_json(404, "not_found")
        match request.method, below:
            case "GET", [""]:
                return self._page(request)
            case "POST", [""]:
                return web.json_response(deployment_json(9, status="initializing"), status=201)
            case "PUT", [_, "scale"]:
                found[0]["replicas"] = self.bodies[-1]["replicas"]
                return web.json_response(found[0])
            case "DELETE", [_]:
                self.deployments.remove(found[0])
                return web.Response(status=204)
            case _:
                return web.json_response(found[0])

    def _page(self, request: web.Request) -> web.Response:
        page, limit = int(request.query["page"]), int(request.query["limit"])
        items = self.deployments
        if not self.ignores_paging:
            items = items[(page - 1) * limit : page * limit]
        honest = {
            "total_items": len(self.deployments),
            "total_pages": -(-len(self.deployments) // limit),
            "current_page": page,
            "items_per_page": limit,
        }
        return web.json_response({"items": items, "pagination": honest | (self.totals or {})})


CATALOG = [
    {
        "id": "meta-llama-Llama-3.1-8B-Instruct",
        "model_id": "meta-llama/Llama-3.1-8B-Instruct",
        "name": "Llama 3.1 8B",
        "recommended_gpu": {"gpu_config_id": "gpu-h100-80g-20cpu-125g"},
        "configurations": {"max_num_seqs": {"min": 1, "max": 256, "default": 64}},
    },
    {"id": 7},
    {"id": "odd", "configurations": [{"name": "max_model_len", "max": 8192}], "new": True},
]


@asynccontextmanager
async def serving(platform: Platform) -> AsyncIterator[str]:
    """Serve `platform`; gives the gateway's URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", platform.handle)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


def config_for(url: str, **changes: Any) -> CloudConfig:
    values: dict[str, Any] = {
        "base_url": f"{url}/aimodels",
        "tenant_url": f"{url}/tenant",
        "inventory_url": f"{url}/inventory",
        "org_id": ORG,
        "project_id": PROJECT,
        "token": lambda: "token-1",
        "deadline_seconds": 10.0,
        "limits": ReadLimits(deadline_seconds=30.0, first_delay_seconds=0.0, page_size=10),
        "body_limit_bytes": 1024 * 1024,
        **changes,
    }
    return CloudConfig(**values)


@asynccontextmanager
async def client_for(
    platform: Platform, *, clock: Clock | None = None, **changes: Any
) -> AsyncIterator[CloudClient]:
    """A client of a served `platform`."""
    async with (
        serving(platform) as url,
        CloudClient(config_for(url, **changes), clock=clock or SystemClock()) as client,
    ):
        yield client

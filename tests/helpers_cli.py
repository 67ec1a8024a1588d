"""Runs verbs in this process, against real servers in a thread with a loop of their own."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from helpers_cloud import ORG, PROJECT, Platform, serving
from helpers_web import TOKEN, FakeConsole, meter_at
from helpers_web_day import NOW
from helpers_web_fleet import probe_of
from typer.testing import CliRunner

from autoscaler.cli.tree import build_cli
from autoscaler.core import uptime
from autoscaler.core.codec import encode
from autoscaler.core.model import Json
from autoscaler.core.uptime import Span, UptimeState
from autoscaler.core.words import FailureReason
from autoscaler.web import WebConfig, WebServer

T = TypeVar("T")


@contextmanager
def background(open_it: Callable[[], AbstractAsyncContextManager[T]]) -> Iterator[T]:
    """Enter an asynchronous context on a loop in a thread, and leave it at the end."""
    ready, over = threading.Event(), threading.Event()
    got: list[T] = []

    async def live() -> None:
        async with open_it() as thing:
            got.append(thing)
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    try:
        assert ready.wait(10)
        yield got[0]
    finally:
        over.set()
        thread.join()


class Console(FakeConsole):
    """As a real daemon answers a probe and gives costs."""

    failure: FailureReason | None = None

    async def probe_now(self, deployment: str, *, debug: bool = False) -> dict[str, Json]:
        result = encode(probe_of(self._index(deployment), NOW, failure=self.failure))
        story: Json = {"verdict": "success", "timeline": ["connect c 4 ms"], "request": {"a": [1]}}
        return {"result": result, "story": story} if debug else {"result": result}

    def uptimes(self, *, month: str | None) -> list[dict[str, Json]]:
        days = {f"{month or '2026-11'}-05": {"ready": 2_500_000.0, "failed": 36_000.0}}
        spans = (Span(start=NOW - 7200.0, end=NOW - 3600.0, bucket="failed"),)
        state = UptimeState(days=days, spans=spans)
        report = encode(uptime.report(state, month or "2026-11"))
        return [{"deployment": "chat-frontdoor", "sessions": 2, "report": report}]

    def costs(self, *, month: str | None) -> list[dict[str, Json]]:
        row: dict[str, Json] = {
            "deployment": "=chat-frontdoor",
            "deployment_id": "dep-0",
            "day": f"{month or '2026-11'}-01",
            "currency": "INR",
            "cost": "4619.52",
            "gpu_seconds": "86400",
            "not_ready": "1.5",
            "avoided": "0E-10",
            "estimated": True,
        }
        return [row]


@asynccontextmanager
async def _served(console: FakeConsole, **settings: Any) -> AsyncIterator[str]:
    settings.setdefault("admin_token", lambda: TOKEN)
    config = WebConfig(listen="127.0.0.1:0", **settings)
    server = WebServer(console, meter_at(), config)
    await server.start()
    try:
        yield server.url
    finally:
        await server.stop()


@contextmanager
def daemon(console: FakeConsole | None = None, **settings: Any) -> Iterator[str]:
    """A real web server over a console; gives its URL."""
    with background(lambda: _served(console or Console(), **settings)) as url:
        yield url


@contextmanager
def platform(double: Platform) -> Iterator[dict[str, str]]:
    """A served platform; gives the variables that point at it."""
    with background(lambda: serving(double)) as url:
        yield {
            "NEEV_ORG_ID": ORG,
            "NEEV_PROJECT_ID": PROJECT,
            "NEEV_API_TOKEN": "token-1",
            "NEEVSCALE_CLOUD__BASE_URL": f"{url}/aimodels",
        }


@dataclass(frozen=True)
class Ended:
    """How a verb ended."""

    code: int
    out: str
    err: str


def call(*words: str, env: dict[str, str] | None = None, said: str | None = None) -> Ended:
    """Run one command line in this process."""
    result = CliRunner().invoke(build_cli(), list(words), env=env or {}, input=said)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)

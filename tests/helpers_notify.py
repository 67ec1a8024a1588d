"""What notify's tests share: rows, a recording meter, and a real local receiver with faults."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from aiohttp import web

from autoscaler.clock import LoopClock
from autoscaler.core.alerting.lifecycle import fingerprint
from autoscaler.core.alerting.messages import AlertMessage, ChangeMessage, payload_of
from autoscaler.core.alerting.rules import AlertRules, ReceiverRule
from autoscaler.core.notification import Notification
from autoscaler.core.snapshot import Alert, AlertState, Severity
from autoscaler.notify.http import Http
from autoscaler.notify.lane import LaneParts
from autoscaler.notify.outbox import Outbox
from autoscaler.notify.receiver import Receiver
from autoscaler.ports import Batch, Store
from autoscaler.store.memory import MemoryStore

EPOCH = 1_800_000_000.0
RULES = AlertRules(
    receivers=(ReceiverRule(name="hook"),), external_url="https://neevscale.example/ui"
)


class RecordingMeter:
    """A Meter that keeps what notify counts and drops the rest."""

    def __init__(self) -> None:
        self.notifications: list[tuple[str, str, str | None]] = []

    def notification(
        self, receiver: str, event: str, *, failure: str | None, seconds: float
    ) -> None:
        self.notifications.append((receiver, event, failure))

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **named: None


def alert(
    *, deployment: str = "chat-a", severity: Severity = Severity.CRITICAL, **changes: Any
) -> Alert:
    values: dict[str, Any] = {
        "name": "NeevDeploymentFailed",
        "severity": severity,
        "state": AlertState.FIRING,
        "project": "p-1",
        "deployment": deployment,
        "dimension": "",
        "episode": 1,
        "started_at": EPOCH,
        "fired_at": EPOCH,
        "resolved_at": None,
        "summary": f"{deployment}: the deployment has failed",
        "description": "The platform says `failed` since 15 s.",
        "suggested_action": "Look at the deployment in the console.",
        "runbook": "NeevDeploymentFailed.md",
        "evidence": {"probe_id": "pr-1", "last_error": "connection refused"},
    } | changes
    key = fingerprint(values["name"], "p-1", deployment, values["dimension"])
    return Alert(fingerprint=key, **values)


def message(event: str = "trigger", **changes: Any) -> AlertMessage:
    over = event == "resolve"
    more: dict[str, Any] = {"state": AlertState.RESOLVED, "resolved_at": EPOCH + 90} if over else {}
    return AlertMessage(
        event=event,
        alert=alert(**(more | changes)),
        because="recovered" if over else "",
        runbook_url="https://runbooks.example/NeevDeploymentFailed.md",
        page_url="https://neevscale.example/ui/?deployment=chat-a",
        external_url="https://neevscale.example/ui",
    )


def row(
    event: str = "trigger",
    *,
    receiver: str = "hook",
    at: float = EPOCH,
    sequence: int | None = None,
    **changes: Any,
) -> Notification:
    told = message(event, **changes)
    place = sequence if sequence is not None else {"trigger": 0, "resolve": 9}.get(event, 1)
    known = told.alert
    return Notification(
        key=f"{known.fingerprint}.{known.episode}.{place}.{event}.{receiver}",
        receiver=receiver,
        fingerprint=known.fingerprint,
        episode=known.episode,
        sequence=place,
        event=event,
        payload=payload_of(told),
        created_at=at,
        expires_at=at + 72 * 3600,
        next_attempt_at=at,
    )


def change_row(receiver: str = "hook") -> Notification:
    change = ChangeMessage(
        at=EPOCH,
        project="p-1",
        deployment="chat-a",
        from_replicas=2,
        to_replicas=4,
        reason="scale_up_slo",
        because="Load needs 3.4 replicas.",
    )
    return Notification(
        key=f"change-chat-a-1.0.0.change.{receiver}",
        receiver=receiver,
        fingerprint="change-chat-a-1",
        episode=0,
        sequence=0,
        event="change",
        payload=payload_of(change),
        created_at=EPOCH,
        expires_at=EPOCH + 86400,
        next_attempt_at=EPOCH,
    )


def parts(store: Store | None = None) -> LaneParts:
    return LaneParts(
        store=store or MemoryStore(),
        clock=LoopClock(EPOCH),
        meter=RecordingMeter(),
        rng=Random(1),
    )


def put(store: Store, *rows: Notification) -> None:
    store.commit(Batch(notifications=rows))


@asynccontextmanager
async def opened(
    receivers: list[Receiver], seams: LaneParts, http: Http | None = None
) -> AsyncIterator[Outbox]:
    outbox = Outbox(receivers, seams, rules=RULES, http=http)
    try:
        yield outbox
    finally:
        await outbox.close()


@dataclass(slots=True)
class Seen:
    """One request that a sink got."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Fault:
    """How a sink misbehaves: a status with headers, or a way to give no answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    how: str = "answer"
    """`answer`, `hang` or `reset`."""


@dataclass(slots=True)
class Sink:
    """A real HTTP server on loopback. `rule` answers like the service; faults come first."""

    rule: Callable[[Seen], web.Response] = lambda _: web.Response(text="ok")
    faults: list[Fault] = field(default_factory=list)
    always: Fault | None = None
    seen: list[Seen] = field(default_factory=list)
    taken: list[Seen] = field(default_factory=list)
    """Those that were answered by `rule` with 2xx."""
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        got = Seen(request.path, dict(request.headers), await request.read())
        self.seen.append(got)
        fault = self.faults.pop(0) if self.faults else self.always
        if fault is not None and fault.how == "hang":
            await asyncio.sleep(3600)
        if fault is not None and fault.how == "reset":
            assert request.transport is not None
            request.transport.abort()
        if fault is not None:
            return web.Response(status=fault.status, headers=fault.headers, text=fault.text)
        answer = self.rule(got)
        if answer.status < 300:
            self.taken.append(got)
        return answer


@asynccontextmanager
async def serving(sink: Sink, ssl_context: Any = None) -> AsyncIterator[Sink]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", sink.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context)
    await site.start()
    port = runner.addresses[0][1]
    sink.url = f"{'https' if ssl_context else 'http'}://127.0.0.1:{port}"
    try:
        yield sink
    finally:
        await runner.cleanup()

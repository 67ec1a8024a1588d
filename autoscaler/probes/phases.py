"""When each phase of a request began and ended, told by the HTTP client's own traces."""

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace

import aiohttp

from autoscaler.core.model import Phases
from autoscaler.ports import Clock
from autoscaler.probes.honesty import LagSampler


@dataclass(slots=True)
class Marks:
    """When each phase began and ended, in monotonic seconds; filled by the HTTP client's traces."""

    clock: Clock
    headers_seconds: float
    sampler: LagSampler | None = None
    timer: asyncio.Timeout | None = None
    dns_began: float | None = None
    dns_ended: float | None = None
    connected: float | None = None
    reused: bool = False
    sent: float | None = None
    send_delay: float = 0.0
    """By how much our own loop may have been late until the request was sent, in seconds."""

    def on_connected(self, *, reused: bool) -> None:
        """The connection stands: from here the deadline for the headers counts."""
        self.connected = self.clock.monotonic()
        self.note_delay(self.connected)
        self.reused = reused
        if self.timer is not None and not self.timer.expired():
            self.timer.reschedule(asyncio.get_running_loop().time() + self.headers_seconds)

    def on_sent(self) -> None:
        """The request left."""
        self.sent = self.clock.monotonic()
        self.note_delay(self.sent)

    def note_delay(self, now: float) -> None:
        """Our own loop's lateness belongs to no phase of the server's."""
        if self.sampler is not None:
            self.send_delay = max(self.send_delay, self.sampler.delay(now))


def phases_of(
    marks: Marks, *, began: float, headers_at: float | None, tokens: tuple[float, float] | None
) -> Phases:
    """The phases as durations; `headers_at` and `tokens` (first, last) are offsets from `began`."""
    connect_from = marks.dns_ended or began
    sent = marks.sent or marks.connected
    first, last = tokens or (None, None)
    return Phases(
        dns=_between(marks.dns_began, marks.dns_ended),
        connect=None if marks.reused else _between(connect_from, marks.connected),
        headers=None if headers_at is None else _between(sent, began + headers_at),
        first_token=_between(headers_at, first),
        stream=_between(first, last),
    )


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else max(0.0, end - start)


def build_traces() -> aiohttp.TraceConfig:
    """Hooks that fill the `Marks` given as `trace_request_ctx`."""

    def context(trace_request_ctx: object = None) -> SimpleNamespace:
        return SimpleNamespace(marks=trace_request_ctx)

    async def dns_began(_s: object, ctx: SimpleNamespace, _p: object) -> None:
        ctx.marks.dns_began = ctx.marks.clock.monotonic()

    async def dns_ended(_s: object, ctx: SimpleNamespace, _p: object) -> None:
        ctx.marks.dns_ended = ctx.marks.clock.monotonic()

    async def connected(_s: object, ctx: SimpleNamespace, _p: object) -> None:
        ctx.marks.on_connected(reused=False)

    async def reused(_s: object, ctx: SimpleNamespace, _p: object) -> None:
        ctx.marks.on_connected(reused=True)

    async def sent(_s: object, ctx: SimpleNamespace, _p: object) -> None:
        ctx.marks.on_sent()

    traces = aiohttp.TraceConfig(trace_config_ctx_factory=context)  # type: ignore[arg-type]  # any factory will do
    traces.on_dns_resolvehost_start.append(dns_began)
    traces.on_dns_resolvehost_end.append(dns_ended)
    traces.on_connection_create_end.append(connected)
    traces.on_connection_reuseconn.append(reused)
    traces.on_request_chunk_sent.append(sent)
    return traces


def certificate_end(response: aiohttp.ClientResponse) -> str:
    """When the server's certificate expires, as OpenSSL writes it; empty without TLS."""
    connection = response.connection
    transport = connection.transport if connection is not None else None
    certificate = transport.get_extra_info("peercert") if transport is not None else None
    not_after = (certificate or {}).get("notAfter", "")
    return not_after if isinstance(not_after, str) else ""

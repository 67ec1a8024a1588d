"""One HTTP request and its streamed answer: phases, deadlines, limits. Never raises for the server.

Deadlines are our own, one per phase, on loop time. aiohttp's `ClientTimeout` raises the same bare
error for every phase and rounds up above 5 s; its read timeout is reset by keep-alive comments.
The stream itself is read in `listening`.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from yarl import URL

from autoscaler.core.words import FailureReason
from autoscaler.ports import Clock
from autoscaler.probes.failures import Fault, fault_of, reason_of_status
from autoscaler.probes.honesty import LagSampler
from autoscaler.probes.listening import Limits, Listener
from autoscaler.probes.phases import Marks, certificate_end
from autoscaler.probes.transcript import End, Transcript

ERROR_BODY_BYTES: Final = 16 * 1024
"""How much of a refusal is read."""
ERROR_BODY_SECONDS: Final = 2.0
"""How long a refusal's body is waited for: its status is known already."""
NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to send where. The key stands in `headers` and nowhere else."""

    url: URL
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class Exchange:
    """Everything that was seen of one request."""

    began: float
    """Monotonic second just before the request left; all offsets count from here."""
    marks: Marks
    transcript: Transcript
    ended: float = 0.0
    headers_at: float | None = None
    """Seconds from `began` to the response's headers."""
    status: int | None = None
    server: str = ""
    retry_after: str = ""
    refusal: str = ""
    """Text of the body of a refusal."""
    cert_not_after: str = ""
    fault: Fault | None = None
    """What went wrong outside the stream itself; None = judge the transcript."""
    first_delay: float = 0.0
    """By how much our own loop may have been late at the first token, in seconds."""
    last_delay: float = 0.0
    """The same at the last token."""
    worst_lag: float = 0.0
    """Largest lateness of our own loop meanwhile, in seconds."""
    reads: list[tuple[float, bytes]] | None = None
    """Raw reads with their offsets, kept for a debug story only."""


@dataclass(slots=True)
class Conversation:
    """Holds one exchange on one session."""

    session: aiohttp.ClientSession
    clock: Clock
    limits: Limits
    headers_seconds: float
    """How long the headers may take; at least the deadline's, more for a slow deployment."""
    sampler: LagSampler | None = None
    keep: bool = False
    """Whether the connection is to be kept for the next request."""
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    loop_began: float = 0.0

    async def hold(self, request: Request, *, keep_reads: bool = False) -> Exchange:
        """Send `request` and read its answer to the end, whatever the end is."""
        exchange = Exchange(
            began=self.clock.monotonic(),
            marks=Marks(self.clock, self.headers_seconds, self.sampler),
            transcript=Transcript(max_event_bytes=self.limits.max_event_bytes),
            reads=[] if keep_reads else None,
        )
        self.loop_began = self.loop.time()
        response = await self._send(request, exchange)
        if response is not None:
            try:
                await self._receive(response, exchange)
                if self.keep and exchange.transcript.end is End.DONE:
                    await self._drain(response)
            finally:
                response.close()  # drops the connection: a server that still computes must stop
        exchange.ended = self.clock.monotonic()
        return exchange

    async def _send(self, request: Request, exchange: Exchange) -> aiohttp.ClientResponse | None:
        marks = exchange.marks
        connect_by = self.loop_began + self.limits.deadlines.connect
        try:
            async with asyncio.timeout_at(connect_by) as marks.timer:
                return await self.session.post(
                    request.url,
                    data=request.body,
                    headers=request.headers,
                    allow_redirects=False,
                    trace_request_ctx=marks,
                )
        except TimeoutError as error:
            if marks.timer is not None and marks.timer.expired():
                exchange.fault = self._headers_timeout(marks)
            else:
                exchange.fault = self._fault(error, request)
        except (aiohttp.ClientError, OSError, MemoryError, ValueError, RuntimeError) as error:
            exchange.fault = self._fault(error, request)
        return None

    def _headers_timeout(self, marks: Marks) -> Fault:
        if marks.connected is None:
            waited = self.limits.deadlines.connect
            return Fault(FailureReason.CONNECT_TIMEOUT, f"no connection within {waited:g} s")
        waited = self.headers_seconds
        return Fault(FailureReason.TIMEOUT_HEADERS, f"no response headers within {waited:g} s")

    def _fault(self, error: Exception, request: Request, *, has_headers: bool = False) -> Fault:
        return fault_of(error, has_headers=has_headers, is_tls=request.url.scheme == "https")

    async def _receive(self, response: aiohttp.ClientResponse, exchange: Exchange) -> None:
        exchange.headers_at = self.clock.monotonic() - exchange.began
        exchange.status = response.status
        headers = response.headers
        exchange.server = headers.get("Server", "")
        exchange.retry_after = headers.get("Retry-After", "")
        exchange.cert_not_after = certificate_end(response)
        reason = reason_of_status(response.status)
        if reason is not None:
            exchange.refusal = await self._read_refusal(response)
            exchange.fault = Fault(reason, f"HTTP {response.status}")
        elif response.content_type != "text/event-stream":
            exchange.refusal = await self._read_refusal(response)
            kind = response.content_type
            exchange.fault = Fault(FailureReason.MALFORMED_SSE, f"{kind} in place of a stream")
        else:
            await self._read_stream(response, exchange)

    async def _read_stream(self, response: aiohttp.ClientResponse, exchange: Exchange) -> None:
        listener = Listener(
            exchange.transcript,
            self.limits,
            clock=self.clock,
            began=exchange.began,
            sampler=self.sampler,
        )
        listener.reads = exchange.reads
        await listener.listen(response)
        exchange.first_delay, exchange.last_delay = listener.first_delay, listener.last_delay
        exchange.fault = listener.fault

    async def _drain(self, response: aiohttp.ClientResponse) -> None:
        """Read to the end of the body, so that the connection can be used again."""
        with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError, RuntimeError):
            async with asyncio.timeout(ERROR_BODY_SECONDS):
                while await response.content.readany():
                    pass

    async def _read_refusal(self, response: aiohttp.ClientResponse) -> str:
        body = b""
        with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError, RuntimeError):
            async with asyncio.timeout(ERROR_BODY_SECONDS):
                while len(body) < ERROR_BODY_BYTES:
                    read = await response.content.readany()
                    if not read:
                        break
                    body += read
        return body[:ERROR_BODY_BYTES].decode("utf-8", "replace")

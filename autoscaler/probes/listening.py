"""Reads one event stream to its end, and takes no more time over it than it must.

While tokens come, nothing depends on what they say: only when they came. So for the time of the
stream a `Listener` stands between the connection and aiohttp's own reader. It times each read as
the loop hands it over, keeps it, and wakes nobody; aiohttp gets the reads, one by one, as soon as
one of them could matter: before the first token, at anything that looks like an end or an error or
is cut off inside an event, when too much waits, and when a deadline passes. Waking the probe and
parsing for each token, between other probes' tokens, costs more than all the rest of a stream.

Deadlines are our own. A token moves its deadline on without a new timer: when the timer fires, one
looks what has come, and waits on if it was enough. Keep-alive comments are no tokens.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler

from autoscaler.core.words import FailureReason
from autoscaler.ports import Clock
from autoscaler.probes.chunks import DONE
from autoscaler.probes.config import Deadlines
from autoscaler.probes.failures import Fault, fault_of
from autoscaler.probes.honesty import LagSampler
from autoscaler.probes.transcript import End, Transcript

FINISHED_GRACE_SECONDS: Final = 2.0
"""How long `[DONE]` is waited for after a finish reason where it is not required."""
LARGEST_WAITING: Final = 64 * 1024
"""Bytes that may wait to be parsed: ten times a whole probe."""
LARGE_READ: Final = 4096
"""Bytes from which aiohttp may have paused its parser inside a raw read, and hold more back."""
WHOLE_ENDS: Final = (b"}\n\n\r\n", b"}\n\n")
"""How a read ends that holds whole events, the last of them JSON: with chunked framing, and
without. The end of a body and `[DONE]` look otherwise.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What bounds one exchange."""

    deadlines: Deadlines
    max_response_bytes: int
    max_event_bytes: int
    require_done: bool


class Listener(asyncio.Protocol):
    """Listens to one stream. What it hears stands in the transcript."""

    def __init__(
        self,
        transcript: Transcript,
        limits: Limits,
        *,
        clock: Clock,
        began: float,
        sampler: LagSampler | None = None,
    ) -> None:
        """`began` is the monotonic second from which all offsets count."""
        self.fault: Fault | None = None
        """What was wrong besides the stream: a deadline, or our own memory."""
        self.first_delay = 0.0
        """By how much our own loop may have been late at the first token, in seconds."""
        self.last_delay = 0.0
        """The same at the last read."""
        self.reads: list[tuple[float, bytes]] | None = None
        """Where reads and their offsets are kept for a debug story; None = nowhere."""
        self._transcript = transcript
        self._limits = limits
        self._monotonic = clock.monotonic
        self._began = began
        self._sampler = sampler
        self._loop = asyncio.get_running_loop()
        self._loop_began = self._loop.time() - (clock.monotonic() - began)
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: list[tuple[float, bytes]] = []
        self._waiting_size = 0
        self._is_whole = False
        """Whether the latest read ended where an event does."""

    async def listen(self, response: aiohttp.ClientResponse) -> None:
        """Listen until the stream has ended, whatever the end is."""
        connection = response.connection
        self._content = response.content
        self._reader: ResponseHandler | None = connection and connection.protocol
        self._transport: asyncio.Transport | None = connection and connection.transport
        if self._transport is not None:
            self._transport.set_protocol(self)
        try:
            now = self._monotonic()
            if self._sampler is not None:
                self.last_delay = self._sampler.delay(now)
            self._absorb(now)  # what came together with the headers
            if self._transport is None:
                self._break_off()
            if self._transcript.end is End.OPEN:
                self._set_timer()
                await self._ended
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            # A RuntimeError is aiohttp's word for a connection that is closed already.
            self._transcript.close(End.BROKEN, f"the body broke off: {error}")
        except MemoryError as error:
            self._transcript.close(End.BROKEN)
            self.fault = fault_of(error, has_headers=True, is_tls=False)
        finally:
            self._leave()

    def data_received(self, data: bytes) -> None:
        """A read: it is timed now, and may be parsed later."""
        now = self._monotonic()
        if self._sampler is not None:
            self.last_delay = self._sampler.delay(now)
        self._waiting.append((now, data))
        self._waiting_size += len(data)
        was_whole, self._is_whole = self._is_whole, data.endswith(WHOLE_ENDS)
        if (
            self._transcript.first_token_at is None
            or not (was_whole and self._is_whole and self._limits.require_done)
            or self._waiting_size > LARGEST_WAITING
            or DONE in data
            or b'"error"' in data
        ):
            self._settle()

    def eof_received(self) -> None:
        """The server will send nothing more; the transport closes itself."""
        self._settle()
        if self._reader is not None:
            self._reader.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone: aiohttp says whether that was a proper end of the body."""
        self._settle()
        self._transport = None
        if self._reader is not None:
            self._reader.connection_lost(exc)
        if not self._ended.done():
            self._settle(is_over=True)
        if not self._ended.done():
            self._break_off()
            self._end()

    def pause_writing(self) -> None:
        """The request is still on its way, and its sender must wait."""
        if self._reader is not None:
            self._reader.pause_writing()

    def resume_writing(self) -> None:
        """It may go on."""
        if self._reader is not None:
            self._reader.resume_writing()

    def _settle(self, *, is_over: bool = False) -> None:
        """Have aiohttp and the transcript read what waits; then all is as if nothing had.

        `is_over`: aiohttp knows that no more will come, which may be the proper end of the body.
        """
        waiting, self._waiting, self._waiting_size = self._waiting, [], 0
        transcript = self._transcript
        had_begun = transcript.first_token_at is not None
        try:
            for at, data in waiting:
                if self._reader is not None and transcript.end is End.OPEN:
                    self._reader.data_received(data)
                    self._absorb(at)
            if is_over:
                self._absorb(self._monotonic())
        except Exception as error:  # noqa: BLE001  # raised where the probe waits, not in the loop
            if not self._ended.done():
                self._ended.set_exception(error)
            return
        if transcript.end is not End.OPEN:
            self._end()
        elif not had_begun or transcript.finish_reason:
            self._set_timer()  # a phase with a nearer deadline may have begun

    def _absorb(self, now: float) -> None:
        """Read what aiohttp has made of the latest raw read, which came at `now`."""
        transcript, offset = self._transcript, now - self._began
        is_large = True
        while is_large and transcript.end is End.OPEN and (read := self._content.read_nowait()):
            is_first = transcript.first_token_at is None
            transcript.take(offset, read)
            if is_first:  # overwritten until the first token is in
                self.first_delay = self.last_delay
            if self.reads is not None:
                self.reads.append((offset, read))
            is_large = len(read) >= LARGE_READ
            if transcript.size > self._limits.max_response_bytes:
                transcript.close(End.MALFORMED, "the response is larger than any completion")
        if self._content.at_eof():
            transcript.close(End.CLEAN)

    def _break_off(self) -> None:
        self._transcript.close(End.BROKEN, "the body broke off: Connection closed.")

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline()[0], self._on_time)

    def _on_time(self) -> None:
        """The deadline as it stood when the timer was set: perhaps it has moved since."""
        self._settle()
        if self._ended.done():
            return
        deadline, reason = self._deadline()
        if self._loop.time() < deadline:
            self._set_timer()
            return
        self._time_out(reason)
        self._end()

    def _deadline(self) -> tuple[float, FailureReason]:
        """Loop time at which the present phase ends, and what its passing is called."""
        deadlines, transcript = self._limits.deadlines, self._transcript
        total = self._loop_began + deadlines.total
        if transcript.first_token_at is None:
            first = self._loop_began + deadlines.first_token
            if first <= total:
                return first, FailureReason.TIMEOUT_TTFT
            return total, FailureReason.TIMEOUT_TOTAL
        gap = deadlines.gap
        if transcript.finish_reason and not self._limits.require_done:
            gap = min(gap, FINISHED_GRACE_SECONDS)
        stall = self._loop_began + transcript.arrivals.last_read_at + gap
        return min((stall, FailureReason.TIMEOUT_STALL), (total, FailureReason.TIMEOUT_TOTAL))

    def _time_out(self, reason: FailureReason) -> None:
        transcript, deadlines = self._transcript, self._limits.deadlines
        if transcript.finish_reason and not self._limits.require_done:
            transcript.close(End.CLEAN)
            return
        transcript.close(End.TIMEOUT)
        self.fault = Fault(
            reason,
            {
                FailureReason.TIMEOUT_TTFT: f"no token within {deadlines.first_token:g} s",
                FailureReason.TIMEOUT_STALL: f"no further token within {deadlines.gap:g} s",
                FailureReason.TIMEOUT_TOTAL: f"not finished within {deadlines.total:g} s",
            }[reason],
        )

    def _end(self) -> None:
        """The stream has ended: aiohttp's reader takes its place again at once, because the
        connection may be handed on.
        """
        self._leave()
        if not self._ended.done():
            self._ended.set_result(None)

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        transport, self._transport = self._transport, None
        if transport is not None and self._reader is not None:
            transport.set_protocol(self._reader)

"""Sends one answer as server-sent events, token by token, with the faults of streams alone."""

import math
from collections.abc import Awaitable, Callable

from aiohttp import web

from autoscaler.emulator.chunks import DONE, Answer, error_event, event
from autoscaler.emulator.faults import Fault, FaultKind
from autoscaler.emulator.lifecycle import Unit
from autoscaler.emulator.outlet import Outlet
from autoscaler.emulator.replies import TIMELINE
from autoscaler.emulator.stream import Stream
from autoscaler.emulator.strikes import HOSTILE, break_off, struck
from autoscaler.emulator.timeline import Timeline

Wait = Callable[[float], Awaitable[None]]
"""Waits until an instant of the time line."""

EVENT_STREAM = "text/event-stream; charset=utf-8"


class Watch:
    """One request of the fleet, seen by the one who waits for its tokens."""

    def __init__(self, unit: Unit, stream: Stream, timeline: Timeline) -> None:
        self._unit = unit
        self._stream = stream
        self._timeline = timeline
        self._seen = 0

    @property
    def is_complete(self) -> bool:
        """True if every token was computed and seen."""
        return self._stream.finished and self._seen == len(self._stream.tokens)

    async def next_token(self, wait: Wait) -> int | None:
        """Wait for the next token and return its number from 1; None = there is no further one."""
        stream = self._stream
        while self._seen == len(stream.tokens):
            at = stream.next_at()
            if at is None or not self._unit.is_serving:
                return None
            await wait(at)
            self._unit.advance(max(at, self._timeline.now()))
        self._seen += 1
        return self._seen

    def leave(self) -> None:
        """Abort the request unless it has ended: the client is gone, or has what it wanted."""
        if not self._stream.ended:
            self._stream.abort(max(self._timeline.now(), self._unit.fleet.now))


async def stream_answer(request: web.Request, watch: Watch, answer: Answer) -> web.StreamResponse:
    """Send the answer; headers leave at once, as vLLM's do."""
    response = web.StreamResponse(headers={"Content-Type": EVENT_STREAM})
    if struck(request, FaultKind.WRONG_CONTENT_TYPE):
        response.headers["Content-Type"] = "text/plain"
    response.enable_chunked_encoding()
    await response.prepare(request)
    outlet = Outlet(response, request.config_dict[TIMELINE], bundle_seconds=_bundle(request))
    is_whole = await _Telling(request, watch, answer, outlet).tell()
    await outlet.flush()
    if not is_whole:
        break_off(request, reset=False)
        return response
    await response.write_eof()
    return response


class _Telling:
    """One stream under way."""

    def __init__(self, request: web.Request, watch: Watch, answer: Answer, outlet: Outlet) -> None:
        self._request = request
        self._watch = watch
        self._answer = answer
        self._outlet = outlet
        self._is_introduced = False

    async def tell(self) -> bool:
        """Send all chunks; False = the connection is to be broken off."""
        if self._answer.serving.early_role_chunk or self._hit(FaultKind.HANG_FIRST_TOKEN):
            await self._introduce()
        if fault := self._hit(FaultKind.HANG_FIRST_TOKEN):
            await self._hang(fault.seconds)
            return False
        if self._hit(FaultKind.EMPTY_STREAM):
            await self._introduce()
            await self._outlet.write(DONE)
            return True
        if fault := self._hit(FaultKind.HUGE_EVENT):
            await self._outlet.write(b"data: " + b"x" * fault.count)
        if self._hit(FaultKind.HOSTILE_JSON):
            await self._outlet.write(event(HOSTILE))
        return await self._tell_tokens()

    async def _tell_tokens(self) -> bool:
        first, per_chunk = 1, self._answer.serving.tokens_per_chunk
        total = self._answer.chat.output_tokens
        while (number := await self._watch.next_token(self._outlet.wait_until)) is not None:
            await self._introduce()
            if number - first + 1 >= per_chunk or number == total:
                await self._outlet.write(self._answer.token_chunk(first, number))
                first = number + 1
            if (ending := await self._early_end(number, total)) is not None:
                return ending
        if not self._watch.is_complete:
            return False
        if self._answer.chat.include_usage:
            await self._outlet.write(self._answer.usage_chunk())
        if not self._hit(FaultKind.NO_DONE):
            await self._outlet.write(DONE)
        return True

    async def _early_end(self, number: int, total: int) -> bool | None:
        """Carry out the faults that strike after some tokens; None = the stream goes on."""
        if self._hit(FaultKind.TRUNCATED) and number >= max(1, total // 2):
            return False
        if (fault := self._hit(FaultKind.HANG_MID_STREAM)) and number >= fault.count:
            await self._hang(fault.seconds)
            return False
        if (fault := self._hit(FaultKind.ERROR_EVENT)) and number >= fault.count:
            await self._outlet.write(error_event())
            await self._outlet.write(DONE)
            return True
        return None

    async def _introduce(self) -> None:
        if not self._is_introduced:
            self._is_introduced = True
            await self._outlet.write(self._answer.role_chunk())

    async def _hang(self, seconds: float) -> None:
        await self._outlet.flush()
        timeline = self._request.config_dict[TIMELINE]
        await timeline.sleep_until(timeline.now() + seconds)

    def _hit(self, kind: FaultKind) -> Fault | None:
        return struck(self._request, kind)


def _bundle(request: web.Request) -> float:
    """Seconds of chunks that a gateway sends in one piece."""
    if struck(request, FaultKind.BUFFERED):
        return math.inf
    fault = struck(request, FaultKind.MERGED)
    return fault.seconds if fault else 0.0

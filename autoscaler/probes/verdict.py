"""From the events of one stream to a verdict, by the strict rule. Pure.

A probe succeeded if and only if: status 200, an event stream, no error object in it, at least one
token, a finish reason, `[DONE]` (relaxable), the right model, and text that is not degenerate
(monitoring.md 5.3). HTTP status and exceptions are judged in `failures`; here begins the body.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from autoscaler.core.words import FailureReason
from autoscaler.probes.chunks import DONE, Chunk, MalformedEvent, parse_chunk
from autoscaler.probes.sse import MAX_EVENT_BYTES, EventStream, OversizeEvent
from autoscaler.probes.timing import Arrivals, Timing, judge_times

GOOD_FINISHES: Final = frozenset({"stop", "length", "tool_calls"})
"""Anything else (`abort`, `error`, `content_filter`) is an output that was cut off."""
JUDGED_TOKENS: Final = 24
"""Chunks that the test for degenerate text looks at: beyond a model's natural end, which
`ignore_eos` runs past, repetition is no fault.
"""
FEWEST_JUDGED: Final = 8
"""Chunks below which a repetition may be chance."""
DEGENERATE_SHARE: Final = 0.9
LARGEST_WAITING: Final = 64 * 1024
"""Bytes that may wait to be parsed: ten times a whole probe."""


class End(StrEnum):
    """How the body ended."""

    OPEN = "open"
    """It has not ended."""
    DONE = "done"
    """`[DONE]` came."""
    CLEAN = "clean"
    """End of the body, properly closed."""
    BROKEN = "broken"
    """The connection broke inside the body."""
    MALFORMED = "malformed"
    """It cannot be read as a stream of completion chunks."""
    TIMEOUT = "timeout"
    """A deadline of ours passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one stream was worth."""

    failure: FailureReason | None
    detail: str
    ttft_seconds: float | None
    first_content_seconds: float | None
    timing: Timing
    prompt_tokens: int | None
    cached_tokens: int | None
    finish_reason: str
    model: str


@dataclass(slots=True)
class Transcript:
    """Takes the reads of one stream as they come; cheap, and bounded whatever comes."""

    max_event_bytes: int = MAX_EVENT_BYTES
    eager: bool = False
    """Whether every read is parsed at once; otherwise those that can wait are left for later."""
    arrivals: Arrivals = field(default_factory=Arrivals)
    end: End = End.OPEN
    end_detail: str = ""
    first_token_at: float | None = None
    first_content_at: float | None = None
    first_reasoning_at: float | None = None
    total: int | None = None
    """The server's last count of tokens."""
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    finish_reason: str = ""
    model: str = ""
    error: str = ""
    events: int = 0
    size: int = 0
    """Bytes read."""
    texts: list[str] = field(default_factory=list)
    """Text of the first token-bearing chunks."""
    has_text: bool = False
    waiting: list[tuple[float, bytes]] = field(default_factory=list)
    """Reads that are not parsed yet, and when they came."""
    waiting_size: int = 0
    stream: EventStream = field(init=False)

    def __post_init__(self) -> None:
        self.stream = EventStream(max_event_bytes=self.max_event_bytes)

    def take(self, at: float, read: bytes) -> None:
        """One read, `at` seconds after the send. It is timed now; it may be parsed later.

        Between the first token and the end nothing depends on what a read says, and parsing a
        stream in one go costs half of parsing it token by token between other probes' tokens.
        """
        self.size += len(read)
        self.waiting.append((at, read))
        self.waiting_size += len(read)
        if (
            self.eager
            or self.first_token_at is None
            or self.waiting_size > LARGEST_WAITING
            or not read.endswith(b"\n\n")  # it ends inside an event
            or self.stream.is_open  # it began inside one
            or DONE in read
            or b'"error"' in read
        ):
            self.settle()

    def settle(self) -> None:
        """Parse what waits; after it all fields are as if every read had been parsed at once."""
        waiting, self.waiting, self.waiting_size = self.waiting, [], 0
        for at, read in waiting:
            self._parse(at, read)

    def close(self, end: End, detail: str = "") -> None:
        """The body ended otherwise than by `[DONE]`; ignored if it had ended already."""
        self.settle()
        if self.end is End.OPEN:
            self.end, self.end_detail = end, detail

    def _parse(self, at: float, read: bytes) -> None:
        if self.end is not End.OPEN:
            return
        try:
            for event in self.stream.feed(read):
                if event == DONE:
                    self.end = End.DONE
                    return
                self.events += 1
                self._read(at, parse_chunk(event))
                if self.error:
                    self.end = End.CLEAN  # nothing that follows could change the verdict
                    return
        except (OversizeEvent, MalformedEvent) as error:
            self.end, self.end_detail = End.MALFORMED, str(error)

    def _read(self, at: float, chunk: Chunk) -> None:
        if chunk.error:
            self.error = chunk.error
            return
        if chunk.model:
            self.model = self.model or chunk.model
        if chunk.finish_reason:
            self.finish_reason = chunk.finish_reason
        bears = self._bears_token(chunk)
        if chunk.completion_tokens is not None:
            self.total = chunk.completion_tokens
        if chunk.prompt_tokens is not None:
            self.prompt_tokens = chunk.prompt_tokens
        if chunk.cached_tokens is not None:
            self.cached_tokens = chunk.cached_tokens
        if bears:
            self._take_token(at, chunk)

    def _bears_token(self, chunk: Chunk) -> bool:
        """True for text, and for a token held back: the count tells of it, or, where none is kept,
        an empty delta in the midst. The final count tells of none: it comes without a choice, or
        beside the finish reason.
        """
        if chunk.kind:
            return True
        counted = chunk.completion_tokens
        if counted is None:
            return chunk.is_silent and self.first_token_at is not None
        return counted > (self.total or 0) and chunk.has_choice and not chunk.finish_reason

    def _take_token(self, at: float, chunk: Chunk) -> None:
        self.arrivals.add(at, chunks=1, counted=chunk.completion_tokens)
        if self.first_token_at is None:
            self.first_token_at = at
        if chunk.kind == "content":
            self.has_text = True
            if self.first_content_at is None:
                self.first_content_at = at
        elif chunk.kind == "reasoning":
            self.has_text = True
            if self.first_reasoning_at is None:
                self.first_reasoning_at = at
        elif chunk.kind == "tool":
            self.has_text = True
        if len(self.texts) < JUDGED_TOKENS:
            self.texts.append(chunk.text)


def judge(transcript: Transcript, *, model: str | None, require_done: bool = True) -> Verdict:
    """The verdict on a stream that has ended; `model` None = any name will do.

    A stream that ended by a deadline is judged for what came before it; which deadline it was is
    the caller's to say.
    """
    timing = judge_times(transcript.arrivals, total=transcript.total)
    failure, detail = _failure(transcript, model=model, require_done=require_done)
    buffered = timing.buffered
    reasoned_first = transcript.first_reasoning_at is not None
    return Verdict(
        failure=failure,
        detail=detail,
        ttft_seconds=None if buffered else transcript.first_token_at,
        first_content_seconds=transcript.first_content_at
        if reasoned_first and not buffered
        else None,
        timing=timing,
        prompt_tokens=transcript.prompt_tokens,
        cached_tokens=transcript.cached_tokens,
        finish_reason=transcript.finish_reason,
        model=transcript.model,
    )


def is_same_model(wanted: str, seen: str) -> bool:
    """True if a server that was asked for `wanted` may call itself `seen`.

    Servers answer with the whole path, its last part, or with a revision behind an `@`; an empty
    name says nothing.
    """
    seen = seen.partition("@")[0].casefold()
    wanted = wanted.casefold()
    return not seen or seen == wanted or seen.rpartition("/")[2] == wanted.rpartition("/")[2]


def is_degenerate(texts: list[str]) -> bool:
    """True if nine of ten of the first tokens are the same, or nothing but exclamation marks came:
    the looks of weights that are not numbers any more.
    """
    judged = [text for text in texts[:JUDGED_TOKENS] if text]
    if len(judged) < FEWEST_JUDGED:
        return False
    if not "".join(judged).strip("! \n"):
        return True
    return Counter(judged).most_common(1)[0][1] >= DEGENERATE_SHARE * len(judged)


def _failure(
    transcript: Transcript, *, model: str | None, require_done: bool
) -> tuple[FailureReason | None, str]:
    if transcript.error:
        return FailureReason.STREAM_ERROR, transcript.error
    if transcript.end is End.MALFORMED:
        return FailureReason.MALFORMED_SSE, transcript.end_detail
    tokens = transcript.total or transcript.arrivals.chunks
    if transcript.end is End.BROKEN:
        return FailureReason.TRUNCATED, transcript.end_detail or "the connection broke"
    if not tokens:
        return _without_tokens(transcript)
    whole = transcript.end is End.DONE or not require_done
    if transcript.finish_reason not in GOOD_FINISHES or not whole:
        return FailureReason.TRUNCATED, _cut(transcript)
    return _content_failure(transcript, model)


def _content_failure(transcript: Transcript, model: str | None) -> tuple[FailureReason | None, str]:
    """A stream that is whole may still be of no use."""
    if model is not None and not is_same_model(model, transcript.model):
        answered = f"asked for {model}, answered by {transcript.model[:100]}"
        return FailureReason.WRONG_MODEL, answered
    if not transcript.has_text or is_degenerate(transcript.texts):
        return FailureReason.DEGENERATE, _looks(transcript)
    return None, ""


def _without_tokens(transcript: Transcript) -> tuple[FailureReason, str]:
    """Nothing came. A stream that finished, or never began, is empty; else it was cut."""
    finished = transcript.end is End.DONE or bool(transcript.finish_reason)
    if finished or not transcript.events:
        return FailureReason.EMPTY, "the stream ended properly and bore no token"
    return FailureReason.TRUNCATED, "the stream ended before its first token"


def _cut(transcript: Transcript) -> str:
    if transcript.finish_reason in GOOD_FINISHES:
        return "the stream ended without [DONE]"
    if transcript.finish_reason:
        return f"the server gave up: finish_reason {transcript.finish_reason[:40]}"
    return f"the stream ended after {transcript.arrivals.chunks} chunks without a finish reason"


def _looks(transcript: Transcript) -> str:
    if not transcript.has_text:
        return f"{transcript.total} tokens and no text"
    return f"the tokens repeat: {''.join(transcript.texts[:8])!r}"

"""What came of one stream, read by read; bounded, whatever comes. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from autoscaler.probes.chunks import DONE, Chunk, MalformedEvent, parse_chunk
from autoscaler.probes.shortcut import Shortcut
from autoscaler.probes.sse import MAX_EVENT_BYTES, EventStream, OversizeEvent
from autoscaler.probes.timing import Arrivals

JUDGED_TOKENS: Final = 24
"""Chunks whose text is kept, for the test for degenerate text: beyond a model's natural end, which
`ignore_eos` runs past, repetition is no fault.
"""


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


@dataclass(slots=True)
class Transcript:
    """Takes the reads of one stream in their order."""

    max_event_bytes: int = MAX_EVENT_BYTES
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
    shortcut: Shortcut = field(default_factory=Shortcut)
    stream: EventStream = field(init=False)

    def __post_init__(self) -> None:
        self.stream = EventStream(max_event_bytes=self.max_event_bytes)

    def take(self, at: float, read: bytes) -> None:
        """One read, which came `at` seconds after the send."""
        self.size += len(read)
        if self.end is not End.OPEN:
            return
        known = None if self.stream.is_open else self.shortcut.match(read)
        if known is None:
            self._parse(at, read)
            return
        self.events += 1
        text, counted = known
        if counted is not None:
            self.total = counted
        self._take_token(at, self.shortcut.kind, text=text, counted=counted)

    def close(self, end: End, detail: str = "") -> None:
        """The body ended otherwise than by `[DONE]`; ignored if it had ended already."""
        if self.end is End.OPEN:
            self.end, self.end_detail = end, detail

    def _parse(self, at: float, read: bytes) -> None:
        try:
            events = self.stream.feed(read)
            for event in events:
                if not self._take_event(at, event):
                    return
        except (OversizeEvent, MalformedEvent) as error:
            self.end, self.end_detail = End.MALFORMED, str(error)

    def _take_event(self, at: float, event: bytes) -> bool:
        """Read one event; False if it ended the stream."""
        if event == DONE:
            self.end = End.DONE
            return False
        self.events += 1
        chunk = parse_chunk(event)
        self._read(at, chunk)
        if chunk.error:
            self.end = End.CLEAN  # nothing that follows could change the verdict
            return False
        if chunk.kind and not self.stream.is_open:
            self.shortcut.learn(b"data: %s\n\n" % event, chunk)
        return True

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
            self._take_token(at, chunk.kind, text=chunk.text, counted=chunk.completion_tokens)

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

    def _take_token(self, at: float, kind: str, *, text: str, counted: int | None) -> None:
        self.arrivals.add(at, chunks=1, counted=counted)
        if self.first_token_at is None:
            self.first_token_at = at
        if kind:
            self.has_text = True
        if kind == "content" and self.first_content_at is None:
            self.first_content_at = at
        elif kind == "reasoning" and self.first_reasoning_at is None:
            self.first_reasoning_at = at
        if len(self.texts) < JUDGED_TOKENS:
            self.texts.append(text)

r"""Event-stream parser: bytes in any split, events out. Pure and incremental.

It follows the WHATWG rules for `text/event-stream` as far as a completion stream needs them: lines
end in LF, CR LF or CR; one leading byte order mark is dropped; lines that begin with a colon are
comments (keep-alives); the `data` lines of one event are joined by LF; a blank line ends an event;
an event that the stream's end leaves open is none. Other fields (`event`, `id`, `retry`) are
ignored.

Events are bytes: a character that two reads share is whole again before anybody decodes it.

>>> stream = EventStream()
>>> stream.feed(b'data: {"a"')
[]
>>> stream.feed(b": 1}\r\n\r\ndata: [DONE]\n\n")
[b'{"a": 1}', b'[DONE]']
"""

from typing import Final

MAX_EVENT_BYTES: Final = 1024 * 1024
"""An event of a completion stream has some hundred bytes; 1 MiB is hostile or broken."""

_BOM: Final = b"\xef\xbb\xbf"


class OversizeEvent(Exception):
    """One event grew past the limit; the stream cannot be read any further."""


class EventStream:
    """One stream. Feed it every read, in order."""

    __slots__ = ("_after_cr", "_data", "_head", "_limit", "_line", "_size", "comments")

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._limit = max_event_bytes
        self._head: bytes | None = b""
        """The first bytes while they may still be a byte order mark; None afterwards."""
        self._after_cr = False
        """True if the last byte was a CR: an LF that follows belongs to it."""
        self._line = bytearray()
        """The line that no line end has closed yet."""
        self._data: list[bytes] = []
        """The `data` lines of the event that no blank line has closed yet."""
        self._size = 0
        self.comments = 0
        """Comment lines (keep-alives) so far."""

    @property
    def is_open(self) -> bool:
        """True if an event has begun and not ended: if the stream ends now, it was truncated."""
        return bool(self._data or self._line)

    def feed(self, read: bytes) -> list[bytes]:
        """The events that `read` completes, as their data. Raises OversizeEvent."""
        if self._head is not None:
            read = self._drop_mark(read)
        if self._after_cr or b"\r" in read:
            read = self._unify_line_ends(read)
        *lines, rest = read.split(b"\n")
        events: list[bytes] = []
        if lines:
            if self._line:
                lines[0] = bytes(self._line) + lines[0]
                self._line.clear()
            for line in lines:
                self._take(line, events)
        if rest:
            self._line += rest
            self._check(self._size + len(self._line))
        return events

    def _take(self, line: bytes, events: list[bytes]) -> None:
        if not line:
            if self._data:
                events.append(b"\n".join(self._data))
                self._data.clear()
                self._size = 0
            return
        if line.startswith(b"data:"):
            value = line[6:] if line[5:6] == b" " else line[5:]
        elif line == b"data":
            value = b""
        else:
            self.comments += line.startswith(b":")
            self._check(len(line))
            return
        self._data.append(value)
        self._size += len(value) + 1
        self._check(self._size)

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise OversizeEvent(f"an event of more than {self._limit} bytes")

    def _drop_mark(self, read: bytes) -> bytes:
        head = (self._head or b"") + read
        if len(head) < len(_BOM) and _BOM.startswith(head):
            self._head = head
            return b""
        self._head = None
        return head.removeprefix(_BOM)

    def _unify_line_ends(self, read: bytes) -> bytes:
        if not read:
            return read
        ends_in_cr = read.endswith(b"\r")
        if self._after_cr and read.startswith(b"\n"):
            read = read[1:]
        self._after_cr = ends_in_cr
        return read.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

"""The event-stream parser: any split of the same bytes gives the same events."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.probes.sse import EventStream, OversizeEvent


def parse(*reads: bytes, limit: int = 1024) -> list[bytes]:
    stream = EventStream(max_event_bytes=limit)
    return [event for read in reads for event in stream.feed(read)]


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data: a\r\n\r\n", [b"a"]),
        (b"data: a\r\r", [b"a"]),
        (b"data: a\n\r\n", [b"a"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
        (b": keep-alive\n\ndata: a\n\n", [b"a"]),
        (b"data: a\n: between\ndata: b\n\n", [b"a\nb"]),
        (b"data: a\ndata\ndata: b\n\n", [b"a\n\nb"]),
        (b"data:\n\n", [b""]),
        (b"\n\n\n\ndata: a\n\n\n\n", [b"a"]),
        (b"event: x\nid: 7\nretry: 5\ndata: a\n\n", [b"a"]),
        (b"event: x\n\n", []),
        (b"datax: a\n\n", []),
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\n\ndata: b\n", [b"a"]),
        (b"data: a\n\ndata: b", [b"a"]),
        (b"", []),
    ],
)
def test_it_follows_the_rules_of_event_streams(text: bytes, events: list[bytes]) -> None:
    assert parse(text) == events


line_ends = st.sampled_from([b"\n", b"\r\n", b"\r"])
lines = st.one_of(
    st.sampled_from([b"", b"data", b"data:", b": ping", b"data: [DONE]", b"event: x"]),
    st.text(alphabet="aé漢🙂 :", max_size=8).map(lambda text: b"data: " + text.encode()),
)
streams = st.lists(st.tuples(lines, line_ends), max_size=30).map(
    lambda pairs: b"".join(line + end for line, end in pairs)
)


@given(st.data())
def test_any_split_of_the_same_bytes_gives_the_same_events(data: st.DataObject) -> None:
    """Also inside a character, between CR and LF, and inside the byte order mark."""
    text = data.draw(st.one_of(streams, st.binary(max_size=200)))
    text = data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    edges = [0, *cuts, len(text)]
    reads = [text[a:b] for a, b in itertools.pairwise(edges)]
    one = EventStream()
    many = EventStream()
    whole = one.feed(text)
    assert [event for read in reads for event in many.feed(read)] == whole
    assert many.is_open == one.is_open
    assert many.comments == one.comments
    single = [text[i : i + 1] for i in range(len(text))]
    assert parse(*single, limit=10**6) == whole


@given(st.lists(st.text(max_size=20).filter(lambda text: not set("\r\n") & set(text))))
def test_what_was_written_is_what_is_read(texts: list[str]) -> None:
    written = b"".join(b"data: " + text.encode() + b"\n\n" for text in texts)
    assert parse(written) == [text.encode() for text in texts]


@pytest.mark.parametrize(
    "reads",
    [
        [b"data: " + b"x" * 2000],
        [b"data: x\n"] * 600,
        [b"data\n"] * 2000,
        [b": " + b"x" * 2000 + b"\n"],
        [b"x"] * 2000,
    ],
    ids=["one line", "many lines", "many empty lines", "a comment", "byte by byte"],
)
def test_an_event_past_the_limit_is_refused(reads: list[bytes]) -> None:
    with pytest.raises(OversizeEvent):
        parse(*reads)


def test_the_limit_is_of_one_event_not_of_the_stream() -> None:
    assert len(parse(*[b"data: " + b"x" * 100 + b"\n\n"] * 100, limit=200)) == 100


def test_an_unterminated_event_is_told() -> None:
    stream = EventStream()
    stream.feed(b"data: a\n")
    assert stream.is_open
    stream.feed(b"\n")
    assert not stream.is_open


def test_a_long_line_byte_by_byte_takes_linear_time() -> None:
    """A quadratic parser would copy a gigabyte for this."""
    stream = EventStream()
    for _ in range(50_000):
        stream.feed(b"x")
    assert stream.feed(b"\n\n") == []

"""What the shortcut says of a stream is what parsing every event says."""

import itertools
import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core.model import Json
from autoscaler.probes.chunks import parse_chunk
from autoscaler.probes.shortcut import Shortcut
from autoscaler.probes.transcript import End, Transcript
from autoscaler.probes.verdict import judge

texts = st.one_of(
    st.text(max_size=6),
    st.sampled_from([" w", '"', "\\", "\n", "\u001f", "é", "🙂", "", '"completion_tokens":7', "!"]),
)


@st.composite
def events(draw: st.DrawFn) -> bytes:
    """One event of a stream, in one of the shapes that servers use."""
    field = draw(
        st.sampled_from(["content", "content", "content", "reasoning", "reasoning_content"])
    )
    finish = draw(st.sampled_from([None, None, None, "length", "stop"]))
    choice: Json = {"index": 0, "delta": {field: draw(texts)}, "finish_reason": finish}
    body: dict[str, Json] = {"id": "c1", "model": "m", "choices": [choice]}
    counted = draw(st.none() | st.integers(0, 300))
    if counted is not None:
        body["usage"] = {"prompt_tokens": 40, "completion_tokens": counted, "total_tokens": 9}
    if draw(st.integers(0, 20)) == 0:
        body = draw(
            st.sampled_from([{"error": "x"}, {"choices": []}, {"choices": [], "usage": None}])
        )
    compact = draw(st.booleans())
    text = json.dumps(
        body, ensure_ascii=draw(st.booleans()), separators=(",", ":") if compact else None
    )
    if draw(st.integers(0, 30)) == 0:
        text = text[:-2]
    return draw(
        st.sampled_from([b"data: ", b"data: ", b"data:", b": ping\n\ndata: "])
    ) + text.encode("utf-8", "replace")


class Blind(Shortcut):
    """Recognises nothing."""

    def match(self, read: bytes) -> None:
        del read


@given(st.lists(events(), max_size=25), st.data())
def test_it_says_what_parsing_every_event_says(stream: list[bytes], data: st.DataObject) -> None:
    end = data.draw(st.sampled_from([b"\n\n", b"\r\n\r\n"]))
    last = data.draw(st.sampled_from([[], [b"data: [DONE]"]]))
    reads = [event + end for event in [*stream, *last]]
    if data.draw(st.booleans()):
        whole = b"".join(reads)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
        edges = [0, *cuts, len(whole)]
        reads = [whole[a:b] for a, b in itertools.pairwise(edges)]
    told = []
    for shortcut in (Blind(), Shortcut()):
        transcript = Transcript(shortcut=shortcut)
        for i, read in enumerate(reads):
            transcript.take(0.02 * i, read)
        transcript.close(End.CLEAN)
        told.append((asdict(judge(transcript, model="m")), transcript.end, transcript.events))
    assert told[0] == told[1]


EVENT = (
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":" a"},'
    b'"finish_reason":null}],"usage":{"prompt_tokens":40,"completion_tokens":1}}\n\n'
)


def known() -> Shortcut:
    shortcut = Shortcut()
    shortcut.learn(EVENT, parse_chunk(EVENT[6:-2]))
    return shortcut


def test_one_more_token_is_recognised() -> None:
    more = EVENT.replace(b" a", " é".encode()).replace(b'tokens":1', b'tokens":12')
    assert known().match(more) == (" é", 12)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b" a", b""),
        (b" a", b'\\"'),
        (b" a", b"a\nb"),
        (b" a", b"a\x01"),
        (b"null", b'"length"'),
        (b'"c"', b'"d"'),
        (b"content", b"reasoning"),
        (b',"completion_tokens":1', b""),
        (b"}\n\n", b"\n\n"),
        (b"\n\n", b"\n"),
    ],
)
def test_whatever_differs_is_left_to_the_parser(old: bytes, new: bytes) -> None:
    assert known().match(EVENT.replace(old, new)) is None


def test_nothing_is_recognised_before_something_was_learned() -> None:
    assert Shortcut().match(EVENT) is None

"""A stream's reads may wait to be parsed; what ends the stream may not."""

import asyncio
import json

import pytest
from helpers_probes import MODEL, Talk, config, serving
from probe_stories import Virtual, probe_once

from autoscaler.core.model import Json
from autoscaler.core.words import FailureReason

DONE = b"e\r\ndata: [DONE]\n\n\r\n"


async def say_tokens(talk: Talk, *, finish: str | None = "length") -> None:
    """24 tokens, 20 ms apart."""
    await talk.head()
    for i in range(24):
        choice: Json = {
            "index": 0,
            "delta": {"content": f" w{i}"},
            "finish_reason": finish if i == 23 else None,
        }
        await talk.event({"model": MODEL, "choices": [choice]})
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("cut", [0, 3, 9, 12, 14, 17, 18])
def test_done_is_seen_at_once_however_it_is_cut(virtual: Virtual, cut: int) -> None:
    """The connection stays open and no end of the body comes."""

    async def script(talk: Talk) -> None:
        await say_tokens(talk)
        await talk.raw(DONE[:cut])
        await asyncio.sleep(0.02)
        await talk.raw(DONE[cut:])
        await talk.gone()

    async def story() -> None:
        async with serving(script) as endpoint:
            result = await probe_once(endpoint)
            assert result.ok, result.detail
            assert result.duration_seconds < 0.6
            assert result.itl_seconds == pytest.approx(0.02, abs=1e-6)

    virtual(story())


def test_an_error_ends_a_stream_at_once(virtual: Virtual) -> None:
    async def script(talk: Talk) -> None:
        await say_tokens(talk, finish=None)
        await talk.event({"error": {"message": "out of blocks"}})
        await talk.gone()

    async def story() -> None:
        async with serving(script) as endpoint:
            result = await probe_once(endpoint)
            assert result.failure is FailureReason.STREAM_ERROR
            assert result.duration_seconds < 0.6

    virtual(story())


def test_tokens_that_wait_when_the_connection_breaks_are_counted(virtual: Virtual) -> None:
    async def script(talk: Talk) -> None:
        await say_tokens(talk, finish=None)
        talk.reset()

    async def story() -> None:
        async with serving(script) as endpoint:
            result = await probe_once(endpoint)
            assert result.failure is FailureReason.TRUNCATED
            assert result.output_tokens == 24
            assert len(result.token_times) == 24

    virtual(story())


@pytest.mark.parametrize("finish", ["length", None])
def test_a_body_that_ends_with_its_connection_has_ended_properly(
    virtual: Virtual, finish: str | None
) -> None:
    """Neither a length nor chunks are told: then the connection's end is the body's (RFC 9112 6.3).
    Whether the stream was whole is told by its finish reason.
    """

    async def script(talk: Talk) -> None:
        await talk.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
        await talk.raw(b"Connection: close\r\n\r\n")
        for i in range(24):
            choice: Json = {
                "index": 0,
                "delta": {"content": f" w{i}"},
                "finish_reason": finish if i == 23 else None,
            }
            await talk.raw(
                b"data: %s\n\n" % json.dumps({"model": MODEL, "choices": [choice]}).encode()
            )
            await asyncio.sleep(0.02)
        talk.writer.close()

    async def story() -> None:
        async with serving(script) as endpoint:
            result = await probe_once(endpoint, config(require_done=False))
            assert result.ok is (finish is not None), result.detail
            assert result.output_tokens == 24
            assert result.duration_seconds < 0.6

    virtual(story())

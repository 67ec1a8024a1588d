"""Other ways in which servers fail, and the reasons they are given."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from helpers_probes import Script, Talk, config, role, serving, token
from probe_servers import another_model, answering
from probe_stories import Virtual, probe_once

from autoscaler.core.words import FailureReason

VARIANTS: dict[str, tuple[Script, FailureReason]] = {}


def variant(reason: FailureReason) -> Callable[[Script], Script]:
    def enter(script: Script) -> Script:
        VARIANTS[getattr(script, "__name__", "")] = (script, reason)
        return script

    return enter


@variant(FailureReason.MALFORMED_SSE)
async def json_in_place_of_a_stream(talk: Talk) -> None:
    await talk.answer("200 OK", '{"choices": []}')


@variant(FailureReason.MALFORMED_SSE)
async def an_event_of_two_megabytes(talk: Talk) -> None:
    await talk.head()
    with contextlib.suppress(ConnectionError):
        for _ in range(32):
            await talk.chunk(b"data: " + b"x" * 65536)


@variant(FailureReason.MALFORMED_SSE)
async def a_stream_without_end(talk: Talk) -> None:
    await talk.head()
    with contextlib.suppress(ConnectionError):
        for _ in range(10_000):
            await talk.chunk(b": " + b"x" * 65536 + b"\n")


@variant(FailureReason.MALFORMED_SSE)
async def choices_of_the_wrong_shape(talk: Talk) -> None:
    await talk.head()
    await talk.event({"choices": "none"})


@variant(FailureReason.HTTP_404)
async def a_redirect(talk: Talk) -> None:
    await talk.answer("307 Temporary Redirect", "", Location="http://127.0.0.1:1/v1")


@variant(FailureReason.HTTP_AUTH)
async def forbidden(talk: Talk) -> None:
    await talk.answer("403 Forbidden", "no")


@variant(FailureReason.TRUNCATED)
async def a_reset_midway(talk: Talk) -> None:
    await talk.head()
    await talk.event(token())
    await asyncio.sleep(0.1)
    talk.reset()


@variant(FailureReason.TRUNCATED)
async def no_done(talk: Talk) -> None:
    await talk.head()
    for i in range(8):
        await talk.event(token(f" w{i}", finish="stop" if i == 7 else None))
    await talk.end()


@variant(FailureReason.TRUNCATED)
async def an_unterminated_last_event(talk: Talk) -> None:
    await talk.head()
    for i in range(8):
        await talk.event(token(f" w{i}", finish="stop" if i == 7 else None))
    await talk.chunk(b"data: [DONE]")
    await talk.end()


@variant(FailureReason.TRUNCATED)
async def an_aborted_generation(talk: Talk) -> None:
    await talk.head()
    await talk.event(token(finish="abort"))
    await talk.event("[DONE]")
    await talk.end()


@variant(FailureReason.TRUNCATED)
async def a_role_and_then_nothing(talk: Talk) -> None:
    await talk.head()
    await talk.event(role())
    await talk.end()


@variant(FailureReason.EMPTY)
async def a_finish_without_a_token(talk: Talk) -> None:
    await talk.head()
    await talk.event(token("", finish="stop"))
    await talk.event("[DONE]")
    await talk.end()


@variant(FailureReason.STREAM_ERROR)
async def an_error_that_is_a_string(talk: Talk) -> None:
    await talk.head()
    await talk.event({"error": "out of cache blocks"})
    await talk.end()


@variant(FailureReason.STREAM_ERROR)
async def an_object_named_error(talk: Talk) -> None:
    await talk.head()
    await talk.event({"object": "error", "message": "bad"})
    await talk.end()


@variant(FailureReason.DEGENERATE)
async def tokens_without_text(talk: Talk) -> None:
    await talk.head()
    for i in range(24):
        await talk.event(token("", usage={"completion_tokens": i + 1}))
    await talk.event(token("", finish="length", usage={"completion_tokens": 24}))
    await talk.event("[DONE]")
    await talk.end()


@variant(FailureReason.MALFORMED_HTTP)
async def headers_without_end(talk: Talk) -> None:
    await talk.raw(b"HTTP/1.1 200 OK\r\n")
    with contextlib.suppress(ConnectionError):
        for i in range(5000):
            await talk.raw(b"X-Filler-%d: %s\r\n" % (i, b"y" * 100))


@pytest.mark.parametrize("name", VARIANTS)
def test_a_server_may_also_fail_like_this(name: str, virtual: Virtual) -> None:
    script, reason = VARIANTS[name]

    async def story() -> None:
        async with serving(script) as endpoint:
            result = await probe_once(endpoint)
            assert result.failure is reason, result

    virtual(story())


def test_a_missing_done_can_be_forgiven(virtual: Virtual) -> None:
    async def story() -> None:
        async with serving(no_done) as endpoint:
            assert (await probe_once(endpoint, config(require_done=False))).ok

    virtual(story())


def test_another_name_can_be_forgiven(virtual: Virtual) -> None:
    async def story() -> None:
        async with serving(another_model) as endpoint:
            assert (await probe_once(endpoint, config(require_model=False))).ok

    virtual(story())


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("soon", None), ("9999999", 86400.0)],
)
def test_retry_after_is_kept_in_both_forms(
    header: str, seconds: float | None, virtual: Virtual
) -> None:
    async def story() -> None:
        script = answering("429 Too Many Requests", Retry_After=header)
        async with serving(script) as endpoint:
            assert (await probe_once(endpoint)).retry_after_seconds == seconds

    virtual(story())

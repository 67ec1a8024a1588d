"""A server for each reason that a probe can fail for."""

import asyncio

from helpers_probes import Script, Talk, role, token

from autoscaler.core.words import FailureReason


def answering(status: str, text: str = '{"error": {"message": "no"}}', **headers: str) -> Script:
    async def script(talk: Talk) -> None:
        await talk.answer(status, text, **headers)

    return script


async def disconnects(talk: Talk) -> None:
    talk.reset()


async def no_http(talk: Talk) -> None:
    await talk.raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


async def silent(talk: Talk) -> None:
    await talk.gone()


async def no_token(talk: Talk) -> None:
    await talk.head()
    await talk.event(role())
    await talk.gone()


async def stalls(talk: Talk) -> None:
    await talk.head()
    for _ in range(5):
        await talk.event(token())
    await talk.gone()


async def never_ends(talk: Talk) -> None:
    await talk.head()
    for i in range(100):
        await talk.event(token(f" w{i}"))
        await asyncio.sleep(1.0)


async def error_inside(talk: Talk) -> None:
    await talk.head()
    await talk.event(token())
    await talk.event({"error": {"message": "EngineCore encountered an issue.", "code": 500}})
    await talk.event("[DONE]")
    await talk.end()


async def no_json(talk: Talk) -> None:
    await talk.head()
    await talk.event("{broken")
    await talk.end()


async def clean_and_empty(talk: Talk) -> None:
    await talk.head()
    await talk.end()


async def stops_midway(talk: Talk) -> None:
    await talk.head()
    for i in range(5):
        await talk.event(token(f" w{i}"))
    await talk.end()


async def another_model(talk: Talk) -> None:
    await talk.head()
    for i in range(8):
        await talk.event({**token(f" w{i}", finish="stop" if i == 7 else None), "model": "gpt-x"})
    await talk.event("[DONE]")
    await talk.end()


async def exclaims(talk: Talk) -> None:
    await talk.head()
    for i in range(24):
        await talk.event(token("!", finish="length" if i == 23 else None))
    await talk.event("[DONE]")
    await talk.end()


SCRIPTS: dict[FailureReason, Script] = {
    FailureReason.DISCONNECTED: disconnects,
    FailureReason.MALFORMED_HTTP: no_http,
    FailureReason.HTTP_AUTH: answering("401 Unauthorized"),
    FailureReason.HTTP_404: answering("404 Not Found"),
    FailureReason.HTTP_4XX: answering("413 Too Large"),
    FailureReason.HTTP_429: answering("429 Too Many Requests", Retry_After="7"),
    FailureReason.HTTP_503: answering("503 Service Unavailable", Retry_After="3"),
    FailureReason.HTTP_5XX: answering("502 Bad Gateway", "<html>bad gateway</html>"),
    FailureReason.TIMEOUT_HEADERS: silent,
    FailureReason.TIMEOUT_TTFT: no_token,
    FailureReason.TIMEOUT_STALL: stalls,
    FailureReason.TIMEOUT_TOTAL: never_ends,
    FailureReason.STREAM_ERROR: error_inside,
    FailureReason.MALFORMED_SSE: no_json,
    FailureReason.EMPTY: clean_and_empty,
    FailureReason.TRUNCATED: stops_midway,
    FailureReason.WRONG_MODEL: another_model,
    FailureReason.DEGENERATE: exclaims,
}

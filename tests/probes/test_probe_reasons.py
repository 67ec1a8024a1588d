"""Each of the 23 reasons, produced by a server with real sockets; and what is none of the server's.

All on virtual time: a deadline of seconds passes at once, and to the microsecond.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from helpers_probes import (
    MODEL,
    Endpoint,
    FakeClock,
    Script,
    Talk,
    config,
    deployment,
    role,
    serving,
    stream,
    token,
)

from autoscaler.core.model import ProbeResult
from autoscaler.core.words import FAILURES, FailureReason
from autoscaler.probes.completion import CompletionProber
from autoscaler.probes.config import ProbeConfig

Virtual = Callable[[Any], Any]


async def probe_once(
    endpoint: Endpoint | str | None, settings: ProbeConfig | None = None, **changes: object
) -> ProbeResult:
    clock = FakeClock()
    prober = CompletionProber(settings or config(), clock=clock)
    try:
        return await prober.probe(deployment(endpoint, **changes), scheduled_at=clock.now())
    finally:
        await prober.close()


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
"""The reasons that an HTTP server can give; the five of the connection have tests of their own."""


@pytest.mark.parametrize("reason", SCRIPTS, ids=str)
def test_a_server_gives_this_reason(reason: FailureReason, virtual: Virtual) -> None:
    async def story() -> None:
        async with serving(SCRIPTS[reason]) as endpoint:
            result = await probe_once(endpoint)
            assert result.failure is reason, result
            assert result.detail
            assert not result.untrusted

    virtual(story())


async def probe_tls(cert: str, settings: ProbeConfig | None = None) -> ProbeResult:
    async with serving(stream, cert=cert) as endpoint:
        return await probe_once(endpoint, settings)


@pytest.mark.parametrize("cert", ["expired", "stranger"])
def test_a_certificate_that_does_not_fit_is_tls_cert(cert: str, virtual: Virtual) -> None:
    result = virtual(probe_tls(cert))
    assert result.failure is FailureReason.TLS_CERT, result


def test_a_certificate_of_a_foreign_authority_is_tls_cert(virtual: Virtual) -> None:
    result = virtual(probe_tls("good", config(ca_file=None)))
    assert result.failure is FailureReason.TLS_CERT, result


def test_a_certificate_that_fits_is_trusted_and_its_end_is_read(virtual: Virtual) -> None:
    result = virtual(probe_tls("good"))
    assert result.ok, result
    assert result.cert_expires_at == 4733510400.0  # 2120-01-01
    assert result.phases.connect is not None


def test_plain_http_behind_https_is_tls_handshake(virtual: Virtual) -> None:
    async def story() -> None:
        async def speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await reader.read(1)
            writer.close()

        async with await asyncio.start_server(speak_plainly, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            result = await probe_once(f"https://127.0.0.1:{port}/v1")
            assert result.failure is FailureReason.TLS_HANDSHAKE, result

    virtual(story())


def test_a_reset_inside_the_handshake_is_tls_handshake(virtual: Virtual) -> None:
    async def story() -> None:
        async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            result = await probe_once(f"https://127.0.0.1:{port}/v1")
            assert result.failure is FailureReason.TLS_HANDSHAKE, result

    virtual(story())


def test_a_closed_port_is_connect(virtual: Virtual) -> None:
    async def story() -> None:
        async with serving(stream) as endpoint:
            pass
        result = await probe_once(endpoint)
        assert result.failure is FailureReason.CONNECT, result

    virtual(story())


def test_a_port_that_takes_no_connection_is_connect_timeout(virtual: Virtual) -> None:
    async def story() -> None:
        async with _full_backlog() as port:
            clock = asyncio.get_running_loop()
            began = clock.time()
            result = await probe_once(f"http://127.0.0.1:{port}/v1")
            assert result.failure is FailureReason.CONNECT_TIMEOUT, result
            assert clock.time() - began == pytest.approx(1.0, abs=0.05)

    virtual(story())


@asynccontextmanager
async def _full_backlog() -> AsyncIterator[int]:
    """A port whose queue of connections is full: the kernel lets further ones wait."""
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_a_name_that_is_none_is_dns(virtual: Virtual) -> None:
    async def story() -> None:
        settings = config(allowed_hosts=("*.invalid",), keys=())
        result = await probe_once("https://nowhere.invalid/v1", settings)
        assert result.failure is FailureReason.DNS, result

    virtual(story())


def test_every_reason_is_produced_by_a_test() -> None:
    """The scripts above and the five of the connection are all of them."""
    connection = {
        FailureReason.DNS,
        FailureReason.CONNECT,
        FailureReason.CONNECT_TIMEOUT,
        FailureReason.TLS_CERT,
        FailureReason.TLS_HANDSHAKE,
    }
    assert set(SCRIPTS) | connection == set(FailureReason) == set(FAILURES)
    assert len(FailureReason) == 23


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


def test_a_key_that_the_server_echoes_is_struck_out(virtual: Virtual) -> None:
    async def story() -> None:
        async def echo(talk: Talk) -> None:
            await talk.answer("401 Unauthorized", f"bad key {talk.request.headers}")

        async with serving(echo) as endpoint:
            result = await probe_once(endpoint)
            assert "sk-nc" in str(endpoint.requests[0].headers)
            assert "sk-nc" not in repr(result)

    virtual(story())


def test_a_refused_host_gets_no_request(virtual: Virtual) -> None:
    async def story() -> None:
        async with serving(stream) as endpoint:
            clock = FakeClock()
            prober = CompletionProber(config(allowed_hosts=("*.example",)), clock=clock)
            result = await prober.probe(deployment(endpoint), scheduled_at=0.0)
            await prober.close()
            assert [word.value for word in result.untrusted] == ["client_fault"]
            assert not result.tells_availability
            assert endpoint.connections == 0
            assert "not allowed" in prober.refusals()[0].because

    virtual(story())


def test_no_endpoint_yet_is_our_own_fault(virtual: Virtual) -> None:
    result = virtual(probe_once(None))
    assert not result.counts
    assert "no endpoint" in result.detail


def test_a_success_is_a_success(virtual: Virtual) -> None:
    async def story() -> None:
        async with serving(stream) as endpoint:
            result = await probe_once(endpoint)
            assert result.ok, result
            assert result.counts
            assert result.http_status == 200
            assert result.ttft_seconds == pytest.approx(0.2, abs=1e-6)
            assert result.itl_seconds == pytest.approx(0.02, abs=1e-6)
            assert result.output_tokens == 24
            assert len(result.token_times) == 24
            assert result.times_trusted
            assert endpoint.requests[0].body["model"] == MODEL
            assert endpoint.requests[0].headers["accept-encoding"] == "identity"
            assert endpoint.requests[0].path == "/v1/chat/completions"

    virtual(story())


def test_a_probe_beyond_the_limit_is_not_sent(virtual: Virtual) -> None:
    async def story() -> None:
        async with serving(stream) as endpoint:
            prober = CompletionProber(config(max_concurrent=1), clock=FakeClock())
            target = deployment(endpoint)
            first, second = await asyncio.gather(
                prober.probe(target, scheduled_at=0.0), prober.probe(target, scheduled_at=0.0)
            )
            await prober.close()
            assert first.ok
            assert not second.counts
            assert prober.ledger.counts() == {second.untrusted[0]: 1}

    virtual(story())


def test_closing_breaks_off_what_is_in_flight_and_blames_nobody(virtual: Virtual) -> None:
    async def story() -> None:
        async with serving(never_ends) as endpoint:
            prober = CompletionProber(config(), clock=FakeClock())
            probing = asyncio.create_task(prober.probe(deployment(endpoint), scheduled_at=0.0))
            await asyncio.sleep(2.5)
            await prober.close()
            result = await probing
            assert [word.value for word in result.untrusted] == ["shutdown"]
            again = await prober.probe(deployment(endpoint), scheduled_at=0.0)
            assert [word.value for word in again.untrusted] == ["shutdown"]

    virtual(story())


def test_a_new_deployment_and_a_new_replica_warm_up(virtual: Virtual) -> None:
    async def story() -> None:
        async with serving(stream) as endpoint:
            prober = CompletionProber(config(), clock=FakeClock())
            target = deployment(endpoint)

            async def warmup(**changes: object) -> bool:
                changed = replace(target, **changes)  # type: ignore[arg-type]  # any field
                return (await prober.probe(changed, scheduled_at=0.0)).warmup

            assert await warmup(uptime_seconds=10)
            assert not await warmup()
            assert await warmup(replicas=2)
            await asyncio.sleep(61)
            assert not await warmup(replicas=2)
            assert not await warmup(replicas=1)
            await prober.close()

    virtual(story())

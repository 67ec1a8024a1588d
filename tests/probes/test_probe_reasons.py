"""Each of the 23 reasons, produced by a server with real sockets; and what is none of the server's.

All on virtual time: a deadline of seconds passes at once, and to the microsecond.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from helpers_probes import config, serving, stream
from probe_servers import SCRIPTS
from probe_stories import Virtual, probe_once

from autoscaler.core.model import ProbeResult
from autoscaler.core.words import FAILURES, FailureReason
from autoscaler.probes.config import ProbeConfig


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

"""How the prober behaves: what it hides, what it does not send, how it ends."""

import asyncio
from dataclasses import replace

import pytest
from helpers_probes import (
    MODEL,
    FakeClock,
    Talk,
    config,
    deployment,
    serving,
    stream,
)
from probe_servers import never_ends
from probe_stories import Virtual, probe_once

from autoscaler.probes.completion import CompletionProber


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

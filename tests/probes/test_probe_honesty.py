"""What the client spoiled itself is never charged to the server."""

import asyncio
import contextlib
import resource
import time
from collections.abc import Iterator

import pytest
from helpers_probes import FakeClock, Talk, config, deployment, serving, stream, token

from autoscaler.core.words import FailureReason, UntrustedReason
from autoscaler.probes.completion import CompletionProber
from autoscaler.probes.config import Deadlines
from autoscaler.probes.honesty import Canaries, LagSampler


class LagMeter:
    """The part of a Meter that the sampler needs."""

    def __init__(self) -> None:
        self.samples: list[float] = []

    def loop_lag(self, seconds: float) -> None:
        self.samples.append(seconds)


async def test_a_blocked_loop_is_measured() -> None:
    """Blocking 50 ms shows as about 50 ms, to within a tick and the machine's own stutter."""
    meter = LagMeter()
    clock = FakeClock()
    sampler = LagSampler(clock, meter)  # type: ignore[arg-type]  # a part of a Meter
    sampler.start()
    sampler.watch()
    await asyncio.sleep(0.01)
    began = clock.monotonic()
    time.sleep(0.05)  # noqa: ASYNC251  # the loop is to be blocked
    seen_at_once = sampler.delay(clock.monotonic())
    await asyncio.sleep(0.06)
    assert seen_at_once >= 0.045
    assert sampler.worst_since(began) >= 0.045
    sampler.unwatch()
    sampler.stop()
    assert max(meter.samples) >= 0.045
    assert sampler.delay(clock.monotonic()) == 0.0


async def test_lag_at_the_first_token_makes_the_probe_untrusted() -> None:
    """The loop is blocked while the first token lies in the kernel: TTFT is kept, and marked."""

    async def script(talk: Talk) -> None:
        await talk.head()
        await asyncio.sleep(0.05)
        for i in range(8):
            await talk.event(token(f" w{i}", finish="stop" if i == 7 else None))
            if i == 0:
                time.sleep(0.05)  # noqa: ASYNC251  # the loop is to be blocked
            await asyncio.sleep(0.005)
        await talk.event("[DONE]")
        await talk.end()

    async with serving(script) as endpoint:
        clock = FakeClock()
        prober = CompletionProber(config(), clock=clock, sampler=LagSampler(clock))
        result = await prober.probe(deployment(endpoint), scheduled_at=0.0)
        await prober.close()
    assert result.ok
    assert UntrustedReason.LOOP_LAG in result.untrusted
    assert result.ttft_seconds is not None
    assert not result.times_trusted
    assert result.tells_availability


@pytest.mark.slow
async def test_a_loop_that_stood_still_for_a_second_makes_even_a_failure_ours() -> None:
    async with serving(stream) as endpoint:
        clock = FakeClock()
        deadlines = Deadlines(connect=0.5, headers=0.5, first_token=0.15, gap=0.1, total=1.0)
        settings = config(deadlines=deadlines)
        prober = CompletionProber(settings, clock=clock, sampler=LagSampler(clock))
        probing = asyncio.create_task(prober.probe(deployment(endpoint), scheduled_at=0.0))
        await asyncio.sleep(0.05)
        time.sleep(1.1)  # noqa: ASYNC251  # the loop is to be blocked
        result = await probing
        await prober.close()
    assert not result.tells_availability, result
    assert UntrustedReason.CLIENT_FAULT in result.untrusted


async def test_no_descriptor_left_is_our_own_fault() -> None:
    async with serving(stream) as endpoint:
        clock = FakeClock()
        prober = CompletionProber(config(), clock=clock)
        with _no_descriptors():
            result = await prober.probe(deployment(endpoint), scheduled_at=0.0)
        await prober.close()
    assert result.untrusted == (UntrustedReason.CLIENT_FAULT,), result
    assert not result.tells_availability


@contextlib.contextmanager
def _no_descriptors() -> Iterator[None]:
    """Let no further file or socket be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def _closed_port() -> int:
    async with serving(stream) as endpoint:
        pass
    return endpoint.port


async def test_where_the_canaries_fail_too_our_own_network_is_down() -> None:
    port = await _closed_port()
    clock = FakeClock()
    canaries = Canaries([("127.0.0.1", port)], clock)
    prober = CompletionProber(config(), clock=clock, canaries=canaries)
    result = await prober.probe(deployment(f"http://127.0.0.1:{port}/v1"), scheduled_at=0.0)
    await prober.close()
    assert result.failure is FailureReason.CONNECT
    assert result.untrusted == (UntrustedReason.SELF_OFFLINE,)


async def test_where_a_canary_answers_the_endpoint_is_down() -> None:
    port = await _closed_port()
    clock = FakeClock()
    async with serving(stream) as alive:
        canaries = Canaries([("127.0.0.1", port), ("127.0.0.1", alive.port)], clock)
        prober = CompletionProber(config(), clock=clock, canaries=canaries)
        target = deployment(f"http://127.0.0.1:{port}/v1")
        results = [await prober.probe(target, scheduled_at=0.0) for _ in range(3)]
        await prober.close()
    assert all(result.counts for result in results)
    assert alive.connections == 1


async def test_without_canaries_nobody_claims_to_be_offline() -> None:
    canaries = Canaries([], FakeClock())
    assert not await canaries.is_offline()
    await canaries.close()

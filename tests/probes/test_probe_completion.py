"""The completion prober: what it measures, what it gives up and when, and what it tells."""

import asyncio
import json
from typing import Any

import pytest
from helpers_probes import (
    KEY,
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
from probe_stories import Virtual, once, tell

from autoscaler.core.model import Json
from autoscaler.core.words import FailureReason, UntrustedReason
from autoscaler.ports import EndpointProber, ProbePlan, SignalReader
from autoscaler.probes.completion import CompletionProber
from autoscaler.probes.config import LONG, SHORT, ScheduleConfig
from autoscaler.probes.engine_metrics import EngineMetrics
from autoscaler.probes.promql import PromqlSignals
from autoscaler.probes.schedule import ProbeSchedule


def test_prober_plan_and_signals_fit_their_seams() -> None:
    """The type checker is the judge; this only keeps it looking."""
    seams: tuple[type[EndpointProber], type[ProbePlan], type[SignalReader], type[SignalReader]] = (
        CompletionProber,
        ProbeSchedule,
        EngineMetrics,
        PromqlSignals,
    )
    assert all(seams)


def test_reasoning_is_a_first_token_and_content_is_told_apart(virtual: Virtual) -> None:
    async def script(talk: Talk) -> None:
        await talk.head()
        await talk.event(role())
        for i in range(6):
            await asyncio.sleep(0.1)
            field = "reasoning" if i % 2 else "reasoning_content"
            choice: Json = {"index": 0, "delta": {field: f" r{i}"}, "finish_reason": None}
            await talk.event({"model": MODEL, "choices": [choice]})
        for i in range(6):
            await asyncio.sleep(0.1)
            await talk.event(token(f" w{i}", finish="stop" if i == 5 else None))
        await talk.event("[DONE]")
        await talk.end()

    result = tell(virtual, script, once)
    assert result.ok
    assert result.ttft_seconds == pytest.approx(0.1)
    assert result.first_content_seconds == pytest.approx(0.7)
    assert result.output_tokens == 12


def test_counts_of_the_server_are_exact_and_the_usage_chunk_is_no_token(
    virtual: Virtual,
) -> None:
    """Three tokens a chunk; the usage chunk has no choices; nothing of it is a late token."""

    async def script(talk: Talk) -> None:
        await talk.head()
        await talk.event({**role(), "usage": {"completion_tokens": 0, "prompt_tokens": 40}})
        for i in range(8):
            await asyncio.sleep(0.06)
            finish = "length" if i == 7 else None
            await talk.event(token(f" a{i} b c", finish=finish, usage=usage(3 * i + 3)))
        await asyncio.sleep(0.5)
        await talk.event({"model": MODEL, "choices": [], "usage": usage(24)})
        await talk.event("[DONE]")
        await talk.end()

    result = tell(virtual, script, once)
    assert result.ok
    assert result.output_tokens == 24
    assert result.itl_seconds == pytest.approx(0.02)
    assert [count for _, count in result.token_times] == [3, 6, 9, 12, 15, 18, 21, 24]
    assert result.times_trusted


def usage(tokens: int, cached: int | None = None) -> dict[str, Json]:
    details: Json = None if cached is None else {"cached_tokens": cached}
    return {"completion_tokens": tokens, "prompt_tokens": 40, "prompt_tokens_details": details}


@pytest.mark.parametrize(("cached", "counts"), [(0, True), (10, True), (16, False)])
def test_a_cached_prompt_is_not_counted(cached: int, *, counts: bool, virtual: Virtual) -> None:
    async def script(talk: Talk) -> None:
        await talk.head()
        for i in range(24):
            finish = "length" if i == 23 else None
            await talk.event(token(f" w{i}", finish=finish, usage=usage(i + 1, cached)))
            await asyncio.sleep(0.02)
        await talk.event("[DONE]")
        await talk.end()

    result = tell(virtual, script, once)
    assert result.ok
    assert result.cached_tokens == cached
    assert result.counts is counts
    assert result.tells_availability


def buffering(server: str) -> Script:
    async def script(talk: Talk) -> None:
        await talk.head(Server=server)
        await asyncio.sleep(0.5)
        for i in range(24):
            await talk.event(token(f" w{i}", finish="length" if i == 23 else None))
        await talk.event("[DONE]")
        await talk.end()

    return script


@pytest.mark.parametrize(
    ("server", "setting"),
    [
        ("nginx/1.22.1", "proxy_buffering off"),
        ("envoy", "option http-no-delay"),
        ("envoy", "X-Accel-Buffering: no"),
    ],
)
def test_a_gateway_that_buffers_is_named_with_its_setting(
    server: str, setting: str, virtual: Virtual
) -> None:
    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        result = await once(prober, endpoint)
        assert result.ok
        assert result.untrusted == (UntrustedReason.BUFFERED,)
        assert result.tells_availability
        assert result.ttft_seconds is None
        assert result.itl_seconds is None
        assert result.duration_seconds == pytest.approx(0.5)
        assert result.phases.stream is None
        hint = prober.hint("dep-1")
        assert setting in hint
        assert "chat-a" in hint

    tell(virtual, buffering(server), story)


def test_the_hint_goes_when_the_streams_flow(virtual: Virtual) -> None:
    flows = False

    async def script(talk: Talk) -> None:
        await (stream(talk) if flows else buffering("x")(talk))

    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        nonlocal flows
        await once(prober, endpoint)
        assert prober.hint("dep-1")
        flows = True
        await once(prober, endpoint)
        assert prober.hint("dep-1") == ""
        assert prober.hint("dep-unknown") == ""

    tell(virtual, script, story)


DEADLINES = {
    FailureReason.TIMEOUT_HEADERS: 2.0,
    FailureReason.TIMEOUT_TTFT: 4.0,
    FailureReason.TIMEOUT_STALL: 0.5 + 3.0,
    FailureReason.TIMEOUT_TOTAL: 12.0,
}


@pytest.mark.parametrize("reason", DEADLINES, ids=str)
def test_each_phase_ends_to_50_ms_whatever_keep_alive_comments_say(
    reason: FailureReason, virtual: Virtual
) -> None:
    """And then the connection is closed, so that the server stops computing."""
    hung_up_at: list[float] = []

    async def script(talk: Talk) -> None:
        clock = asyncio.get_running_loop()
        began = clock.time()
        watching = asyncio.create_task(talk.gone())
        watching.add_done_callback(lambda _: hung_up_at.append(clock.time() - began))
        if reason is not FailureReason.TIMEOUT_HEADERS:
            await talk.head()
        if reason is FailureReason.TIMEOUT_STALL:
            await asyncio.sleep(0.5)
            await talk.event(token())
        for _ in range(1000):
            if watching.done():
                return
            await asyncio.sleep(0.07)
            if reason is FailureReason.TIMEOUT_TOTAL:
                await talk.event(token())
            elif reason is not FailureReason.TIMEOUT_HEADERS:
                await talk.chunk(b": keep-alive\n\n")

    result = tell(virtual, script, once)
    assert result.failure is reason, result
    assert result.duration_seconds == pytest.approx(DEADLINES[reason], abs=0.05)
    assert hung_up_at == [pytest.approx(DEADLINES[reason], abs=0.05)]


def test_an_end_that_waited_to_be_parsed_is_no_timeout(virtual: Virtual) -> None:
    """A broken event amid tokens, and then silence: malformed, not stalled."""

    async def script(talk: Talk) -> None:
        await talk.head()
        for i in range(5):
            await talk.event(token(f" w{i}"))
            await asyncio.sleep(0.1)
        await talk.event("{broken")
        await talk.gone()

    assert tell(virtual, script, once).failure is FailureReason.MALFORMED_SSE


def test_without_a_wanted_done_a_finish_reason_is_the_end(virtual: Virtual) -> None:
    """The server leaves the connection open: two seconds of grace, then it is a success."""

    async def script(talk: Talk) -> None:
        await talk.head()
        for i in range(8):
            await asyncio.sleep(0.1)
            await talk.event(token(f" w{i}", finish="stop" if i == 7 else None))
        await talk.gone()

    result = tell(virtual, script, once, require_done=False)
    assert result.ok
    assert result.duration_seconds == pytest.approx(2.8, abs=0.05)


def test_a_slow_deployment_earns_patience_for_its_headers(virtual: Virtual) -> None:
    """It held its headers back for 1.5 s; next time 3.5 s are no failure, though the limit is 2."""
    delays = [1.5, 3.5]

    async def script(talk: Talk) -> None:
        await asyncio.sleep(delays.pop(0))
        await stream(talk, ttft=0.0)

    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        assert (await once(prober, endpoint)).ok
        assert (await once(prober, endpoint)).ok

    tell(virtual, script, story)


def test_the_story_of_a_probe_tells_all_but_the_key(virtual: Virtual) -> None:
    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        result, told = await prober.story(deployment(endpoint))
        assert result.ok
        text = json.dumps(told)
        assert KEY not in text
        assert "Bearer …" in json.dumps(told, ensure_ascii=False)
        assert "success" in str(told["verdict"])
        reads: Any = told["reads"]
        assert "[DONE]" in reads[-1]["text"]
        timeline: Any = told["timeline"]
        assert [line.split()[0] for line in timeline][-2:] == ["first_token", "stream"]
        assert told["attempts"] == 1
        refused, why = await prober.story(deployment("https://elsewhere.example/v1", id="2"))
        assert not refused.counts
        assert str(why["verdict"]).startswith("not sent")

    tell(virtual, stream, story)


def test_a_stepped_clock_is_noticed(virtual: Virtual) -> None:
    async def run() -> None:
        async with serving(stream) as endpoint:
            clock = FakeClock()
            prober = CompletionProber(config(), clock=clock)
            probing = asyncio.create_task(prober.probe(deployment(endpoint), scheduled_at=0.0))
            await asyncio.sleep(0.3)
            clock.base -= 3600
            result = await probing
            assert result.ok
            assert result.untrusted == (UntrustedReason.CLOCK_STEP,)
            assert result.ttft_seconds == pytest.approx(0.2)
            await prober.close()

    virtual(run())


def test_an_unknown_profile_is_a_fault_in_our_own_wiring(virtual: Virtual) -> None:
    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        with pytest.raises(KeyError):
            await prober.probe(deployment(endpoint), scheduled_at=0.0, profile="tiny")

    tell(virtual, stream, story, schedule=ScheduleConfig(profiles=(SHORT, LONG)))

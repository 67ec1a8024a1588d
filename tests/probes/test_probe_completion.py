"""The completion prober: what it sends, learns, measures, gives up, and when."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from helpers_probes import (
    KEY,
    LOOPBACK,
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

from autoscaler.core.model import Json, ProbeResult
from autoscaler.core.words import FailureReason, UntrustedReason
from autoscaler.ports import EndpointProber, ProbePlan, SignalReader
from autoscaler.probes.completion import CompletionProber
from autoscaler.probes.config import LONG, SHORT, InferenceKey, Match, ScheduleConfig
from autoscaler.probes.engine_metrics import EngineMetrics
from autoscaler.probes.promql import PromqlSignals
from autoscaler.probes.schedule import ProbeSchedule

Virtual = Callable[[Any], Any]
Story = Callable[[CompletionProber, Endpoint], Any]


def tell(virtual: Virtual, script: Script, story: Story, **changes: object) -> Any:
    """Run `story` with a prober and a server on virtual time."""

    async def run() -> Any:
        async with serving(script) as endpoint:
            prober = CompletionProber(config(**changes), clock=FakeClock())
            try:
                return await story(prober, endpoint)
            finally:
                await prober.close()

    return virtual(run())


def test_prober_plan_and_signals_fit_their_seams() -> None:
    """The type checker is the judge; this only keeps it looking."""
    seams: tuple[type[EndpointProber], type[ProbePlan], type[SignalReader], type[SignalReader]] = (
        CompletionProber,
        ProbeSchedule,
        EngineMetrics,
        PromqlSignals,
    )
    assert all(seams)


async def once(prober: CompletionProber, endpoint: Endpoint) -> ProbeResult:
    return await prober.probe(deployment(endpoint), scheduled_at=0.0)


def refusing(*names: str, status: str = "400 Bad Request", named: bool = True) -> Script:
    """A server that takes none of the fields `names`, and says which (or not)."""

    async def script(talk: Talk) -> None:
        text = json.dumps(talk.request.body)
        for name in names:
            if f'"{name}"' in text:
                what = f"extra field not permitted: {name}" if named else "bad request"
                await talk.answer(status, json.dumps({"detail": what}))
                return
        await stream(talk)

    return script


@pytest.mark.parametrize("named", [True, False])
def test_refused_fields_are_dropped_one_by_one_and_remembered(
    *, named: bool, virtual: Virtual
) -> None:
    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        assert (await once(prober, endpoint)).ok
        asked = len(endpoint.requests)
        assert asked > 1
        assert (await once(prober, endpoint)).ok
        assert len(endpoint.requests) == asked + 1
        body = json.dumps(endpoint.requests[-1].body)
        assert "ignore_eos" not in body
        assert "stream_options" in body
        if named:
            assert asked == 2
            assert "cache_salt" in body

    tell(virtual, refusing("ignore_eos", status="422 Unprocessable", named=named), story)


def test_what_a_server_refused_outlives_a_restart(virtual: Virtual) -> None:
    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        await once(prober, endpoint)
        kept = json.loads(json.dumps(prober.memory()))
        assert kept["dep-1"]["dropped"] == ["ignore_eos"]
        assert kept["dep-1"]["endpoint"] == endpoint.url
        second = CompletionProber(config(), clock=FakeClock())
        second.recall(kept)
        endpoint.requests.clear()
        assert (await once(second, endpoint)).ok
        assert len(endpoint.requests) == 1
        second.keep(frozenset())
        assert second.memory() == {}
        await second.close()

    tell(virtual, refusing("ignore_eos"), story)


@pytest.mark.parametrize("junk", [None, 7, {"endpoint": 3, "dropped": "x", "itl_seconds": "y"}])
def test_memories_that_cannot_be_read_are_ignored(junk: Json, virtual: Virtual) -> None:
    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        prober.recall({"dep-1": junk})
        assert (await once(prober, endpoint)).ok

    tell(virtual, stream, story)


def test_a_refusal_that_no_field_explains_is_not_asked_about_for_ten_minutes(
    virtual: Virtual,
) -> None:
    async def refuse(talk: Talk) -> None:
        await talk.answer("400 Bad Request", '{"error": "no such adapter"}')

    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        assert (await once(prober, endpoint)).failure is FailureReason.HTTP_4XX
        asked = len(endpoint.requests)
        assert asked == 7  # with six fields, five, …, none
        await once(prober, endpoint)
        assert len(endpoint.requests) == asked + 1
        await asyncio.sleep(601)
        await once(prober, endpoint)
        assert len(endpoint.requests) == 2 * asked + 1
        assert prober.memory()["dep-1"]["dropped"] == []  # type: ignore[index,call-overload]  # JSON

    tell(virtual, refuse, story)


def test_the_salt_stands_at_the_start_and_is_new_each_time(virtual: Virtual) -> None:
    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        for _ in range(3):
            await once(prober, endpoint)
        prompts = [body_text(request.body) for request in endpoint.requests]
        assert len({prompt[:18] for prompt in prompts}) == 3
        assert all(prompt.startswith("[") for prompt in prompts)
        assert endpoint.connections == 3

    tell(virtual, stream, story)


def body_text(body: dict[str, Json]) -> str:
    messages: Any = body["messages"]
    text: str = messages[0]["content"]
    return text


def test_the_warm_profile_keeps_its_connection_and_its_prompt(virtual: Virtual) -> None:
    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        results = [
            await prober.probe(deployment(endpoint), scheduled_at=0.0, profile="warm")
            for _ in range(3)
        ]
        assert all(result.ok for result in results)
        assert endpoint.connections == 1
        assert len({body_text(request.body) for request in endpoint.requests}) == 1
        assert results[0].phases.connect is not None
        assert results[1].phases.connect is None

    tell(virtual, stream, story)


def test_the_long_profile_asks_with_a_long_prompt(virtual: Virtual) -> None:
    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        for profile in ("short", "long"):
            await prober.probe(deployment(endpoint), scheduled_at=0.0, profile=profile)
        short, long = (len(body_text(request.body).split()) for request in endpoint.requests)
        assert short < 30
        assert 300 < long < 450

    tell(virtual, stream, story)


@pytest.mark.parametrize(("itl", "tokens"), [(0.1, 24), (0.02, 50), (0.004, 128)])
def test_a_probe_asks_for_one_second_of_stream(itl: float, tokens: int, virtual: Virtual) -> None:
    async def script(talk: Talk) -> None:
        wanted = talk.request.body["max_tokens"]
        assert isinstance(wanted, int)
        await stream(talk, wanted, itl=itl)

    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        for _ in range(3):
            assert (await once(prober, endpoint)).ok
            await asyncio.sleep(15)
        assert endpoint.requests[-1].body["max_tokens"] == tokens

    tell(virtual, script, story)


def test_probes_stay_within_their_tokens_a_minute(virtual: Virtual) -> None:
    """At 4 ms a token each probe would like 128; 600 a minute are 50 every five seconds."""

    async def script(talk: Talk) -> None:
        wanted = talk.request.body["max_tokens"]
        assert isinstance(wanted, int)
        await stream(talk, wanted, itl=0.004)

    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        for _ in range(26):
            await once(prober, endpoint)
            await asyncio.sleep(4.2)
        asked = [request.body["max_tokens"] for request in endpoint.requests]
        last = [tokens for tokens in asked[-12:] if isinstance(tokens, int)]
        assert sum(last) == pytest.approx(600, rel=0.1)

    tell(virtual, script, story)


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


def test_each_key_goes_to_its_deployments_and_hosts_only(virtual: Virtual) -> None:
    keys = (
        InferenceKey(
            secret=lambda: "key-for-chat", match=Match(name="chat-*"), allowed_hosts=LOOPBACK
        ),
        InferenceKey(secret=lambda: "key-elsewhere", match=Match(name="far-*")),
        InferenceKey(
            secret=lambda: "key-for-us", match=Match(region="us-*"), allowed_hosts=LOOPBACK
        ),
    )

    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        async def auth(**changes: object) -> str | None:
            before = len(endpoint.requests)
            await prober.probe(deployment(endpoint, **changes), scheduled_at=0.0)
            sent = endpoint.requests[before:]
            return sent[0].headers.get("authorization") if sent else None

        assert await auth() == "Bearer key-for-chat"
        assert await auth(id="2", name="far-b") is None
        assert await auth(id="3", name="b", region="us-1") == "Bearer key-for-us"
        assert await auth(id="4", name="b") is None
        refused = {refusal.deployment: refusal.because for refusal in prober.refusals()}
        assert "allowed_hosts" in refused["far-b"]
        assert "no inference key" in refused["b"]

    tell(virtual, stream, story, keys=keys)


def test_without_any_key_requests_carry_none(virtual: Virtual) -> None:
    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        assert (await once(prober, endpoint)).ok
        assert "authorization" not in endpoint.requests[0].headers

    tell(virtual, stream, story, keys=())


def test_a_key_file_that_is_gone_is_our_own_fault(virtual: Virtual) -> None:
    def unreadable() -> str:
        raise FileNotFoundError("inference.key")

    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        result = await once(prober, endpoint)
        assert not result.counts
        assert "cannot be read" in result.detail
        assert endpoint.requests == []

    keys = (InferenceKey(secret=unreadable, allowed_hosts=LOOPBACK),)
    tell(virtual, stream, story, keys=keys)


def test_a_moved_endpoint_is_refused_and_a_missing_one_is_remembered(virtual: Virtual) -> None:
    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        assert (await once(prober, endpoint)).ok
        moved = deployment(endpoint.url.replace("127.0.0.1", "localhost"))
        result = await prober.probe(moved, scheduled_at=0.0)
        assert not result.counts
        assert "has moved" in prober.refusals()[0].because
        assert len(endpoint.requests) == 1
        assert (await prober.probe(deployment(None), scheduled_at=0.0)).ok
        assert (await once(prober, endpoint)).ok
        assert prober.refusals() == ()

    tell(virtual, stream, story)


def test_an_accepted_move_is_probed_and_outlives_a_restart(virtual: Virtual) -> None:
    async def story(prober: CompletionProber, endpoint: Endpoint) -> None:
        assert (await once(prober, endpoint)).ok
        moved = deployment(endpoint.url.replace("127.0.0.1", "localhost"))
        await prober.probe(moved, scheduled_at=0.0)
        kept = prober.accept_endpoint(moved, prober.refusals()[0].host)
        assert kept == prober.memory()[moved.id]
        assert (await prober.probe(moved, scheduled_at=0.0)).ok
        prober.recall({moved.id: kept})
        assert (await prober.probe(moved, scheduled_at=0.0)).ok
        assert prober.refusals() == ()

    tell(virtual, stream, story)


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


def test_liveness_asks_for_the_models_and_claims_no_latency(virtual: Virtual) -> None:
    async def script(talk: Talk) -> None:
        assert talk.request.path == "/v1/models"
        await talk.answer("200 OK", '{"data": []}')

    async def story(prober: CompletionProber, endpoint: Endpoint) -> ProbeResult:
        return await prober.probe(deployment(endpoint), scheduled_at=0.0, profile="liveness")

    result = tell(virtual, script, story)
    assert result.ok
    assert result.profile == "liveness"
    assert result.ttft_seconds is None


@pytest.mark.parametrize(
    ("status", "reason"),
    [("503 Unavailable", FailureReason.HTTP_503), ("", FailureReason.TIMEOUT_HEADERS)],
)
def test_liveness_fails_by_the_same_words(
    status: str, reason: FailureReason, virtual: Virtual
) -> None:
    async def script(talk: Talk) -> None:
        if status:
            await talk.answer(status, "")
        else:
            await talk.gone()

    async def story(prober: CompletionProber, endpoint: Endpoint) -> ProbeResult:
        return await prober.probe(deployment(endpoint), scheduled_at=0.0, profile="liveness")

    assert tell(virtual, script, story).failure is reason


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

"""The emulated inference plane: the wire forms of recorded vLLM, and a fleet's latencies."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
from helpers_emulator import ONE, VIRTUAL_START, Client, Reply, platform

from autoscaler.clock import LoopClock, SystemClock, run_virtual
from autoscaler.emulator.profile_table import PROFILES
from autoscaler.emulator.scenario import (
    Deed,
    DeploymentPlan,
    Event,
    ReasoningField,
    Scenario,
    Serving,
)

IDLE_ITL_SECONDS = PROFILES["llama-3.1-8b_1xH100-80_bf16"].idle_step_seconds(context_tokens=20)

# Keys as recorded from vLLM 0.32, streamed with usage.
CHUNK_KEYS = ["id", "object", "created", "model", "choices"]
CHOICE_KEYS = ["index", "delta", "logprobs", "finish_reason", "token_ids"]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with platform(ONE, SystemClock()) as client:
        yield client


def serving(**fields: Any) -> Scenario:
    return Scenario(deployments=(DeploymentPlan(name="chat-a", serving=Serving(**fields)),))


async def streamed(client: Client, **fields: Any) -> Reply:
    defaults: dict[str, Any] = {"stream": True, "max_tokens": 4, "ignore_eos": True}
    return await client.chat("chat-a", **defaults | fields)


async def test_a_stream_has_the_recorded_form(client: Client) -> None:
    reply = await streamed(client, stream_options={"include_usage": True})
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    role, *tokens, last, usage, done = reply.events
    assert list(role) == [*CHUNK_KEYS, "prompt_token_ids", "prompt_text"]
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    for token in tokens:
        assert list(token) == CHUNK_KEYS
        assert list(token["choices"][0]) == CHOICE_KEYS
        assert token["choices"][0]["delta"]["content"]
        assert token["choices"][0]["finish_reason"] is None
    assert list(last["choices"][0]) == [*CHOICE_KEYS[:-1], "stop_reason", "token_ids"]
    assert last["choices"][0]["delta"]["content"]
    assert last["choices"][0]["finish_reason"] == "length"
    assert list(usage) == [*CHUNK_KEYS, "usage", "system_fingerprint"]
    assert usage["choices"] == []
    assert usage["usage"] == {"prompt_tokens": 14, "total_tokens": 18, "completion_tokens": 4}
    assert (len(tokens), done) == (3, "[DONE]")


async def test_without_the_wish_no_usage_is_sent(client: Client) -> None:
    events = (await streamed(client)).events
    assert all("usage" not in event for event in events[:-1])
    assert events[-2]["choices"][0]["finish_reason"] == "length"


async def test_continuous_usage_counts_on_every_chunk(client: Client) -> None:
    options = {"include_usage": True, "continuous_usage_stats": True}
    events = (await streamed(client, stream_options=options)).events
    assert [e["usage"]["completion_tokens"] for e in events[:-1]] == [0, 1, 2, 3, 4, 4]


async def test_a_plain_answer_has_the_same_tokens_and_usage(client: Client) -> None:
    body = (await client.chat("chat-a", max_tokens=4, ignore_eos=True)).body
    text = "".join(
        event["choices"][0]["delta"]["content"] for event in (await streamed(client)).events[:-1]
    )
    assert body["object"] == "chat.completion"
    assert body["choices"][0]["message"]["content"] == text
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 4


async def test_an_answer_ends_by_itself_unless_it_must_not() -> None:
    scenario = serving(natural_output_tokens=3)
    async with platform(scenario, SystemClock()) as client:
        body = (await client.chat("chat-a", max_tokens=200)).body
        assert body["choices"][0]["finish_reason"] == "stop"
        assert body["usage"]["completion_tokens"] < 200
        forced = (await client.chat("chat-a", max_tokens=12, min_tokens=12)).body
        assert forced["usage"]["completion_tokens"] == 12


@pytest.mark.parametrize("field", list(ReasoningField))
async def test_a_reasoning_model_thinks_first(field: ReasoningField) -> None:
    async with platform(serving(reasoning_field=field), SystemClock()) as client:
        events = (await streamed(client, max_tokens=6)).events[1:-1]
        names = [next(iter(event["choices"][0]["delta"])) for event in events]
        assert names == [field.value] * 3 + ["content"] * 3
        message = (await client.chat("chat-a", max_tokens=6, ignore_eos=True)).body["choices"][0]
        assert message["message"][field.value]
        assert message["message"]["content"]


@pytest.mark.parametrize(
    ("refused", "fields"),
    [
        ("ignore_eos", {}),
        ("cache_salt", {"cache_salt": "x"}),
        ("stream_options", {"stream_options": {}}),
        ("stream_options.include_usage", {"stream_options": {"include_usage": True}}),
    ],
)
async def test_a_refused_field_is_named(refused: str, fields: dict[str, Any]) -> None:
    async with platform(serving(refused_fields=(refused,)), SystemClock()) as client:
        reply = await streamed(client, **fields)
        assert reply.status == 400
        assert reply.body["error"]["param"] == f"body.{refused}"
        assert refused in reply.body["error"]["message"]
        if refused != "ignore_eos":
            assert (await streamed(client)).status == 200


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"messages": "notalist"}, 400, "body.messages"),
        ({"messages": []}, 400, "body.messages"),
        ({"messages": ["text"]}, 400, "body.messages"),
        ({"model": "no/such-model"}, 404, "model"),
        ({"max_tokens": 0}, 400, "body.max_tokens"),
        ({"max_tokens": "4"}, 400, "body.max_tokens"),
        ({"min_tokens": 9}, 400, "body.min_tokens"),
        ({"stream_options": 1}, 400, "body.stream_options"),
        ({"stream": False, "stream_options": {}}, 400, "body.stream_options"),
        ({"max_tokens": 10**6}, 400, "max_tokens"),
        ({"messages": [{"role": "user", "content": "x" * 200_000}]}, 400, "input_tokens"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_bad_request_gets_vllms_error(
    client: Client, fields: dict[str, Any], status: int, param: str
) -> None:
    reply = await streamed(client, **fields)
    assert reply.status == status
    error = reply.body["error"]
    assert (error["code"], error["param"]) == (status, param)


@pytest.mark.parametrize("raw", [b"{", b"[]"])
async def test_a_body_that_is_no_object_gets_vllms_error(client: Client, raw: bytes) -> None:
    key = client.emulator.connection.inference_key
    reply = await client.call(
        "POST",
        f"{client.emulator.endpoint_url('chat-a')}/chat/completions",
        data=raw,
        headers={"Authorization": f"Bearer {key}"},
    )
    assert (reply.status, reply.body["error"]["param"]) == (400, "body")


async def test_content_may_come_in_parts(client: Client) -> None:
    parts = [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]
    reply = await client.chat("chat-a", messages=[{"role": "user", "content": parts}], max_tokens=2)
    assert reply.body["usage"]["prompt_tokens"] == 14


async def test_a_wrong_key_gets_vllms_401(client: Client) -> None:
    for key in ("sk-nc-other", client.emulator.connection.token):
        reply = await client.chat("chat-a", key=key)
        assert (reply.status, reply.body) == (401, {"error": "Unauthorized"})


async def test_models_names_the_slash_path(client: Client) -> None:
    url = f"{client.emulator.endpoint_url('chat-a')}/models"
    client.token = client.emulator.connection.inference_key
    assert (await client.get(url)).body["data"][0]["id"] == "meta-llama/Llama-3.1-8B-Instruct"
    client.token = "none"
    assert (await client.get(url)).status == 401


async def test_an_unknown_path_or_deployment_is_not_found(client: Client) -> None:
    origin = client.emulator.platform.origin
    for path in ("/inference/chat-a/v1/none", "/inference/none/v1/models"):
        reply = await client.get(origin + path)
        assert (reply.status, reply.body) == (404, {"detail": "Not Found"})
    wrong = await client.get(f"{origin}/inference/chat-a/v1/chat/completions")
    assert (wrong.status, wrong.body) == (405, {"detail": "Method Not Allowed"})


async def test_metrics_have_vllms_names_and_count(client: Client) -> None:
    await client.chat("chat-a", max_tokens=5, ignore_eos=True)
    url = f"{client.emulator.platform.origin}/inference/chat-a"
    lines = (await client.get(f"{url}/metrics")).raw.decode().splitlines()
    labels = 'engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"'
    assert f"vllm:num_requests_waiting{{{labels}}} 0.0" in lines
    assert f"vllm:generation_tokens_total{{{labels}}} 5.0" in lines
    assert f'vllm:e2e_request_latency_seconds_bucket{{{labels},le="+Inf"}} 1.0' in lines
    assert (await client.get(f"{url}/health")).status == 200


async def test_metrics_can_be_off() -> None:
    async with platform(serving(engine_metrics=False), SystemClock()) as client:
        url = f"{client.emulator.platform.origin}/inference/chat-a/metrics"
        assert (await client.get(url)).status == 404


async def test_a_repeated_prompt_is_cached_unless_salted() -> None:
    async with platform(serving(reports_cached_tokens=True), SystemClock()) as client:

        async def cached(**fields: Any) -> int:
            messages = [{"role": "user", "content": "ab" * 200}]
            body = (await client.chat("chat-a", max_tokens=1, messages=messages, **fields)).body
            return int(body["usage"]["prompt_tokens_details"]["cached_tokens"])

        assert await cached() == 0
        assert await cached() == 96
        assert await cached(cache_salt="one") == 0


async def test_several_tokens_can_share_a_chunk() -> None:
    async with platform(serving(tokens_per_chunk=3, early_role_chunk=True), SystemClock()) as c:
        events = (await streamed(c, max_tokens=7)).events
        assert [len(e["choices"][0]["delta"]["content"].split()) for e in events[1:-1]] == [3, 3, 1]


async def token_times(client: Client, name: str = "chat-a", tokens: int = 20) -> list[float]:
    """Read a stream and return the instants of its reads, from the request on."""
    start = client.clock.monotonic()
    key = client.emulator.connection.inference_key
    body = {
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
        "max_tokens": tokens,
        "ignore_eos": True,
    }
    async with client.session.post(
        f"{client.emulator.endpoint_url(name)}/chat/completions",
        json=body,
        headers={"Authorization": f"Bearer {key}"},
    ) as response:
        return [client.clock.monotonic() - start async for _ in response.content.iter_any()]


def test_tokens_come_at_the_instants_of_the_fleet() -> None:
    async def story() -> None:
        async with platform(ONE, LoopClock(VIRTUAL_START)) as client:
            times = await token_times(client)
            gaps = [after - before for before, after in pairwise(times)]
            assert len(times) == 20
            assert gaps == pytest.approx([IDLE_ITL_SECONDS] * 19, rel=0.01)

    run_virtual(story())


def test_the_same_scenario_gives_the_same_tokens() -> None:
    async def story() -> list[float]:
        async with platform(ONE, LoopClock(VIRTUAL_START)) as client:
            return await token_times(client)

    assert run_virtual(story()) == run_virtual(story())


def test_a_client_that_leaves_aborts_its_request() -> None:
    async def story() -> None:
        async with platform(ONE, LoopClock(VIRTUAL_START)) as client:
            reading = asyncio.ensure_future(token_times(client, tokens=10_000))
            await client.clock.sleep(1.0)
            (unit,) = client.emulator.platform.living()
            assert unit.fleet.gauges().running == 1
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await client.clock.sleep(1.0)
            client.emulator.truth()
            gauges = unit.fleet.gauges()
            assert (gauges.running, gauges.aborted_total) == (0, 1)

    run_virtual(story())


def test_a_failure_cuts_open_streams() -> None:
    async def story() -> None:
        event = Event(at_seconds=1.0, deployment="chat-a", deed=Deed.FAIL)
        async with platform(replace(ONE, events=(event,)), LoopClock(VIRTUAL_START)) as client:
            with pytest.raises(aiohttp.ClientPayloadError):
                await token_times(client, tokens=10_000)

    run_virtual(story())

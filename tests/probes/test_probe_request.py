"""What the prober asks: fields, salt, prompts, and how many tokens."""

import asyncio
import json
from typing import Any

import pytest
from helpers_probes import (
    Endpoint,
    FakeClock,
    Script,
    Talk,
    config,
    deployment,
    stream,
)
from probe_stories import Virtual, once, tell

from autoscaler.core.model import Json
from autoscaler.core.words import FailureReason
from autoscaler.probes.completion import CompletionProber


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

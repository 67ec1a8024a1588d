"""The official OpenAI client against the emulated inference plane, over real sockets."""

from collections.abc import AsyncIterator

import openai
import pytest
from helpers_emulator import LLAMA

from autoscaler.clock import SystemClock
from autoscaler.emulator.scenario import DeploymentPlan, ReasoningField, Scenario, Serving
from autoscaler.emulator.server import Emulator

pytestmark = pytest.mark.slow

SCENARIO = Scenario(
    deployments=(
        DeploymentPlan(name="chat-a"),
        DeploymentPlan(name="thinker", serving=Serving(reasoning_field=ReasoningField.REASONING)),
    )
)
HELLO: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(SCENARIO, clock=SystemClock()) as emulator:
        yield emulator


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=emulator.endpoint_url("chat-a"),
        api_key=emulator.connection.inference_key,
        max_retries=0,
    ) as client:
        yield client


async def test_it_completes(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model=LLAMA, messages=HELLO, max_tokens=8)
    assert answer.choices[0].finish_reason == "length"
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 8


async def test_it_streams_with_usage(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model=LLAMA,
        messages=HELLO,
        max_tokens=8,
        stream=True,
        stream_options={"include_usage": True},
        extra_body={"ignore_eos": True},
    )
    texts, usages, finishes = [], [], []
    async for chunk in stream:
        usages.append(chunk.usage)
        for choice in chunk.choices:
            texts.append(choice.delta.content)
            finishes.append(choice.finish_reason)
    assert texts[0] == ""
    assert all(texts[1:])
    assert len(texts) == 9
    assert (finishes[-1], finishes[:-1]) == ("length", [None] * 8)
    assert usages[-1] is not None
    assert usages[-1].completion_tokens == 8


async def test_it_reads_a_reasoning_model(client: openai.AsyncOpenAI, emulator: Emulator) -> None:
    thinker = client.with_options(base_url=emulator.endpoint_url("thinker"))
    answer = await thinker.chat.completions.create(model=LLAMA, messages=HELLO, max_tokens=8)
    assert answer.choices[0].message.content
    extra = answer.choices[0].message.model_extra or {}
    assert extra["reasoning"]


async def test_it_lists_models(client: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == [LLAMA]


async def test_it_raises_its_own_errors(client: openai.AsyncOpenAI) -> None:
    stranger = client.with_options(api_key="sk-nc-wrong")
    with pytest.raises(openai.AuthenticationError):
        await stranger.chat.completions.create(model=LLAMA, messages=HELLO)
    with pytest.raises(openai.NotFoundError):
        await client.chat.completions.create(model="no/such-model", messages=HELLO)
    with pytest.raises(openai.BadRequestError, match="maximum context length"):
        await client.chat.completions.create(model=LLAMA, messages=HELLO, max_tokens=10**6)


async def test_a_stream_that_is_closed_early_is_aborted(
    client: openai.AsyncOpenAI, emulator: Emulator
) -> None:
    stream = await client.chat.completions.create(
        model=LLAMA, messages=HELLO, max_tokens=5000, stream=True, extra_body={"ignore_eos": True}
    )
    async for _ in stream:
        break
    await stream.close()
    # A second request makes the server's loop turn until the first one is gone.
    await client.chat.completions.create(model=LLAMA, messages=HELLO, max_tokens=20)
    unit = emulator.platform.named("chat-a")
    assert unit is not None
    emulator.truth()
    assert (unit.fleet.gauges().running, unit.fleet.gauges().aborted_total) == (0, 1)

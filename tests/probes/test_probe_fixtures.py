"""Answers of real servers, recorded byte by byte: vLLM, llama-server, transformers, lcpp.

They are served again with the split and the pauses they were recorded with.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers_probes import FakeClock, Talk, config, deployment, serving

from autoscaler.core.model import ProbeResult
from autoscaler.core.words import FailureReason
from autoscaler.probes.completion import CompletionProber
from autoscaler.probes.transcript import End, Transcript
from autoscaler.probes.verdict import judge

Virtual = Callable[[Any], Any]
FIXTURES = Path(__file__).parent / "fixtures"
TRANSFORMERS = "tiny-random-llama-model-path-xxxxxxx"


def timings(name: str) -> list[tuple[float, int]]:
    """(milliseconds since the request, bytes) of each read when it was recorded."""
    path = FIXTURES / f"{name}.timing"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(float(line.split()[0]), int(line.split()[1])) for line in lines]


async def replay(name: str, *, model: str = "tiny-random", **changes: object) -> ProbeResult:
    data = (FIXTURES / f"{name}.http").read_bytes()

    async def script(talk: Talk) -> None:
        sent, at = 0, 0.0
        for ms, size in timings(name) or [(0.0, len(data))]:
            await asyncio.sleep(ms / 1000 - at)
            at = ms / 1000
            await talk.raw(data[sent : sent + size])
            sent += size
        talk.writer.close()

    async with serving(script) as endpoint:
        prober = CompletionProber(config(**changes), clock=FakeClock())
        result = await prober.probe(deployment(endpoint, model_id=model), scheduled_at=0.0)
        await prober.close()
    return result


@pytest.mark.parametrize("case", ["stream_usage", "stream_no_usage"])
@pytest.mark.parametrize(
    ("server", "model"),
    [
        ("vllm", "tiny-random"),
        ("llama_server", "tiny-random"),
        ("llama_cpp_python", "tiny-random"),
        ("transformers_serve", TRANSFORMERS),
    ],
)
def test_a_healthy_stream_of_a_real_server_is_a_success(
    server: str, model: str, case: str, virtual: Virtual
) -> None:
    """`transformers serve` sends no `[DONE]`, so it must be forgiven that."""
    require_done = server != "transformers_serve"
    result = virtual(replay(f"{server}_{case}", model=model, require_done=require_done))
    assert result.ok, result
    assert result.output_tokens in {11, 12}, result  # the end token may bear no text
    assert result.ttft_seconds is not None or result.untrusted


def test_vllm_is_timed_as_it_was_recorded(virtual: Virtual) -> None:
    """The role chunk came after 41 ms, the first token after 42.2 ms, the last after 87.3 ms."""
    result = virtual(replay("vllm_stream_usage"))
    assert result.ttft_seconds == pytest.approx(0.0422, abs=1e-6)
    assert result.itl_seconds == pytest.approx((87.3 - 42.2) / 11 / 1000, rel=1e-6)
    assert result.output_tokens == 12
    assert result.prompt_tokens == 17


def test_transformers_without_done_is_truncated_by_the_strict_rule(virtual: Virtual) -> None:
    result = virtual(replay("transformers_serve_stream_usage", model=TRANSFORMERS))
    assert result.failure is FailureReason.TRUNCATED
    assert "[DONE]" in result.detail


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("vllm_bad_key", FailureReason.HTTP_AUTH),
        ("llama_server_bad_key", FailureReason.HTTP_AUTH),
        ("llama_cpp_python_bad_key", FailureReason.HTTP_AUTH),
        ("vllm_too_long_stream", FailureReason.HTTP_4XX),
        ("llama_server_too_long_stream", FailureReason.HTTP_4XX),
        ("llama_cpp_python_too_long", FailureReason.HTTP_4XX),
        ("llama_cpp_python_too_long_stream", FailureReason.EMPTY),
        ("vllm_unknown_model_stream", FailureReason.HTTP_404),
        ("transformers_serve_unknown_model_stream", FailureReason.HTTP_4XX),
    ],
)
def test_a_refusal_of_a_real_server_has_its_reason(
    name: str, reason: FailureReason, virtual: Virtual
) -> None:
    result = virtual(replay(name))
    assert result.failure is reason, result


def test_a_server_that_takes_any_model_says_so_in_the_stream(virtual: Virtual) -> None:
    """llama-server answers 200 to an unknown model, in its own model's name."""
    result = virtual(replay("llama_server_unknown_model_stream", model="no/such-model"))
    assert result.failure is FailureReason.WRONG_MODEL, result


def test_an_engine_killed_midway_is_a_stream_error() -> None:
    """vLLM sends the error as an event, then `[DONE]`, and the body ends cleanly with 200."""
    body = (FIXTURES / "vllm_stream_engine_killed_midway.body").read_bytes()
    transcript = Transcript()
    for start in range(0, len(body), 100):
        transcript.take(start / 1000, body[start : start + 100])
    assert transcript.end is End.CLEAN
    verdict = judge(transcript, model="tiny-random")
    assert verdict.failure is FailureReason.STREAM_ERROR
    assert "EngineCore" in verdict.detail

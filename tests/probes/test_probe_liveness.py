"""The probe that asks for the models alone."""

import pytest
from helpers_probes import Endpoint, Talk, deployment
from probe_stories import Virtual, tell

from autoscaler.core.model import ProbeResult
from autoscaler.core.words import FailureReason
from autoscaler.probes.completion import CompletionProber


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

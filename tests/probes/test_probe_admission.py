"""Which key goes where, and to which endpoint no probe goes."""

from helpers_probes import LOOPBACK, Endpoint, deployment, stream
from probe_stories import Virtual, once, tell

from autoscaler.probes.completion import CompletionProber
from autoscaler.probes.config import InferenceKey, Match


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

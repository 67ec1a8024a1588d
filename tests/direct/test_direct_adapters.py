"""The emulated platform without HTTP: it does as the served one does, struck by the same faults."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from helpers_direct import DirectWorld

from autoscaler.core.model import Deployment, ProbeResult
from autoscaler.core.words import FailureReason, Status, UntrustedReason
from autoscaler.emulator.direct import DirectCloud
from autoscaler.emulator.direct_probing import DirectProber
from autoscaler.emulator.faults import Fault, FaultKind
from autoscaler.emulator.scenario import Deed, DeploymentPlan, Event, Scenario
from autoscaler.ports import CloudRefused, CloudUnknown

PLAN = DeploymentPlan(name="chat", replicas=2, cold_start_seconds=60.0)

Virtual = Callable[[Any], Any]


def in_world(
    virtual: Virtual,
    story: Callable[[DirectWorld, DirectCloud, Deployment], Awaitable[Any]],
    *,
    faults: tuple[Fault, ...] = (),
    events: tuple[Event, ...] = (),
) -> Any:
    """Tell a story about one deployment; the faults begin after it was first read."""

    async def told() -> Any:
        place = DirectWorld(Scenario(deployments=(PLAN,), events=events))
        cloud = DirectCloud(place.direct)
        (seen,) = (await cloud.list()).deployments
        for fault in faults:
            place.direct.faults.add(fault)
        return await story(place, cloud, seen)

    return virtual(told())


def test_it_lists_scales_and_settles(virtual: Virtual) -> None:
    async def story(place: DirectWorld, cloud: DirectCloud, seen: Deployment) -> None:
        assert (seen.name, seen.status, seen.replicas) == ("chat", Status.READY, 2)
        await cloud.scale(seen.id, 3)
        during = await cloud.get(seen.id)
        await asyncio.sleep(61.0)
        after = await cloud.get(seen.id)
        assert during is not None
        assert after is not None
        assert (during.status, during.replicas) == (Status.INITIALIZING, 2)
        assert (after.status, after.replicas) == (Status.READY, 3)
        (call,) = place.direct.truth().scale_calls
        assert (call.replicas, call.current, call.http_status, call.applied) == (3, 2, 200, True)

    in_world(virtual, story)


@pytest.mark.parametrize(
    ("fault", "error", "applied"),
    [
        (Fault(kind=FaultKind.STATUS, status=400), CloudRefused, False),
        (Fault(kind=FaultKind.STATUS, status=429), CloudUnknown, False),
        (Fault(kind=FaultKind.STATUS, status=500), CloudUnknown, False),
        (Fault(kind=FaultKind.HANG), CloudUnknown, False),
        (Fault(kind=FaultKind.REFUSED), CloudUnknown, False),
        (Fault(kind=FaultKind.RESET), CloudUnknown, True),
        (Fault(kind=FaultKind.HOSTILE_JSON), None, True),
        (Fault(kind=FaultKind.SCALE_IGNORED), None, False),
        (Fault(kind=FaultKind.HTML), None, False),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else None,
)
def test_a_struck_scale_call_tells_what_can_be_known(
    virtual: Virtual, fault: Fault, error: type[Exception] | None, *, applied: bool
) -> None:
    async def story(place: DirectWorld, cloud: DirectCloud, seen: Deployment) -> None:
        if error is None:
            await cloud.scale(seen.id, 4)
        else:
            with pytest.raises(error):
                await cloud.scale(seen.id, 4)
        truth = place.direct.truth()
        assert [call.applied for call in truth.scale_calls] == [applied]
        assert truth.deployment("chat").target == (4 if applied else 2)

    in_world(virtual, story, faults=(fault,))


@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.STATUS,
        FaultKind.HANG,
        FaultKind.RESET,
        FaultKind.TRUNCATED,
        FaultKind.HTML,
        FaultKind.HOSTILE_JSON,
        FaultKind.EXPIRED_TOKEN,
    ],
)
def test_a_struck_list_shows_nothing(virtual: Virtual, kind: FaultKind) -> None:
    async def story(_place: DirectWorld, cloud: DirectCloud, _seen: Deployment) -> None:
        with pytest.raises(CloudUnknown):
            await cloud.list()

    in_world(virtual, story, faults=(Fault(kind=kind),))


def test_a_short_list_and_wrong_totals_are_told_apart(virtual: Virtual) -> None:
    async def story(place: DirectWorld, cloud: DirectCloud, _seen: Deployment) -> None:
        short = await cloud.list()
        place.direct.faults.add(Fault(kind=FaultKind.WRONG_TOTALS))
        wrong = await cloud.list()
        assert (short.deployments, short.complete, wrong.complete) == ((), True, False)

    in_world(virtual, story, faults=(Fault(kind=FaultKind.SHORT_LIST),))


def probed(virtual: Virtual, *faults: Fault, events: tuple[Event, ...] = ()) -> ProbeResult:
    async def story(place: DirectWorld, _cloud: DirectCloud, seen: Deployment) -> ProbeResult:
        await asyncio.sleep(1.0)
        prober = DirectProber(place.direct)
        return await prober.probe(seen, scheduled_at=place.clock.now())

    result = in_world(virtual, story, faults=faults, events=events)
    assert isinstance(result, ProbeResult)
    return result


def test_a_probe_sees_every_token_at_its_instant(virtual: Virtual) -> None:
    result = probed(virtual)

    assert result.ok
    assert result.times_trusted
    assert result.output_tokens == len(result.token_times) == 24
    assert result.itl_seconds == pytest.approx(
        (result.token_times[-1][0] - result.token_times[0][0]) / 23
    )
    assert result.duration_seconds == pytest.approx(result.token_times[-1][0])


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        (Fault(kind=FaultKind.STATUS, status=429), FailureReason.HTTP_429),
        (Fault(kind=FaultKind.STATUS, status=503), FailureReason.HTTP_503),
        (Fault(kind=FaultKind.STATUS, status=500), FailureReason.HTTP_5XX),
        (Fault(kind=FaultKind.HANG), FailureReason.TIMEOUT_HEADERS),
        (Fault(kind=FaultKind.REFUSED), FailureReason.DISCONNECTED),
        (Fault(kind=FaultKind.HANG_FIRST_TOKEN), FailureReason.TIMEOUT_TTFT),
        (Fault(kind=FaultKind.HANG_MID_STREAM, count=5), FailureReason.TIMEOUT_STALL),
        (Fault(kind=FaultKind.ERROR_EVENT, count=3), FailureReason.STREAM_ERROR),
        (Fault(kind=FaultKind.TRUNCATED), FailureReason.TRUNCATED),
        (Fault(kind=FaultKind.EMPTY_STREAM), FailureReason.EMPTY),
        (Fault(kind=FaultKind.WRONG_MODEL), FailureReason.WRONG_MODEL),
        (Fault(kind=FaultKind.DEGENERATE_TEXT), FailureReason.DEGENERATE),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else None,
)
def test_a_struck_probe_fails_by_the_real_probers_word(
    virtual: Virtual, fault: Fault, failure: FailureReason
) -> None:
    assert probed(virtual, fault).failure is failure


def test_a_buffered_stream_has_no_latencies(virtual: Virtual) -> None:
    result = probed(virtual, Fault(kind=FaultKind.BUFFERED))

    assert result.ok
    assert result.untrusted == (UntrustedReason.BUFFERED,)
    assert (result.ttft_seconds, result.itl_seconds, result.times_trusted) == (None, None, False)


def test_a_failed_deployment_answers_503(virtual: Virtual) -> None:
    failed = Event(at_seconds=0.5, deployment="chat", deed=Deed.FAIL)

    assert probed(virtual, events=(failed,)).failure is FailureReason.HTTP_503


def test_without_a_replica_a_probe_is_censored_at_its_deadline(virtual: Virtual) -> None:
    crash = Event(at_seconds=0.5, deployment="chat", deed=Deed.CRASH, count=2)

    result = probed(virtual, events=(crash,))

    assert result.failure is FailureReason.TIMEOUT_TTFT
    assert result.duration_seconds == pytest.approx(30.0)

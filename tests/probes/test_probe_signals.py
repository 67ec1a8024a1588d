"""Engine metrics and PromQL: read-only, bounded, and nothing rather than something wrong."""

import asyncio
import json
import math
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from helpers_probes import LOOPBACK, FakeClock, Talk, deployment, serving
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core.counters import Counters, counted, followed
from autoscaler.core.model import Json, Observation, Signal
from autoscaler.core.words import Measure
from autoscaler.emulator.engine_metrics import render_metrics
from autoscaler.emulator.fleet import Fleet, FleetConfig, Physics
from autoscaler.emulator.profile_table import DEFAULT_PROFILE, PROFILES
from autoscaler.emulator.workload import Shape, Workload
from autoscaler.probes.config import Match
from autoscaler.probes.engine_metrics import NAMES, EngineMetrics, signals_of, sum_series
from autoscaler.probes.promql import PromqlSignals, Query, fill, read_value

SINGLE = deployment(None)
Virtual = Callable[[Any], Any]

PAGE = b"""# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a} b"} 3.0
vllm:num_requests_running{engine="1",model_name="a"} 4.0
vllm:num_requests_waiting{engine="0"} 2.0
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 9.0
vllm:kv_cache_usage_perc{engine="0"} 0.25 1700000000000
vllm:request_success_total{finished_reason="stop"} 10.0
vllm:request_success_total{finished_reason="length"} 5.0
vllm:request_success_created{finished_reason="length"} 1.79e+09
"""


def by_name(signals: tuple[Signal, ...]) -> dict[str, float | None]:
    return {signal.name: signal.value for signal in signals}


def test_the_engine_tells_its_queue_and_the_requests_it_began(virtual: Virtual) -> None:
    began = b"process_start_time_seconds 1.79e+09\n"

    async def script(talk: Talk) -> None:
        assert talk.request.path == "/metrics"
        assert "authorization" not in talk.request.headers
        await talk.answer("200 OK", (PAGE + began).decode())

    async def story() -> None:
        async with serving(script) as endpoint:
            reader = EngineMetrics(FakeClock(), allowed_hosts=LOOPBACK)
            signals = await reader.read(deployment(endpoint))
            assert by_name(signals) == {
                "engine_running": 7.0,
                "engine_waiting": 2.0,
                "engine_kv_cache_ratio": 0.25,
                "engine_requests_total": 22.0,  # 15 finished, 7 run
            }
            assert {signal.replica for signal in signals} == {"1790000000.00"}
            measured = {signal.name: signal.measure for signal in signals if signal.measure}
            assert measured == {
                "engine_waiting": Measure.WAITING,
                "engine_requests_total": Measure.REQUESTS_TOTAL,
            }
            await reader.close()

    virtual(story())


def test_a_page_that_does_not_say_which_process_it_is_of_names_no_replica() -> None:
    sums = {"vllm:num_requests_running": 1.0, "vllm:request_success_total": 2.0}
    assert {signal.replica for signal in signals_of(sums, 5.0)} == {""}


def test_the_page_of_an_emulated_engine_counts_the_requests_that_came() -> None:
    """From the page's text to requests a second, those that still wait included."""
    profile, physics = PROFILES[DEFAULT_PROFILE], Physics()
    fleet = Fleet(FleetConfig(profile=profile, physics=physics, replicas=1, seed=1))
    fleet.feed(Workload(shapes=(Shape(low=12.0, high=12.0),)).requests(0.0, seed=3))
    counters, came = Counters(), []
    for at in (60.0, 90.0, 120.0):
        fleet.advance(at)
        page = render_metrics(fleet.gauges(), model="m").encode()
        signals = signals_of(sum_series(page, NAMES), at)
        seen = Observation(at=at, deployment=SINGLE, read_at=at, signals=signals)
        counters = followed(counters, seen)
        came.append(fleet.gauges().arrived_total)
    found = counted(counters, now=120.0, seconds=60.0, own_rate=0.0, replicas=1)
    assert found is not None
    assert found.events == pytest.approx(came[-1] - came[0])
    assert found.rate == pytest.approx(12.0, abs=4 * math.sqrt(720) / 60)


@pytest.mark.parametrize("status", ["404 Not Found", "500 Error", "200 OK"])
def test_an_engine_without_metrics_is_fine(status: str, virtual: Virtual) -> None:
    async def script(talk: Talk) -> None:
        await talk.answer(status, "nothing here")

    async def story() -> None:
        async with serving(script) as endpoint:
            reader = EngineMetrics(FakeClock(), allowed_hosts=LOOPBACK)
            assert await reader.read(deployment(endpoint)) == ()
            assert await reader.read(deployment(None)) == ()
            stranger = EngineMetrics(FakeClock(), allowed_hosts=())
            assert await stranger.read(deployment(endpoint)) == ()
            await reader.close()
            await stranger.close()

    virtual(story())


async def _endless(talk: Talk) -> None:
    await talk.head(kind="text/plain")
    while True:
        await talk.chunk(b"x" * 65536)


async def _silent(talk: Talk) -> None:
    await talk.gone()


@pytest.mark.parametrize("script", [_endless, _silent])
def test_a_page_without_end_and_one_that_never_comes_are_given_up(
    script: Any, virtual: Virtual
) -> None:
    async def story() -> None:
        async with serving(script) as endpoint:
            reader = EngineMetrics(FakeClock(), allowed_hosts=LOOPBACK)
            began = asyncio.get_running_loop().time()
            assert await reader.read(deployment(endpoint)) == ()
            assert asyncio.get_running_loop().time() - began <= 5.01
            await reader.close()

    virtual(story())


@given(st.binary(max_size=300))
def test_no_page_breaks_the_reader(page: bytes) -> None:
    names = frozenset({"vllm:num_requests_running"})
    assert set(sum_series(b"vllm:num_requests_running" + page, names)) <= names


def test_numbers_that_are_none_are_left_out() -> None:
    page = b'a{x="1"} NaN\na 3\na{y="2"} +Inf\na\nab 7\n'
    assert sum_series(page, frozenset({"a"})) == {"a": 3.0}


def test_finite_values_that_add_up_to_infinity_are_no_reading() -> None:
    page = b'a{of="x"} 1.7e308\na{of="y"} 1.7e308\nb 2\n'
    assert sum_series(page, frozenset({"a", "b"})) == {"b": 2.0}
    huge = {"vllm:request_success_total": 1.7e308, "vllm:num_requests_running": 1.7e308}
    assert "engine_requests_total" not in {signal.name for signal in signals_of(huge, 5.0)}


def vector(*values: str) -> dict[str, Json]:
    result: list[Json] = [{"metric": {}, "value": [0, value]} for value in values]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (vector("3.5"), 3.5),
        (vector(), None),
        (vector("1", "2"), None),
        (vector("NaN"), None),
        (vector("+Inf"), None),
        ({"data": {"resultType": "scalar", "result": [0, "4"]}}, 4.0),
        ({"data": {"resultType": "matrix", "result": [{"values": []}]}}, None),
        ({"status": "error", "error": "parse error"}, None),
        ([], None),
        ("x", None),
        ({"data": {"resultType": "vector", "result": [{"value": [0, 4]}]}}, None),
    ],
)
def test_an_answer_is_one_number_or_none(answer: Json, value: float | None) -> None:
    assert read_value(json.dumps(answer).encode()) == value


def test_no_bytes_break_the_reader() -> None:
    assert read_value(b"\xff{") is None
    assert read_value(b"[" * 100_000) is None


def test_a_name_cannot_end_the_string_it_stands_in() -> None:
    query = fill('up{name="$deployment"}', 'a"} or vector(1) #\\\n')
    assert query == 'up{name="a\\"} or vector(1) #\\\\\\n"}'


def test_each_query_of_a_deployment_becomes_a_signal(virtual: Virtual) -> None:
    async def script(talk: Talk) -> None:
        asked = parse_qs(urlsplit(talk.request.path).query)["query"][0]
        assert talk.request.path.startswith("/prom/api/v1/query?")
        assert talk.request.headers["authorization"] == "Bearer t"
        if "broken" in asked:
            await talk.answer("422 Unprocessable", "{}")
        else:
            assert 'name="chat-a"' in asked
            await talk.answer("200 OK", json.dumps(vector("12")))

    queries = [
        Query(name="queue", query='q{name="$deployment"}', target=10.0),
        Query(name="bad", query="broken", measure=Measure.WAITING),
        Query(name="other", query="q", match=Match(name="other-*")),
    ]

    async def story() -> None:
        async with serving(script) as endpoint:
            url = f"http://127.0.0.1:{endpoint.port}/prom"
            reader = PromqlSignals(FakeClock(), url, queries, bearer_token=lambda: "t")
            signals = await reader.read(deployment(endpoint))
            assert by_name(signals) == {"queue": 12.0, "bad": None}
            assert [signal.target for signal in signals] == [10.0, None]
            assert [signal.measure for signal in signals] == [None, Measure.WAITING]
            assert {signal.replica for signal in signals} == {None}
            await reader.close()

    virtual(story())


def test_a_token_that_cannot_be_read_sends_nothing(virtual: Virtual) -> None:
    def unreadable() -> str:
        raise FileNotFoundError("token")

    async def story() -> None:
        reader = PromqlSignals(
            FakeClock(),
            "http://127.0.0.1:1",
            [Query(name="queue", query="q")],
            bearer_token=unreadable,
        )
        assert by_name(await reader.read(deployment(None))) == {"queue": None}
        await reader.close()

    virtual(story())

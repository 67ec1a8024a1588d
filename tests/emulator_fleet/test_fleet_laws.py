"""Laws that hold for any fleet, whatever it is made of."""

from collections import Counter
from collections.abc import Iterator

import pytest
from fleet_stories import H100, KNOBS, completions, fleet_of, mean_itl, poisson
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaler.emulator.fleet import (
    BLOCK,
    Completion,
    Fleet,
    FleetConfig,
    Phase,
    Physics,
    Request,
    Router,
)

TIGHT = Physics(max_num_seqs=8, prefill_budget_tokens=512)

deeds = st.lists(
    st.tuples(
        st.sampled_from(["advance", "scale", "crash", "submit", "abort", "alter"]),
        st.floats(0.0, 8.0),
        st.integers(0, 5),
    ),
    max_size=15,
)


def assert_conserved(fleet: Fleet) -> None:
    gauges = fleet.gauges()
    assert gauges.arrived_total == (
        gauges.running + gauges.waiting + gauges.aborted_total + gauges.tallies.completed
    )
    assert min(gauges.running, gauges.waiting) >= 0


@settings(max_examples=10, deadline=None)
@given(deeds, st.sampled_from(Router), st.integers(0, 3))
def test_every_request_is_waiting_running_finished_or_aborted(
    story: list[tuple[str, float, int]], router: Router, replicas: int
) -> None:
    """Whatever happens to the fleet: arrived = waiting + running + completed + aborted, always."""
    load = poisson(6.0, 20.0, prompt=300, output=40)
    fleet = fleet_of(
        replicas, load, physics=TIGHT, router=router, cold_start_seconds=5.0, drain_seconds=2.0
    )
    now, streams = 0.0, []
    for deed, seconds, number in story:
        now += seconds
        match deed:
            case "advance":
                fleet.advance(now)
            case "scale":
                fleet.scale(now, number)
            case "crash":
                fleet.crash(now, number, restarts=bool(number % 2))
            case "submit":
                streams.append(fleet.submit(now, prompt_tokens=300, output_tokens=1 + 40 * number))
            case "abort" if streams:
                streams[number % len(streams)].abort(now)
            case "alter":
                fleet.alter(now, KNOBS if number % 2 else Physics(max_num_seqs=3))
        assert_conserved(fleet)
    fleet.scale(fleet.now, 2)
    fleet.advance(fleet.now + 1000.0)
    assert_conserved(fleet)
    gauges = fleet.gauges()
    assert (gauges.running, gauges.waiting) == (0, 0)
    assert all(stream.ended for stream in streams)


def test_prompts_of_a_replica_are_served_in_order_of_arrival() -> None:
    finished = completions(poisson(20.0, 20.0), physics=TIGHT)
    starts = [completion.prefill_started_at for completion in finished]
    assert starts == sorted(starts)


def test_no_replica_idles_while_requests_wait() -> None:
    fleet = fleet_of(3, poisson(40.0, 15.0), physics=TIGHT, router=Router.RANDOM)
    for tick in range(1, 150):
        fleet.advance(tick * 0.1)
        assert all(replica.running > 0 for replica in fleet.replicas() if replica.waiting)


def test_a_full_batch_is_never_exceeded_and_memory_never_overflows() -> None:
    fleet = fleet_of(1, poisson(30.0, 20.0), physics=TIGHT)
    seen = set()
    for tick in range(1, 200):
        fleet.advance(tick * 0.1)
        (replica,) = fleet.replicas()
        seen.add(replica.running)
        assert replica.kv_usage_ratio <= 1.0
    assert max(seen) == TIGHT.max_num_seqs


@pytest.mark.parametrize("router", Router)
def test_the_same_seed_gives_the_same_day(router: Router) -> None:
    load = poisson(15.0, 8.0)
    runs = [
        completions(load, replicas=3, physics=KNOBS, router=router, seed=seed) for seed in (4, 4, 5)
    ]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.6])
def test_more_load_gives_a_longer_inter_token_latency(exponent: float) -> None:
    physics = Physics(exponent=exponent)
    latencies = [
        mean_itl(completions(poisson(rate, 40.0), physics=physics)) for rate in (1, 6, 12, 18)
    ]
    assert latencies == sorted(latencies)
    assert latencies[-1] > 1.25 * latencies[0]


def test_more_replicas_never_make_requests_slower() -> None:
    latencies = [
        mean_itl(completions(poisson(20.0, 30.0), replicas=replicas)) for replicas in (2, 4, 8)
    ]
    assert latencies == sorted(latencies, reverse=True)


def test_round_robin_takes_turns() -> None:
    fleet = fleet_of(3, [Request(0.001 * i, 10, 50) for i in range(9)])
    fleet.advance(0.01)
    assert [replica.running + replica.waiting for replica in fleet.replicas()] == [3, 3, 3]


def test_a_balancer_that_looks_at_load_picks_the_emptiest() -> None:
    """One long request each, then a short one to the replica whose first is done soonest."""
    load = [Request(0.0, 10, 5), Request(0.0, 10, 900), Request(1.0, 10, 900), Request(1.0, 10, 1)]
    fleet = fleet_of(2, load, router=Router.LEAST_LOADED)
    fleet.advance(0.999)
    assert [replica.running for replica in fleet.replicas()] == [0, 1]
    fleet.advance(1.001)
    assert [replica.running for replica in fleet.replicas()] == [2, 1]


def test_a_random_balancer_is_even_and_leaves_watched_requests_their_own_lots() -> None:
    fleet = fleet_of(4, router=Router.RANDOM)
    homes = Counter(fleet.submit(0.0, prompt_tokens=1, output_tokens=1).replica for _ in range(800))
    assert len(homes) == 4
    assert min(homes.values()) > 150


def test_a_workload_is_read_lazily() -> None:
    read = Counter[str]()

    def endless() -> Iterator[Request]:
        while True:
            read["requests"] += 1
            yield Request(read["requests"] * 0.1, 100, 10)

    fleet = fleet_of(1, endless())
    fleet.advance(10.0)
    assert read["requests"] <= 102
    assert fleet.replicas()[0].phase is Phase.READY


def test_finished_requests_reach_the_sink_by_the_end_of_each_advance() -> None:
    finished: list[Completion] = []
    fleet = fleet_of(1, [Request(0.0, 10, 2), Request(0.0, 10, 1000)], into=finished)
    fleet.advance(1.0)
    assert [completion.output_tokens for completion in finished] == [2]
    assert fleet.gauges().tallies.completed == 1


@pytest.mark.slow
def test_a_day_keeps_no_list_of_its_requests() -> None:
    """Advanced in one go, finished requests still leave in blocks."""
    sizes: list[int] = []
    config = FleetConfig(profile=H100, replicas=2)
    load = (Request(0.05 * number, 50, 5) for number in range(100_000))
    Fleet(config, load, sink=lambda batch: sizes.append(len(batch))).advance(10_000.0)
    assert sum(sizes) == 100_000
    assert max(sizes) < 3 * BLOCK

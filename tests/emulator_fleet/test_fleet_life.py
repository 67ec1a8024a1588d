"""Replicas come cold, drain, crash, and are billed for all of it."""

import pytest
from fleet_stories import H100, fleet_of, go_from_token_to_token, poisson

from autoscaler.emulator.fleet import Completion, Fleet, FleetConfig, Phase, Physics, Request


def phases(fleet: Fleet) -> list[Phase]:
    return [replica.phase for replica in fleet.replicas()]


def test_a_new_replica_serves_after_its_cold_start_and_is_billed_from_the_call() -> None:
    fleet = fleet_of(1, cold_start_seconds=60.0)
    fleet.scale(100.0, 3)
    assert (fleet.current, fleet.target, fleet.next_change_at()) == (1, 3, 160.0)
    fleet.advance(159.0)
    assert phases(fleet) == [Phase.READY, Phase.STARTING, Phase.STARTING]
    fleet.advance(160.0)
    assert (fleet.current, fleet.next_change_at()) == (3, None)
    assert fleet.billed_replica_seconds() == pytest.approx(160.0 + 2 * 60.0)


def test_a_draining_replica_finishes_its_work_and_is_billed_until_then() -> None:
    """Removed at 10 s with a request of 2000 tokens, some 14 s long: billed to its last token."""
    finished: list[Completion] = []
    fleet = fleet_of(2, [Request(9.0, 10, 1), Request(9.5, 10, 2000)], into=finished)
    fleet.scale(10.0, 1)
    assert phases(fleet) == [Phase.READY, Phase.DRAINING]
    assert (fleet.current, fleet.target) == (1, 1)
    fleet.advance(10_000.0)
    end = finished[-1].finished_at
    assert 20.0 < end < 30.0
    assert phases(fleet) == [Phase.READY]
    assert fleet.billed_replica_seconds() == pytest.approx(10_000.0 + end)


def test_a_draining_replica_takes_no_new_request() -> None:
    fleet = fleet_of(2, [Request(0.001, 10, 5000), Request(0.002, 10, 5000)])
    fleet.scale(1.0, 1)
    assert {fleet.submit(2.0, prompt_tokens=5, output_tokens=2).replica for _ in range(4)} == {0}


def test_a_drain_is_cut_off_and_what_is_left_is_aborted() -> None:
    fleet = fleet_of(2, drain_seconds=5.0)
    streams = [fleet.submit(0.0, prompt_tokens=10, output_tokens=5000) for _ in range(2)]
    fleet.scale(1.0, 1)
    fleet.advance(6.0)
    assert [stream.aborted for stream in streams] == [False, True]
    assert fleet.billed_replica_seconds() == pytest.approx(6.0 + 6.0)
    assert fleet.gauges().aborted_total == 1


def test_an_idle_replica_that_is_removed_leaves_at_once() -> None:
    fleet = fleet_of(3, [Request(1.0, 10, 5)])
    fleet.scale(50.0, 1)
    assert len(fleet.replicas()) == 1
    fleet.advance(60.0)
    assert fleet.billed_replica_seconds() == pytest.approx(60.0 + 2 * 50.0)


def test_a_starting_replica_leaves_before_a_ready_one_drains() -> None:
    fleet = fleet_of(2)
    fleet.scale(10.0, 3)
    fleet.scale(20.0, 2)
    assert phases(fleet) == [Phase.READY, Phase.READY]
    assert fleet.billed_replica_seconds() == pytest.approx(2 * 20.0 + 10.0)


def test_cold_starts_scatter_within_their_spread() -> None:
    config = FleetConfig(profile=H100, cold_start_seconds=100.0, cold_start_spread_ratio=0.2)
    fleet = Fleet(config)
    fleet.scale(0.0, 50)
    ready_at = []
    while (at := fleet.next_change_at()) is not None:
        fleet.advance(at)
        ready_at.append(at)
    assert len(set(ready_at)) == 49
    assert 80.0 <= ready_at[0] < 90.0
    assert 110.0 < ready_at[-1] <= 120.0


def test_without_a_cold_start_what_waits_is_served_at_once() -> None:
    fleet = fleet_of(0, cold_start_seconds=0.0)
    stream = fleet.submit(1.0, prompt_tokens=10, output_tokens=1)
    fleet.scale(2.0, 1)
    fleet.advance(3.0)
    assert stream.finished


@pytest.mark.parametrize(
    "setting",
    [{"replicas": -1}, {"cold_start_seconds": -1.0}, {"cold_start_spread_ratio": 1.1}],
    ids=str,
)
def test_a_fleet_that_makes_no_sense_is_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        FleetConfig(profile=H100, **setting)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cannot have -1 replicas"):
        fleet_of(1).scale(0.0, -1)


def test_a_crash_aborts_what_the_replica_did_and_starts_it_anew() -> None:
    fleet = fleet_of(2, cold_start_seconds=30.0)
    streams = [fleet.submit(0.0, prompt_tokens=10, output_tokens=3000) for _ in range(2)]
    assert fleet.crash(5.0) == 1
    assert [stream.aborted for stream in streams] == [True, False]
    assert (fleet.current, fleet.target, fleet.next_change_at()) == (1, 2, 35.0)
    assert fleet.crash(6.0, 3, restarts=False) == 1
    assert fleet.current == 0


def test_requests_wait_at_the_gateway_while_no_replica_is_ready() -> None:
    fleet = fleet_of(0, [Request(1.0, 10, 5)], cold_start_seconds=20.0)
    stream = fleet.submit(2.0, prompt_tokens=10, output_tokens=5)
    assert (stream.next_at(), stream.replica, fleet.gauges().waiting) == (None, None, 2)
    fleet.scale(3.0, 1)
    assert stream.next_at() == 23.0
    go_from_token_to_token(fleet, [stream], until=30.0)
    assert stream.finished
    assert stream.prefill_started_at == 23.0
    assert fleet.gauges().tallies.completed == 2


def test_a_request_given_up_at_the_gateway_leaves_it() -> None:
    fleet = fleet_of(0)
    stream = fleet.submit(1.0, prompt_tokens=10, output_tokens=5)
    stream.abort(2.0)
    assert stream.aborted
    assert (fleet.gauges().waiting, fleet.gauges().aborted_total) == (0, 1)


def test_a_request_given_up_leaves_when_its_step_ends() -> None:
    fleet = fleet_of(1)
    stream = fleet.submit(0.0, prompt_tokens=10, output_tokens=1000)
    fleet.advance(1.0)
    had = len(stream.tokens)
    stream.abort(1.0)
    assert (stream.next_at(), fleet.gauges().running) == (None, 1)
    fleet.advance(1.02)
    assert (fleet.gauges().running, fleet.gauges().aborted_total) == (0, 1)
    assert len(stream.tokens) == had


def test_a_request_given_up_in_the_queue_is_never_served() -> None:
    """Four long requests fill the batch; the fifth waits and gives up, the sixth comes next."""
    long = [Request(0.0, 10, 5000) for _ in range(4)]
    fleet = fleet_of(1, long, physics=Physics(max_num_seqs=4))
    fifth = fleet.submit(1.0, prompt_tokens=10, output_tokens=5)
    sixth = fleet.submit(1.0, prompt_tokens=10, output_tokens=5)
    fifth.abort(2.0)
    fifth.abort(2.5)
    fleet.advance(3.0)
    assert (fleet.gauges().waiting, fleet.gauges().aborted_total) == (1, 1)
    fleet.advance(500.0)
    assert (fifth.tokens, len(sixth.tokens)) == ([], 5)


def test_a_request_given_up_while_its_prompt_is_computed_frees_its_memory() -> None:
    """50 000 tokens take 25 steps of 2048; after some of them the client leaves."""
    fleet = fleet_of(1)
    stream = fleet.submit(0.0, prompt_tokens=50_000, output_tokens=5)
    fleet.advance(0.3)
    assert stream.next_at() is not None
    assert stream.prefill_started_at == 0.0
    assert fleet.replicas()[0].kv_usage_ratio == pytest.approx(50_000 / 411_529)
    stream.abort(0.3)
    fleet.advance(1.0)
    assert (fleet.replicas()[0].kv_usage_ratio, fleet.gauges().aborted_total) == (0.0, 1)


def test_a_crash_in_the_middle_of_a_prompt_loses_it_too() -> None:
    fleet = fleet_of(1)
    stream = fleet.submit(0.0, prompt_tokens=50_000, output_tokens=5)
    fleet.advance(0.3)
    fleet.crash(0.3)
    assert stream.aborted
    assert fleet.gauges().aborted_total == 1


def test_a_request_that_can_never_fit_is_turned_away() -> None:
    fleet = fleet_of(1, [Request(0.5, 10**9, 1)])
    stream = fleet.submit(1.0, prompt_tokens=500_000, output_tokens=1)
    assert stream.aborted
    assert fleet.gauges().aborted_total == 2


def test_physics_change_from_the_next_step_on_and_not_before() -> None:
    fleet = fleet_of(1)
    stream = fleet.submit(0.0, prompt_tokens=10, output_tokens=1000)
    fleet.advance(1.0)
    end = stream.next_at()
    assert end is not None
    fleet.alter(1.0, Physics(speed_ratio=0.5))
    assert stream.next_at() == end
    fleet.advance(2.0)
    gaps = [b - a for a, b in zip(stream.tokens, stream.tokens[1:], strict=False)]
    assert gaps[-1] == pytest.approx(2 * gaps[0], rel=0.01)


def test_a_batch_that_new_physics_forbids_is_cut() -> None:
    fleet = fleet_of(1, [Request(0.0, 10, 500) for _ in range(20)])
    fleet.advance(1.0)
    fleet.alter(1.0, Physics(max_num_seqs=4))
    fleet.advance(2.0)
    assert fleet.gauges().running == 4
    assert fleet.gauges().waiting == 16


def test_a_new_workload_replaces_the_old_from_now_on() -> None:
    fleet = fleet_of(1, poisson(10.0, 100.0))
    fleet.advance(10.0)
    before = fleet.gauges().arrived_total
    fleet.feed([Request(1.0, 10, 1), Request(20.0, 10, 1)])
    fleet.advance(50.0)
    assert fleet.gauges().arrived_total == before + 1


def test_time_does_not_go_back() -> None:
    fleet = fleet_of(1)
    fleet.advance(10.0)
    with pytest.raises(ValueError, match="cannot go back"):
        fleet.advance(9.0)


def test_cached_tokens_need_no_prefill_but_fill_memory() -> None:
    """1000 tokens of which 900 are cached are as quick as 100 with a history of 900."""
    fleet = fleet_of(1)
    whole = fleet.submit(0.0, prompt_tokens=1000, output_tokens=1)
    fleet.advance(1.0)
    cached = fleet.submit(1.0, prompt_tokens=1000, output_tokens=1, cached_tokens=900)
    fleet.advance(2.0)
    assert whole.tokens[0] - 0.0 > 2 * (cached.tokens[0] - 1.0)


def test_counters_follow_the_tokens_as_they_come() -> None:
    """In the middle of a long run of equal steps the totals already count the steps passed."""
    fleet = fleet_of(1)
    stream = fleet.submit(0.0, prompt_tokens=100, output_tokens=1000)
    for tick in range(1, 20):
        fleet.advance(tick * 0.25)
        gauges = fleet.gauges()
        assert gauges.generation_tokens_total == len(stream.tokens)
        assert gauges.prompt_tokens_total == 100
        assert gauges.kv_usage_ratio == pytest.approx((100 + len(stream.tokens)) / 411_529)

"""The replica that jumps from event to event and the one that takes each step are one."""

from dataclasses import replace

import pytest
from fleet_stories import (
    H100,
    KNOBS,
    completions,
    fleet_of,
    go_from_token_to_token,
    poisson,
    watch,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_replica import stepped

from autoscaler.emulator.fleet import Completion, Fleet, FleetConfig, Physics, Request

TIGHT = Physics(max_num_seqs=6, prefill_budget_tokens=300)
"""Limits so low that every test meets them."""

SMALL = replace(H100, kv_capacity_tokens=3000)
"""So little memory that sequences are preempted."""

requests_strategy = st.lists(
    st.tuples(st.floats(0.0, 0.3), st.integers(1, 900), st.integers(1, 200)),
    min_size=1,
    max_size=25,
).map(
    lambda rows: [
        Request(sum(gap for gap, _, _ in rows[: i + 1]), prompt, output)
        for i, (_, prompt, output) in enumerate(rows)
    ]
)


def assert_same(ours: list[Completion], theirs: list[Completion]) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(sorted(ours), sorted(theirs), strict=True):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(requests_strategy)
def test_jumping_from_event_to_event_gives_what_stepping_gives(requests: list[Request]) -> None:
    """Queue, chunks, batch limit, memory limit and preemption, to a nanosecond."""
    for profile in (H100, SMALL):
        ours = completions(requests, physics=TIGHT, profile=profile)
        assert_same(ours, stepped(profile, TIGHT, requests))


def test_preemption_gives_what_stepping_gives() -> None:
    requests = [Request(0.01 * i, 400, 300) for i in range(8)]
    finished: list[Completion] = []
    fleet = fleet_of(1, requests, profile=SMALL, into=finished)
    fleet.advance(100.0)
    assert fleet.gauges().preemptions_total >= 2
    assert_same(finished, stepped(SMALL, Physics(), requests))


def test_a_busy_minute_gives_what_stepping_gives() -> None:
    requests = poisson(15.0, 10.0)
    assert_same(completions(requests), stepped(H100, Physics(), requests))


@pytest.mark.parametrize("physics", [Physics(), TIGHT, KNOBS], ids=["plain", "tight", "knobs"])
def test_a_watched_request_changes_nothing(physics: Physics) -> None:
    """Every third request is watched token by token; all completions are equal to the last bit."""
    requests = poisson(6.0, 12.0, prompt=400, output=60)
    finished: list[Completion] = []
    others = [request for number, request in enumerate(requests) if number % 3]
    fleet = fleet_of(1, others, physics=physics, into=finished)
    streams = watch(fleet, requests[::3], until=500.0)
    assert sorted(finished) == completions(requests, physics=physics)
    assert all(len(s.tokens) == s.output_tokens and s.finished for s in streams)


@settings(max_examples=6, deadline=None)
@given(st.lists(st.floats(0.0, 30.0), max_size=30), st.sampled_from([Physics(), TIGHT, KNOBS]))
def test_how_often_one_looks_changes_nothing(instants: list[float], physics: Physics) -> None:
    requests = poisson(5.0, 10.0, prompt=300, output=50)
    finished: list[Completion] = []
    fleet = fleet_of(1, requests, physics=physics, into=finished)
    for instant in sorted(instants):
        fleet.advance(instant)
        fleet.gauges()
    fleet.advance(500.0)
    assert sorted(finished) == completions(requests, physics=physics)


def test_tokens_come_in_order_and_the_last_one_is_the_completion() -> None:
    finished: list[Completion] = []
    fleet = fleet_of(1, poisson(4.0, 20.0), physics=KNOBS, into=finished)
    stream = fleet.submit(5.0, prompt_tokens=700, output_tokens=90)
    go_from_token_to_token(fleet, [stream], until=200.0)
    mine = next(c for c in finished if c.arrival_at == 5.0)
    assert stream.tokens == sorted(set(stream.tokens))
    assert (stream.tokens[0], stream.tokens[-1]) == (mine.first_token_at, mine.finished_at)
    assert stream.prefill_started_at == mine.prefill_started_at


def test_a_decoding_stream_foretells_its_next_token_exactly() -> None:
    fleet = fleet_of(1, poisson(10.0, 20.0), physics=KNOBS)
    stream = fleet.submit(3.0, prompt_tokens=50, output_tokens=100)
    go_from_token_to_token(fleet, [stream], until=3.2)
    foretold = []
    while (at := stream.next_at()) is not None:
        foretold.append(at)
        fleet.advance(at)
    assert stream.tokens[-len(foretold) :] == foretold


def test_a_watched_stream_sees_the_slow_step_of_another_prompt() -> None:
    """1000 prompt tokens on an H100 make a 7 ms step one of about 22 ms: a + b n instead of d."""
    fleet = fleet_of(1, [Request(1.0, 1000, 1)])
    stream = fleet.submit(0.0, prompt_tokens=50, output_tokens=400)
    go_from_token_to_token(fleet, [stream], until=10.0)
    gaps = sorted(b - a for a, b in zip(stream.tokens, stream.tokens[1:], strict=False))
    assert gaps[-1] == pytest.approx(0.0223, abs=0.001)
    assert gaps[-2] == pytest.approx(H100.idle_step_seconds(450), rel=0.01)


def test_a_day_that_begins_at_another_instant_is_the_same_day() -> None:
    """At an instant since 1970 a float still tells quarters of a microsecond."""
    begin = 1.8e9
    requests = poisson(10.0, 20.0)
    finished: list[Completion] = []
    config = FleetConfig(profile=H100, at=begin)
    load = [r._replace(arrival_at=begin + r.arrival_at) for r in requests]
    Fleet(config, load, sink=finished.extend).advance(begin + 100.0)
    moved = [
        c._replace(
            arrival_at=c.arrival_at - begin,
            prefill_started_at=c.prefill_started_at - begin,
            first_token_at=c.first_token_at - begin,
            finished_at=c.finished_at - begin,
        )
        for c in sorted(finished)
    ]
    for one, other in zip(moved, completions(requests), strict=True):
        assert one == pytest.approx(other, abs=1e-3)

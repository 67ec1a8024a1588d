"""What arrival times can carry: the definitions of monitoring.md 5.1 and real-engines.md 7.8."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.probes.timing import LONGEST_RECORD, Arrivals, Timing, judge_times


def arrive(
    *reads: tuple[float, int], per_chunk: int = 1, counted: bool = False, total: int | None = None
) -> Timing:
    """Reads as (instant, chunks); with `counted` the server counts `per_chunk` tokens along."""
    arrivals, so_far = Arrivals(), 0
    for at, chunks in reads:
        for _ in range(chunks):
            so_far += per_chunk
            arrivals.add(at, chunks=1, counted=so_far if counted else None)
    return judge_times(arrivals, total=so_far if counted else total)


def steady(tokens: int, itl: float = 0.02, start: float = 0.1) -> list[tuple[float, int]]:
    return [(start + i * itl, 1) for i in range(tokens)]


def test_the_mean_is_over_the_tokens_after_the_first_read() -> None:
    timing = arrive(*steady(24))
    assert timing.itl_seconds == pytest.approx(0.02)
    assert timing.tokens == 24
    assert timing.times_refused_because == ""


@pytest.mark.parametrize("batch", [2, 4, 8])
def test_batches_do_not_bias_the_mean(batch: int) -> None:
    """With (N - 1) below the line, 32 tokens in batches of 8 would read 23 % low."""
    reads = [(0.1 + batch * 0.02 * i, 1) for i in range(32 // batch)]
    timing = arrive(*reads, per_chunk=batch, counted=True)
    assert timing.itl_seconds == pytest.approx(0.02)
    assert timing.tokens == 32
    assert not timing.buffered


def test_a_chunk_of_several_tokens_is_told_from_a_late_one() -> None:
    """The same gap of 60 ms: once three tokens came with it, once one token came late."""
    several = Arrivals()
    late = Arrivals()
    for i in range(8):
        several.add(0.02 * i, chunks=1, counted=i + 1)
        late.add(0.02 * i, chunks=1, counted=i + 1)
    several.add(0.20, chunks=1, counted=11)
    late.add(0.20, chunks=1, counted=9)
    assert judge_times(several, total=11).token_times[-1] == (0.20, 11)
    assert judge_times(late, total=9).token_times[-1] == (0.20, 9)


def test_reads_within_a_millisecond_are_one() -> None:
    timing = arrive(*[(0.1 + 0.05 * i + 0.0004 * j, 1) for i in range(12) for j in range(2)])
    assert len(timing.token_times) == 12
    assert timing.token_times[0] == (0.1, 2)


def test_a_gateway_that_buffers_leaves_no_latency() -> None:
    timing = arrive((0.5, 24))
    assert timing.buffered
    assert timing.itl_seconds is None
    assert "24 of 24 chunks shared a read" in timing.times_refused_because


def test_reads_merged_by_our_own_loop_are_no_buffer() -> None:
    arrivals = Arrivals()
    for _ in range(24):
        arrivals.add(0.5, chunks=1, counted=None)
    timing = judge_times(arrivals, total=None, own_lag=0.3)
    assert not timing.buffered
    assert timing.itl_seconds is None
    assert timing.times_refused_because


def test_half_of_the_chunks_may_share_a_read_and_not_more() -> None:
    half = [(0.05 * i, 1) for i in range(12)] + [(1 + 0.05 * i, 2) for i in range(6)]
    more = [(0.05 * i, 1) for i in range(10)] + [(1 + 0.05 * i, 2) for i in range(6)]
    assert not arrive(*half).buffered
    assert arrive(*more).buffered


def test_fewer_than_six_reads_carry_nothing() -> None:
    timing = arrive(*steady(5))
    assert timing.times_refused_because == "only 5 distinct reads"
    assert not timing.buffered


def test_fewer_than_four_tokens_after_the_first_read_have_no_mean() -> None:
    assert arrive(*steady(4)).itl_seconds is None
    assert arrive(*steady(5)).itl_seconds == pytest.approx(0.02)


def test_an_end_token_without_text_spoils_nothing() -> None:
    timing = arrive(*steady(24), total=25)
    assert timing.tokens == 25
    assert timing.itl_seconds == pytest.approx(0.02)
    assert timing.times_refused_because == ""


def test_several_tokens_a_chunk_without_a_running_count_are_not_heard_through() -> None:
    timing = arrive(*steady(20), total=24)
    assert timing.itl_seconds == pytest.approx(0.02 * 19 / 23, rel=0.01)
    assert "no running count" in timing.times_refused_because


@pytest.mark.parametrize("total", [8, 60])
def test_counts_that_contradict_the_chunks_give_no_mean(total: int) -> None:
    timing = arrive(*steady(24), total=total)
    assert timing.itl_seconds is None
    assert timing.times_refused_because


def test_a_falling_count_is_not_believed() -> None:
    arrivals = Arrivals()
    for i in range(10):
        arrivals.add(0.02 * i, chunks=1, counted=10 - i)
    timing = judge_times(arrivals, total=1)
    assert timing.itl_seconds is None
    assert timing.token_times == ()


def test_nothing_came() -> None:
    timing = judge_times(Arrivals(), total=None)
    assert timing.tokens is None
    assert timing.itl_seconds is None
    assert timing.times_refused_because == "no token came"


arrivals_lists = st.lists(st.tuples(st.floats(0, 0.2), st.integers(0, 3)), min_size=0, max_size=600)


@given(arrivals_lists, st.none() | st.integers(0, 2000))
def test_whatever_comes_the_record_is_bounded_and_ordered(
    gaps: list[tuple[float, int]], total: int | None
) -> None:
    arrivals, at, counted = Arrivals(), 0.0, 0
    for gap, tokens in gaps:
        at, counted = at + gap, counted + tokens
        arrivals.add(at, chunks=1, counted=counted)
    timing = judge_times(arrivals, total=total)
    times = timing.token_times
    assert len(times) <= LONGEST_RECORD
    assert all(a[0] < b[0] and a[1] <= b[1] for a, b in itertools.pairwise(times))
    assert timing.itl_seconds is None or timing.itl_seconds >= 0
    assert not (timing.buffered and timing.itl_seconds)

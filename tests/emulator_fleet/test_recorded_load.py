"""Recorded load: read from CSV lines, and multiplied by superposing copies."""

import gzip
import io
from itertools import islice

import pytest
from fleet_stories import poisson
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaler.emulator.fleet import Request
from autoscaler.emulator.trace import MAX_SHIFT_SECONDS, BadTrace, read_trace, superpose

HEADER = "arrival_s,prompt_tokens,output_tokens"


def test_requests_are_read_whatever_other_columns_there_are() -> None:
    lines = ["client,output_tokens,arrival_s,prompt_tokens", "a,5,0.25,100", "", "b,6,0.5,200.0"]
    expected = [Request(0.25, 100, 5), Request(0.5, 200, 6)]
    assert list(read_trace(lines)) == expected
    assert [r.arrival_at for r in read_trace(lines, begin_at=1000.0)] == [1000.25, 1000.5]


def test_a_packed_file_is_read_lazily_from_an_open_text_file() -> None:
    packed = gzip.compress(f"{HEADER}\n0.5,10,5\n1.5,20,6\n".encode())
    with gzip.open(io.BytesIO(packed), "rt") as lines:
        assert next(read_trace(lines)) == Request(0.5, 10, 5)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([], "line 1: the header lacks arrival_s"),
        (["arrival_s,prompt_tokens"], "line 1: the header lacks output_tokens"),
        ([HEADER, "0,1,1", "x,1,1"], "line 3: 'x,1,1' is not arrival_s"),
        ([HEADER, "0,1"], "line 2: '0,1' is not arrival_s"),
        ([HEADER, "-1,1,1"], "line 2: arrival_s must not be negative"),
        ([HEADER, "nan,1,1"], "line 2: arrival_s must not be negative"),
        ([HEADER, "0,0,1"], "line 2: .* at least 1"),
        ([HEADER, "2,1,1", "1,1,1"], "line 3: arrival_s 1.0 is before the line above"),
    ],
)
def test_a_bad_row_is_named_with_its_line(rows: list[str], complaint: str) -> None:
    with pytest.raises(BadTrace, match=complaint):
        list(read_trace(rows))


@settings(max_examples=20)
@given(st.floats(0.05, 6.0), st.integers(0, 1000))
def test_superposed_copies_are_in_order_and_as_many_as_asked(factor: float, seed: int) -> None:
    requests = poisson(4.0, 60.0)
    more = list(superpose(requests, factor, seed=seed))
    assert [r.arrival_at for r in more] == sorted(r.arrival_at for r in more)
    assert len(more) == pytest.approx(factor * len(requests), abs=5 * len(requests) ** 0.5)
    assert {r[1:] for r in more} <= {r[1:] for r in requests}
    assert more[-1].arrival_at <= requests[-1].arrival_at + MAX_SHIFT_SECONDS


def test_a_factor_of_one_changes_nothing() -> None:
    requests = poisson(4.0, 20.0)
    assert list(superpose(requests, 1.0, seed=5)) == requests


def test_a_long_load_is_superposed_without_being_held() -> None:
    endless = (Request(float(second), 1, 1) for second in range(10**12))
    assert len(list(islice(superpose(endless, 3.5, seed=1), 1000))) == 1000


@pytest.mark.parametrize("factor", [0.0, -1.0, 1001.0, float("nan")])
def test_a_senseless_factor_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="multiplied by more than 0"):
        superpose([], factor, seed=1)

"""When to try again: the arithmetic of Retry-After, back-off and circuit."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.notify.retry import (
    LONGEST_BACKOFF_SECONDS,
    LONGEST_RETRY_AFTER_SECONDS,
    OPENS_AFTER,
    Circuit,
    backoff_seconds,
    retry_after_seconds,
)

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("-5", 0.0),
        ("999999", LONGEST_RETRY_AFTER_SECONDS),
        ("Fri, 15 Jan 2027 08:02:00 GMT", 120.0),
        ("Friday, 15-Jan-27 08:02:00 GMT", 120.0),
        ("Fri Jan 15 08:02:00 2027", 120.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("soon", None),
        ("nan", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOW) == seconds


@given(st.text(max_size=60))
def test_no_text_breaks_it(value: str) -> None:
    seconds = retry_after_seconds(value, NOW)
    assert seconds is None or 0 <= seconds <= LONGEST_RETRY_AFTER_SECONDS


@given(failures=st.integers(1, 10_000), seed=st.integers())
def test_back_off_is_bounded_and_never_zero(failures: int, seed: int) -> None:
    wait = backoff_seconds(failures, Random(seed))
    assert 0 < wait <= LONGEST_BACKOFF_SECONDS


def test_back_off_after_four_failures_is_at_most_8_seconds() -> None:
    rng = Random(1)
    assert max(backoff_seconds(4, rng) for _ in range(1000)) <= 8


def test_a_circuit_opens_after_ten_failures_and_tries_once_a_minute() -> None:
    circuit = Circuit()
    for _ in range(OPENS_AFTER):
        assert circuit.allows(NOW)
        circuit.fail("down", now=NOW, retry_after=None)
    assert circuit.is_open
    assert not circuit.allows(NOW + 59)
    assert circuit.allows(NOW + 60)
    circuit.succeed()
    assert circuit.allows(NOW + 60)
    assert circuit.last_error == ""

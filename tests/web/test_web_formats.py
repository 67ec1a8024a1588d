"""Numbers and foreign texts as people read them."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaler.web import formats
from autoscaler.web.held import Held
from autoscaler.web.text import LABEL_LIMIT, label, number, plain


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0.0042, "4.2 ms"),
        (0.031, "31 ms"),
        (0.9996, "1.00 s"),
        (1.2, "1.20 s"),
        (120.4, "120 s"),
    ],
)
def test_a_latency_has_the_unit_of_its_size(value: float | None, shown: str) -> None:
    assert formats.seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(-3, "0 s"), (12, "12 s"), (300, "5 min"), (7200, "2 h"), (9 * 86400, "9 d")],
)
def test_a_time_has_the_unit_of_its_size(value: float, shown: str) -> None:
    assert formats.duration(value) == shown


@pytest.mark.parametrize(
    ("value", "currency", "shown"),
    [
        (Decimal("7.47"), "USD", "$7.47"),
        (Decimal(-18), "INR", "−₹18.00"),
        (12345.6, "CHF", "CHF 12,346"),
        (None, "USD", "–"),
    ],
)
def test_money_has_its_sign(value: Decimal | None, currency: str, shown: str) -> None:
    assert formats.money(value, currency) == shown


def test_a_ratio_below_zero_has_a_true_minus() -> None:
    assert formats.percent(-0.04) == "−4 %"
    assert formats.percent(None) == "–"
    assert formats.clock(0) == "00:00:00 UTC"


@settings(deadline=None)
@given(st.text())
def test_a_label_is_one_line_bounded_and_escaped(text: str) -> None:
    value = label(text)
    assert "\n" not in value
    assert len(value) <= 2 * LABEL_LIMIT
    assert value.replace(r"\\", "").replace(r"\"", "").count('"') == 0
    value.encode()


def test_what_cannot_be_seen_is_shown_as_something() -> None:
    assert plain("a\x00b\u202ec\ud800") == "a\ufffdb\ufffdc\ufffd"
    assert plain("x" * 9, 5) == "xxxx…"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "NaN"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
        (3, "3"),
        (0.1, "0.1"),
    ],
)
def test_a_number_is_written_as_the_format_wants(value: float, shown: str) -> None:
    assert number(value) == shown


def test_a_held_instant_moves_only_when_it_really_moved() -> None:
    held = Held(tolerance_seconds=5)
    assert [held.value("a", at) for at in (100, 104, 96, 106)] == [100, 100, 100, 106]
    held.keep([])
    assert held.value("a", 107) == 107

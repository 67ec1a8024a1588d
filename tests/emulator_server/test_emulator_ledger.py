"""The emulator's two bills: to the second, and by started minutes."""

from decimal import Decimal
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.emulator.ledger import (
    PriceChange,
    ReplicaChange,
    Truth,
    billed_seconds,
    exact_bill,
    minute_bill,
)

PRICE = [PriceChange(0.0, Decimal("1.99"))]


def change(at: float, billed: int) -> ReplicaChange:
    return ReplicaChange(at=at, billed=billed, current=billed, target=billed)


def test_two_replicas_of_four_gpus_for_half_an_hour_cost_what_the_docstring_says() -> None:
    bill = exact_bill([change(0.0, 2)], PRICE, gpus=4, until=1800.0)
    assert bill == Decimal("7.96")


def test_a_started_minute_is_billed_whole_at_the_count_it_began_with() -> None:
    changes = [change(0.0, 1), change(90.0, 3)]
    bill = minute_bill(changes, PRICE, gpus=1, until=121.0)
    assert bill == pytest.approx(Decimal("1.99") / 60 * (1 + 1 + 3))


def test_nothing_is_billed_before_the_first_change() -> None:
    assert minute_bill([], PRICE, gpus=1, until=100.0) == 0
    assert billed_seconds([], until=100.0) == 0


def test_a_price_change_after_the_end_costs_nothing() -> None:
    prices = [*PRICE, PriceChange(5000.0, Decimal(100))]
    assert exact_bill([change(0.0, 1)], prices, gpus=1, until=3600.0) == Decimal("1.99")


def test_an_unknown_name_is_a_key_error() -> None:
    truth = Truth(
        at=0.0, started_at=0.0, currency="USD", deployments=(), status_changes=(), scale_calls=()
    )
    with pytest.raises(KeyError):
        truth.deployment("none")


STEPS = st.lists(st.tuples(st.integers(1, 4000), st.integers(0, 8)), min_size=1, max_size=12)


@given(steps=STEPS, gpus=st.integers(1, 8))
def test_the_exact_bill_is_price_times_gpu_hours(steps: list[tuple[int, int]], gpus: int) -> None:
    times = list(accumulate(gap for gap, _ in steps))
    changes = [change(float(at), count) for at, (_, count) in zip(times, steps, strict=True)]
    until = times[-1] + 500.0
    hours = Decimal(billed_seconds(changes, until=until)) / 3600
    bill = exact_bill(changes, PRICE, gpus=gpus, until=until)
    assert abs(bill - hours * gpus * Decimal("1.99")) < Decimal("1e-15") * 1000


@given(steps=STEPS)
def test_the_two_bills_differ_by_less_than_a_minute_for_each_change(
    steps: list[tuple[int, int]],
) -> None:
    times = list(accumulate(gap for gap, _ in steps))
    changes = [change(float(at), count) for at, (_, count) in zip(times, steps, strict=True)]
    until = times[-1] + 500.0
    exact = exact_bill(changes, PRICE, gpus=1, until=until)
    billed = minute_bill(changes, PRICE, gpus=1, until=until)
    assert abs(exact - billed) <= Decimal("1.99") / 60 * 8 * (len(steps) + 1)

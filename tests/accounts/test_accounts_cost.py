"""The ledger: decimal money from what was observed, and every difference explained."""

import random
from dataclasses import replace
from decimal import Decimal

import pytest
from helpers_accounts import DAY, HOUR, month_of_looks
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core import billing, charging, cost, passage
from autoscaler.core.billing import Price, Rate, Terms
from autoscaler.core.charging import Ledger
from autoscaler.core.codec import decode, encode

INR = Terms(prices=(Price(amount=Decimal("192.48")),), currency="INR")
THREE = Rate(replicas=3, gpus=2, ready=True, max_replicas=5)


def charged(*looks: tuple[float, Rate], terms: Terms = INR) -> Ledger:
    ledger = Ledger()
    for at, rate in looks:
        ledger = cost.advance(ledger, rate, at=at, terms=terms)
    return ledger


def test_the_worked_example_of_the_docstring_holds() -> None:
    assert charged((0.0, THREE), (15.0, THREE)).total == Decimal("4.812")


def test_nothing_is_charged_before_the_first_look() -> None:
    assert charged((1e9, THREE)).total == 0


def test_a_look_twice_at_the_same_instant_charges_once() -> None:
    assert charged((0.0, THREE), (15.0, THREE), (15.0, THREE), (10.0, THREE)).total == Decimal(
        "4.812"
    )


def test_the_platforms_own_date_of_a_change_splits_the_interval() -> None:
    ledger = charged((0.0, THREE))
    ledger = cost.advance(ledger, replace(THREE, replicas=4), at=30.0, terms=INR, changed_at=10.0)

    wanted = INR.prices[0].amount * 2 * (3 * 10 + 4 * 20) / 3600
    assert abs(ledger.total - wanted) < Decimal("1e-9")


def test_a_price_holds_from_its_date_on() -> None:
    terms = replace(INR, prices=(*INR.prices, Price(amount=Decimal(100), valid_from=10.0)))

    ledger = charged((0.0, THREE), (30.0, THREE), terms=terms)

    wanted = (Decimal("192.48") * 10 + Decimal(100) * 20) * 6 / 3600
    assert abs(ledger.total - wanted) < Decimal("1e-9")


def test_an_unknown_price_shows_no_cost_at_all_but_counts_the_gpus() -> None:
    ledger = charged((0.0, THREE), (30.0, THREE), terms=Terms())

    assert cost.view(ledger, at=30.0, terms=Terms()) is None
    assert ledger.gpu_seconds == 180


def test_a_gap_is_filled_with_what_both_ends_prove_and_marked() -> None:
    five = replace(THREE, replicas=5)

    ledger = charged((0.0, THREE), (HOUR, five))

    assert ledger.total == Decimal("192.48") * 6
    assert ledger.gaps[0].uncertain == Decimal("192.48") * 4
    shown = cost.view(ledger, at=HOUR, terms=INR)
    assert shown is not None
    assert shown.estimated


def test_a_day_and_a_month_end_at_utc_midnight() -> None:
    ledger = charged((DAY - 10.0, THREE), (DAY + 20.0, THREE))

    assert ledger.days["1970-01-01"].gpu_seconds == 60
    assert ledger.days["1970-01-02"].gpu_seconds == 120


def test_hours_left_end_with_the_month() -> None:
    new_year_1970 = 31 * DAY
    assert billing.hours_left(new_year_1970 - 2 * HOUR) == 2
    assert billing.hours_left(new_year_1970) == 28 * 24


def test_money_avoided_is_measured_against_the_max_that_the_user_wrote() -> None:
    ledger = charged((0.0, THREE), (30.0, THREE))

    assert ledger.avoided == ledger.total / 3 * 2


def test_spend_while_not_ready_is_told_apart() -> None:
    loading = replace(THREE, ready=False)

    ledger = charged((0.0, THREE), (15.0, loading), (30.0, THREE))

    assert ledger.not_ready == ledger.total / 2


def test_a_deployment_found_gone_is_charged_up_to_there_and_no_further() -> None:
    ledger = cost.close(charged((0.0, THREE)), at=15.0, terms=INR)

    assert ledger.total == Decimal("4.812")
    assert cost.close(ledger, at=30.0, terms=INR).total == Decimal("4.812")


def test_the_fleet_is_the_sum_of_its_deployments() -> None:
    one = cost.view(charged((0.0, THREE), (15.0, THREE)), at=15.0, terms=INR)
    assert one is not None

    both = cost.fleet([one, one])

    assert both is not None
    assert both.total == 2 * one.total
    assert cost.fleet([]) is None


def test_the_ledger_survives_a_json_round_trip() -> None:
    ledger = charged((0.0, THREE), (15.0, THREE), (9 * HOUR, THREE))

    assert decode(Ledger, encode(ledger)) == ledger


@given(
    st.lists(st.floats(min_value=0.001, max_value=59.0), min_size=1, max_size=40),
    st.integers(min_value=1, max_value=9),
)
def test_how_often_one_looks_does_not_change_the_total(steps: list[float], replicas: int) -> None:
    rate = replace(THREE, replicas=replicas)
    instants = [0.0]
    for length in steps:
        instants.append(instants[-1] + length)

    often = charged(*((at, rate) for at in instants))

    seconds = billing.seconds_between(0.0, instants[-1])
    once = INR.prices[0].amount * 2 * replicas * seconds / 3600
    assert abs(often.total - once) < Decimal("1e-6") * len(instants)


@pytest.mark.slow
def test_a_month_with_restarts_gaps_scaling_and_a_new_price_agrees_with_the_bill() -> None:
    """Within 0.1 % of the bill, and within what is marked."""
    rng = random.Random(7)
    looks, bill, terms = month_of_looks(rng)
    ledger = Ledger()

    for look in looks:
        rate = passage.rate_of(ledger, look.deployment, look.ask, max_replicas=9)
        ledger = passage.look(ledger, look.deployment, rate, at=look.at, terms=terms)
        if rng.random() < 0.01:
            ledger = decode(Ledger, encode(ledger))

    assert abs(ledger.total - bill) <= ledger.uncertain
    assert abs(ledger.total - bill) <= bill / 1000
    assert ledger.gaps


def test_a_stretch_without_length_costs_nothing() -> None:
    assert charging.charge(Ledger(), THREE, start=5.0, end=5.0, terms=INR) == Ledger()

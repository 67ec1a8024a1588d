"""What replicas cost while they come and go, told by what both ends of a passage prove."""

from dataclasses import replace
from decimal import Decimal

import pytest
from helpers_accounts import START, deployment

from autoscaler.core import cost, passage
from autoscaler.core.billing import Price, Rate, Terms
from autoscaler.core.charging import Ledger
from autoscaler.core.codec import decode, encode
from autoscaler.core.model import Ask, Deployment
from autoscaler.core.words import Status

TERMS = Terms(prices=(Price(amount=Decimal(1800)),), currency="INR")
"""Two GPUs at 0.5 a second each: a replica costs 1 a second."""
READY, BUSY, FAILED = Status.READY, Status.INITIALIZING, Status.FAILED


class Account:
    """A ledger that is looked at, with times in seconds since the start."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.terms = TERMS
        self.deployment = deployment()
        self.ask: Ask | None = None

    def look(
        self, at: float, replicas: int, status: Status = READY, *, changed: float | None = None
    ) -> None:
        updated_at = None if changed is None else START + changed
        self.deployment = deployment(replicas=replicas, status=status, updated_at=updated_at)
        rate = self._rate(self.deployment)
        self.ledger = passage.look(
            self.ledger, self.deployment, rate, at=START + at, terms=self.terms
        )
        self.ledger = decode(Ledger, encode(self.ledger))

    def begin(self, at: float, count: int) -> None:
        self.ask = Ask(count=count, from_count=self.deployment.replicas, asked_at=START + at)
        self._charge(at)

    def end(self, at: float, outcome: str) -> None:
        assert self.ask is not None
        self.ask = replace(self.ask, outcome=outcome, closed_at=START + at)
        self._charge(at)

    def _rate(self, seen: Deployment) -> Rate:
        return passage.rate_of(self.ledger, seen, self.ask, max_replicas=9)

    def _charge(self, at: float) -> None:
        rate = self._rate(self.deployment)
        self.ledger = cost.advance(self.ledger, rate, at=START + at, terms=self.terms)


def at_rest(replicas: int) -> Account:
    account = Account()
    account.look(0, replicas)
    return account


def test_replicas_that_somebody_asked_for_are_billed_from_the_start_of_the_transition() -> None:
    account = at_rest(2)
    account.look(30, 2, BUSY, changed=20)
    account.look(60, 3, BUSY, changed=50)
    account.look(90, 4, changed=80)
    assert account.ledger.total == 2 * 20 + 4 * 70
    assert account.ledger.uncertain == 0


def test_the_last_replica_that_is_drained_is_billed_to_the_end() -> None:
    account = at_rest(4)
    account.look(30, 2, BUSY, changed=20)
    account.look(60, 2, changed=50)
    assert account.ledger.total == 4 * 20 + 3 * 30 + 2 * 10
    assert account.ledger.uncertain == 30, "the other one may have stayed as long"


def test_a_crashed_replica_that_comes_back_was_billed_and_that_is_marked() -> None:
    account = at_rest(3)
    account.look(30, 2, changed=20)
    account.look(60, 3, changed=50)
    assert account.ledger.total == 3 * 60
    assert account.ledger.uncertain == 30
    assert account.ledger.at_rest == 3


def test_replicas_that_stay_away_were_taken_away() -> None:
    account = at_rest(3)
    late = passage.MISSING_SECONDS + 30
    for at in range(30, int(late) + 31, 30):
        account.look(at, 2, changed=20)
    assert account.ledger.at_rest == 2
    assert account.ledger.unsettled == ()
    assert account.ledger.total == 3 * 20 + 2 * Decimal(late + 10)
    assert account.ledger.uncertain > passage.MISSING_SECONDS


def test_what_is_asked_shows_as_the_rate_and_is_charged_once_it_is_settled() -> None:
    account = at_rest(2)
    account.begin(10, 4)
    shown = cost.view(account.ledger, at=START + 10, terms=TERMS)
    assert shown is not None
    assert shown.per_hour == 4 * 3600
    account.look(30, 2)
    assert account.ledger.total == 2 * 30, "whether the call arrived is not known"
    account.look(60, 4)
    account.end(60, "settled")
    account.ledger = passage.settle(account.ledger, 4, terms=TERMS)
    assert account.ledger.total == 2 * 10 + 4 * 50
    assert account.ledger.uncertain == 0


def test_a_count_that_is_there_at_the_next_look_is_billed_from_the_change_on() -> None:
    account = at_rest(4)
    account.begin(10, 2)
    account.look(70, 2, changed=11)
    assert account.ledger.total == 4 * 11 + 2 * 59
    assert account.ledger.uncertain == 0


def test_a_sign_that_the_call_arrived_proves_what_was_asked() -> None:
    account = at_rest(2)
    account.begin(10, 4)
    account.look(30, 2, BUSY)
    assert account.ledger.rate is not None
    assert account.ledger.rate.replicas == 4


def test_a_call_that_never_arrived_costs_nothing() -> None:
    account = at_rest(2)
    account.begin(10, 4)
    account.look(30, 2)
    account.ledger = passage.call_off(account.ledger)
    account.end(30, "overdue")
    account.look(60, 2)
    assert account.ledger.total == 2 * 60
    assert account.ledger.uncertain == 0


def test_a_call_of_which_nothing_was_ever_known_is_marked() -> None:
    account = at_rest(2)
    account.begin(10, 4)
    account.look(30, 2)
    account.ledger = passage.give_up(account.ledger, at_rest=2, terms=TERMS)
    account.end(30, "overdue")
    account.look(60, 2)
    assert account.ledger.total == 2 * 60
    assert account.ledger.uncertain == 2 * 20


def test_a_gap_in_a_passage_is_settled_with_it() -> None:
    """The call arrived, and nobody looked for ten minutes."""
    account = at_rest(2)
    account.begin(10, 4)
    account.look(610, 4)
    account.end(610, "settled")
    account.ledger = passage.settle(account.ledger, 4, terms=TERMS)
    assert account.ledger.total == 2 * 10 + 4 * 600
    assert account.ledger.uncertain == 0


@pytest.mark.parametrize("changed", [10.0, 9.999, 8.0])
def test_a_change_that_our_call_made_at_once_is_billed_from_the_call_on(changed: float) -> None:
    """Though the platform's clock tells milliseconds, cut off, or is late by seconds."""
    account = at_rest(5)
    account.look(5, 5, changed=-100)
    account.begin(10, 2)
    account.look(70, 2, changed=changed)
    assert account.ledger.total == 5 * 10 + 2 * 60
    assert account.ledger.uncertain == 0


def test_a_change_that_was_seen_before_tells_nothing_of_the_next() -> None:
    """The count moves, and the platform's last change does not: it may have come at any time."""
    account = at_rest(2)
    account.look(30, 2, changed=30)
    account.look(60, 4, changed=30)
    assert account.ledger.total == 2 * 60
    assert account.ledger.uncertain == 2 * 30


def test_what_ran_before_a_price_was_known_is_charged_once_it_is() -> None:
    """The inventory did not answer for a while, and a scale-up was settled meanwhile."""
    account, known = Account(), at_rest(2)
    account.terms = Terms()
    account.look(0, 2)
    for one in (account, known):
        one.look(30, 2, BUSY, changed=20)
        one.look(60, 4, changed=50)
    assert account.ledger.total == 0
    assert account.ledger.gpu_seconds == known.ledger.gpu_seconds
    account.terms = TERMS
    for one in (account, known):
        one.look(90, 4, changed=50)
    assert account.ledger == known.ledger
    assert account.ledger.total == 2 * 20 + 4 * 70


def test_a_deployment_without_a_price_keeps_one_entry_while_it_is_steady() -> None:
    account = Account()
    account.terms = Terms()
    for at in range(0, 3000, 30):
        account.look(at, 2)
    assert [entry.end - entry.start for entry in account.ledger.unpriced] == [2970.0]


def test_after_the_last_change_in_a_gap_all_is_known() -> None:
    account = at_rest(4)
    account.look(1000, 2, changed=100)
    assert account.ledger.total == 2 * 1000
    assert account.ledger.uncertain == 2 * 100


def test_a_count_that_changed_between_two_looks_at_rest_is_marked_up_to_the_change() -> None:
    account = at_rest(2)
    account.look(30, 4, changed=20)
    assert account.ledger.total == 2 * 20 + 4 * 10
    assert account.ledger.uncertain == 2 * 20


def test_a_failed_deployment_that_keeps_its_replicas_is_at_rest() -> None:
    account = at_rest(2)
    account.look(30, 2, FAILED)
    account.look(60, 2)
    assert account.ledger.total == 2 * 60
    assert account.ledger.uncertain == 0


def test_the_first_start_is_billed_from_when_it_was_seen() -> None:
    account = Account()
    account.look(0, 0, BUSY)
    account.look(30, 0, BUSY)
    account.look(60, 1)
    assert account.ledger.total == 60


def test_a_passage_without_end_keeps_a_bounded_number_of_stretches() -> None:
    account = at_rest(2)
    for number in range(passage.STRETCHES_KEPT + 3):
        account.look(30 * (number + 1), 1 + number % 2, BUSY)
    assert len(account.ledger.unsettled) <= passage.STRETCHES_KEPT
    assert account.ledger.uncertain > 0


def test_a_status_that_is_not_billed_costs_nothing() -> None:
    failed = deployment(replicas=2, status=FAILED)
    rate = passage.rate_of(Ledger(), failed, None, max_replicas=None, billable=(READY,))
    assert (rate.replicas, rate.most) == (0, None)


@pytest.mark.parametrize(("since", "doubt"), [(-50.0, 40), (10.0, 30), (40.0, 0)])
def test_a_price_that_changed_at_an_unknown_instant_is_marked(since: float, doubt: int) -> None:
    """From 0.5 to 1 a second and GPU, between the last read of prices and this one at 40."""
    account = at_rest(2)
    account.look(40, 2)
    marked = cost.doubt_price(account.ledger, Decimal(900), start=START + since, end=START + 40)
    assert marked.uncertain == doubt
    assert cost.doubt_price(Ledger(), Decimal(900), start=START, end=START + 40) == Ledger()

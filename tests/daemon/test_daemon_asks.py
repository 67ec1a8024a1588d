"""When an ask ends, as a table."""

import pytest
from helpers_fakes import a_deployment

from autoscaler.core.model import Ask
from autoscaler.core.policy import Policy
from autoscaler.core.words import Status
from autoscaler.daemon.asks import Arrival, arrival, followed

ASKED_AT = 1000.0
POLICY = Policy(settling_window_seconds=120.0, settle_deadline_seconds=900.0)
READY, BUSY = Status.READY, Status.INITIALIZING


@pytest.mark.parametrize(
    ("outcome", "status", "replicas", "updated", "age", "then"),
    [
        ("accepted", READY, 3, 50.0, 60.0, "settled"),
        ("pending", READY, 3, 50.0, 60.0, "settled"),
        ("accepted", BUSY, 3, 50.0, 60.0, "accepted"),
        ("accepted", READY, 2, 50.0, 60.0, "accepted"),
        ("accepted", READY, 1, -50.0, 200.0, "accepted"),
        ("accepted", READY, 1, -50.0, 900.0, "overdue"),
        ("pending", READY, 1, -50.0, 119.0, "pending"),
        ("pending", READY, 1, -50.0, 120.0, "overdue"),
        ("pending", READY, 1, 50.0, 300.0, "pending"),
        ("pending", BUSY, 1, -50.0, 300.0, "pending"),
        ("pending", READY, 2, -50.0, 300.0, "pending"),
        ("pending", READY, 1, 50.0, 900.0, "overdue"),
        ("accepted", READY, 3, 50.0, -1.0, "accepted"),
    ],
    ids=[
        "reached",
        "reached although unknown",
        "not ready yet",
        "on the way",
        "ignored",
        "ignored for too long",
        "lost, perhaps",
        "lost",
        "something was changed",
        "a transition is under way",
        "moved by one",
        "unclear for too long",
        "a read from before",
    ],
)
def test_an_ask_ends_as_the_platform_shows(
    *, outcome: str, status: Status, replicas: int, updated: float, age: float, then: str
) -> None:
    ask = Ask(count=3, from_count=1, asked_at=ASKED_AT, outcome=outcome)
    seen = a_deployment(status=status, replicas=replicas, updated_at=ASKED_AT + updated)
    ended = followed(ask, seen, read_at=ASKED_AT + age, policy=POLICY)
    assert ended.outcome == then
    assert (ended.closed_at is None) == ended.is_open


def test_a_closed_ask_stays_as_it_is() -> None:
    ask = Ask(count=3, from_count=1, asked_at=ASKED_AT, outcome="refused", closed_at=ASKED_AT)
    assert followed(ask, a_deployment(), read_at=ASKED_AT + 5000, policy=POLICY) is ask


@pytest.mark.parametrize(
    ("outcome", "replicas", "updated", "told"),
    [
        ("pending", 1, -1.0, Arrival.NO),
        ("pending", 1, 1.0, Arrival.UNCLEAR),
        ("pending", 3, 1.0, Arrival.YES),
        ("accepted", 1, -1.0, Arrival.YES),
    ],
)
def test_whether_a_call_arrived_is_told_from_what_changed(
    outcome: str, replicas: int, updated: float, told: Arrival
) -> None:
    ask = Ask(count=3, from_count=1, asked_at=ASKED_AT, outcome=outcome)
    seen = a_deployment(replicas=replicas, updated_at=ASKED_AT + updated)
    assert arrival(ask, seen) is told

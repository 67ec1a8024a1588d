"""One contract, held by every store."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autoscaler.core.model import Decision, Estimate, Json, Step
from autoscaler.core.snapshot import HistoryPoint
from autoscaler.core.words import Reason, Verdict
from autoscaler.ports import Batch, Notification, Store
from autoscaler.store import MemoryStore, SqliteStore

A = "dep-a"


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    builders: dict[str, Callable[[], Store]] = {
        "sqlite": lambda: SqliteStore(tmp_path / "state.db"),
        "memory": MemoryStore,
    }
    built = builders[request.param]()
    yield built
    built.close()


def decision(at: float, *, target: int = 2) -> Decision:
    return Decision(
        at=at,
        deployment_id=A,
        deployment="chat-a",
        current=1,
        recommended=target,
        target=target,
        verdict=Verdict.UP,
        reason=Reason.SCALE_UP_SLO,
        because="load 1.6 wants 2",
        steps=(Step(rule="slo", before=1, after=target, because="load 1.6 wants 2"),),
        estimate=Estimate(at=at),
    )


def point(at: float, *, replicas: int = 1) -> HistoryPoint:
    return HistoryPoint(
        at=at,
        replicas=replicas,
        asked=None,
        target=2,
        need=1.6,
        need_low=None,
        need_high=None,
        ttft_seconds=0.2,
        itl_seconds=0.02,
        success_ratio=1.0,
        cost_per_hour=None,
        status="ready",
    )


def note(
    sequence: int,
    *,
    receiver: str = "slack",
    fingerprint: str = "f1",
    episode: int = 1,
    created_at: float = 0.0,
) -> Notification:
    return Notification(
        key=f"{fingerprint}.{episode}.{sequence}.{receiver}",
        receiver=receiver,
        fingerprint=fingerprint,
        episode=episode,
        sequence=sequence,
        event="trigger" if sequence == 1 else "resolve",
        payload={"summary": "the endpoint fails", "nested": {"values": [1, None, True]}},
        created_at=created_at,
        expires_at=created_at + 3600,
    )


def test_a_document_reads_back_as_it_was_written(store: Store) -> None:
    body: Json = {"alpha": 0.02, "text": "ü\x00", "none": None, "list": [1, [2]]}
    store.commit(Batch(documents={("state", A): body}))

    assert store.documents("state") == {A: body}
    assert store.documents("ask") == {}


def test_a_document_is_replaced_whole_and_deleted_by_none(store: Store) -> None:
    store.commit(Batch(documents={("state", A): {"a": 1, "b": 2}, ("state", "dep-b"): 1}))
    store.commit(Batch(documents={("state", A): {"a": 3}, ("state", "dep-b"): None}))

    assert store.documents("state") == {A: {"a": 3}}


def test_decisions_come_newest_first_within_bounds(store: Store) -> None:
    store.commit(Batch(decisions=[decision(at) for at in (10.0, 20.0, 30.0, 40.0)]))

    assert [d["at"] for d in store.decisions(A)] == [40.0, 30.0, 20.0, 10.0]
    assert [d["at"] for d in store.decisions(A, since=20.0, until=30.0)] == [30.0, 20.0]
    assert [d["at"] for d in store.decisions(A, until=35.0, limit=1)] == [30.0]
    assert store.decisions("dep-b") == []


def test_observations_come_oldest_first(store: Store) -> None:
    store.commit(Batch(observations=[(20.0, A, {"n": 2}), (10.0, A, {"n": 1})]))

    assert store.observations(A) == [{"n": 1}, {"n": 2}]
    assert store.observations(A, since=15.0) == [{"n": 2}]
    assert store.observations(A, until=15.0) == [{"n": 1}]


def test_a_minute_of_history_is_replaced(store: Store) -> None:
    store.commit(Batch(history=[(A, point(60.0)), (A, point(0.0))]))
    store.commit(Batch(history=[(A, point(60.0, replicas=5))]))

    assert [(p.at, p.replicas) for p in store.history(A, since=0.0)] == [(0.0, 1), (60.0, 5)]
    assert [p.at for p in store.history(A, since=30.0)] == [60.0]


def test_a_notification_reads_back_as_it_was_written(store: Store) -> None:
    store.commit(Batch(notifications=[note(1)]))

    assert store.queued() == [note(1)]


def test_only_the_oldest_row_of_a_receiver_and_alert_is_due(store: Store) -> None:
    rows = [note(2), note(1), note(1, fingerprint="f2"), note(1, receiver="mail")]
    store.commit(Batch(notifications=rows))

    assert {n.key for n in store.due(0.0)} == {"f1.1.1.slack", "f2.1.1.slack", "f1.1.1.mail"}


def test_an_older_episode_goes_before_a_newer_one(store: Store) -> None:
    store.commit(Batch(notifications=[note(1, episode=2), note(2, episode=1)]))

    assert [n.key for n in store.due(0.0)] == ["f1.1.2.slack"]


def test_a_row_that_waits_for_its_retry_holds_back_its_successor(store: Store) -> None:
    """A resolve never overtakes its trigger."""
    store.commit(Batch(notifications=[note(1), note(2)]))
    store.failed("f1.1.1.slack", next_attempt_at=50.0, error="HTTP 500")

    assert store.due(49.0) == []
    (retried,) = store.due(50.0)
    assert (retried.key, retried.attempts, retried.last_error) == ("f1.1.1.slack", 1, "HTTP 500")


def test_a_delivered_row_makes_way_for_the_next(store: Store) -> None:
    store.commit(Batch(notifications=[note(1), note(2)]))
    store.delivered("f1.1.1.slack", at=5.0)

    assert [n.key for n in store.due(5.0)] == ["f1.1.2.slack"]


def test_a_dead_row_makes_way_for_the_next(store: Store) -> None:
    store.commit(Batch(notifications=[note(1), note(2)]))
    store.dead("f1.1.1.slack", at=5.0, error="expired")

    assert [n.key for n in store.queued()] == ["f1.1.2.slack"]


def test_a_key_that_was_delivered_is_never_queued_again(store: Store) -> None:
    store.commit(Batch(notifications=[note(1)]))
    store.delivered("f1.1.1.slack", at=5.0)
    store.commit(Batch(notifications=[note(1)]))

    assert store.queued() == []


def test_due_rows_come_oldest_first_and_no_more_than_the_limit(store: Store) -> None:
    rows = [note(1, fingerprint=f"f{n}", created_at=10.0 - n) for n in range(5)]
    store.commit(Batch(notifications=rows))

    assert [n.fingerprint for n in store.due(100.0, limit=2)] == ["f4", "f3"]


def test_notes_of_an_episode_come_in_order(store: Store) -> None:
    store.commit(Batch(notifications=[note(1), note(2), note(1, episode=2)]))
    store.delivered("f1.1.1.slack", at=1.0, note={"ts": "1.1"})
    store.delivered("f1.1.2.slack", at=2.0, note={"ts": "1.2"})
    store.delivered("f1.2.1.slack", at=3.0)

    assert store.notes("slack", "f1", 1) == [{"ts": "1.1"}, {"ts": "1.2"}]
    assert store.notes("slack", "f1", 2) == []


def test_pruning_drops_what_is_old_and_keeps_what_is_undelivered(store: Store) -> None:
    store.commit(
        Batch(
            documents={("state", A): {"kept": True}},
            decisions=[decision(10.0), decision(100.0)],
            observations=[(10.0, A, 1), (100.0, A, 2)],
            history=[(A, point(0.0)), (A, point(120.0))],
            notifications=[note(1), note(1, fingerprint="f2")],
        )
    )
    store.delivered("f1.1.1.slack", at=10.0)
    store.prune(before=50.0)
    store.commit(Batch(notifications=[note(1)]))

    assert [d["at"] for d in store.decisions(A)] == [100.0]
    assert store.observations(A) == [2]
    assert [p.at for p in store.history(A, since=0.0)] == [120.0]
    assert store.documents("state") == {A: {"kept": True}}
    assert {n.key for n in store.queued()} == {"f1.1.1.slack", "f2.1.1.slack"}

"""What the file does beyond the contract: it survives, it is locked, it heals."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from autoscaler.ports import Batch, Notification
from autoscaler.store import SqliteStore, StoreReader, StoreUnusable

NOTE = Notification(
    key="k",
    receiver="slack",
    fingerprint="f",
    episode=1,
    sequence=1,
    event="trigger",
    payload={},
    created_at=0.0,
    expires_at=1.0,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def test_what_was_committed_is_there_after_a_reopening(path: Path) -> None:
    store = SqliteStore(path)
    store.commit(Batch(documents={("state", "a"): 1}, notifications=[NOTE]))
    store.close()

    again = SqliteStore(path)
    assert again.documents("state") == {"a": 1}
    assert again.queued() == [NOTE]
    assert again.warnings == ()
    again.close()


def test_a_second_process_is_refused_with_a_sentence(path: Path) -> None:
    store = SqliteStore(path)
    with pytest.raises(StoreUnusable, match="Another neevscale uses the state file"):
        SqliteStore(path)
    store.close()
    SqliteStore(path).close()


@pytest.mark.parametrize("garbage", [b"not a database at all" * 100, b"SQLite format 3\0" * 300])
def test_a_corrupt_file_is_moved_aside_and_said(path: Path, garbage: bytes) -> None:
    path.write_bytes(garbage)
    store = SqliteStore(path, moved_aside_at=17.0)

    assert "is corrupt" in store.warnings[0]
    assert path.with_name("state.db.corrupt-17").read_bytes() == garbage
    store.commit(Batch(documents={("state", "a"): 1}))
    assert store.documents("state") == {"a": 1}
    store.close()


def test_a_damaged_page_counts_as_corrupt(path: Path) -> None:
    store = SqliteStore(path)
    for n in range(200):
        store.commit(Batch(documents={("state", f"{n}"): "x" * 1000}))
    store.close()
    body = bytearray(path.read_bytes())
    body[8192:16384] = os.urandom(8192)
    path.write_bytes(body)

    healed = SqliteStore(path)
    assert healed.warnings
    assert healed.documents("state") == {}
    healed.close()


def test_a_file_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreUnusable, match="newer neevscale"):
        SqliteStore(path)
    assert list(path.parent.glob("*.corrupt-*")) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnusable, match=r"state\.path"):
        SqliteStore(tmp_path / "file" / "state.db")


def test_a_path_that_is_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    with pytest.raises(StoreUnusable, match="cannot be opened"):
        SqliteStore(tmp_path / "state.db")


def test_a_failing_batch_leaves_nothing_behind(path: Path) -> None:
    store = SqliteStore(path)
    bad: Batch = Batch(documents={("state", "a"): 1}, observations=[(0.0, "a", object())])  # type: ignore[list-item]  # that is the point
    with pytest.raises(TypeError):
        store.commit(bad)

    assert store.documents("state") == {}
    store.commit(Batch(documents={("state", "b"): 2}))
    assert store.documents("state") == {"b": 2}
    store.close()


def test_a_full_disk_says_so_and_the_next_write_goes_through(path: Path) -> None:
    store = SqliteStore(path)
    store.commit(Batch(documents={("state", "a"): 1}))
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        store.commit(Batch(documents={("state", "b"): "x" * 1_000_000}))
    store._db.execute(f"PRAGMA max_page_count = {pages + 1000}")
    store.commit(Batch(documents={("state", "c"): 3}))
    assert store.documents("state") == {"a": 1, "c": 3}
    store.close()


def test_a_reader_needs_a_state_file_of_its_own_schema(path: Path) -> None:
    with pytest.raises(StoreUnusable, match="cannot be read"):
        StoreReader(path)
    SqliteStore(path).close()
    StoreReader(path).close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreUnusable, match="has schema 99"):
        StoreReader(path)
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnusable, match="cannot be read"):
        StoreReader(path)


def test_commits_with_orders_asks_or_notifications_are_synced_to_disk(path: Path) -> None:
    store = SqliteStore(path)

    def synchronous(batch: Batch) -> int:
        store.commit(batch)
        return int(store._db.execute("PRAGMA synchronous").fetchone()[0])

    normal, full = 1, 2
    assert synchronous(Batch(documents={("state", "a"): 1})) == normal
    assert synchronous(Batch(documents={("ask", "a"): 1})) == full
    assert synchronous(Batch(documents={("audit", "a"): 1})) == full
    assert synchronous(Batch(notifications=[NOTE])) == full
    store.close()


def test_every_write_has_a_crash_point_on_either_side(path: Path) -> None:
    seen: list[str] = []
    store = SqliteStore(path, crash=seen.append)
    store.commit(Batch())
    store.failed("k", next_attempt_at=1.0, error="")
    store.delivered("k", at=1.0)
    store.dead("k", at=1.0, error="")
    store.prune(before=0.0)
    store.close()

    names = ["commit", "failed", "delivered", "dead", "prune"]
    assert seen == [f"{side} {name}" for name in names for side in ("before", "after")]


_WRITER = """
import sys
from pathlib import Path
from autoscaler.ports import Batch
from autoscaler.store import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
n = 0
while True:
    n += 1
    store.commit(Batch(documents={("state", "a"): n, ("ask", "a"): n}))
    print(n, flush=True)
"""


@pytest.mark.slow
def test_a_killed_process_loses_nothing_that_was_committed(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(50):
            told = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        told = max([told, *(int(line) for line in writer.stdout if line.endswith("\n"))])

    store = SqliteStore(path)
    kept = store.documents("state")["a"]
    assert store.documents("ask")["a"] == kept
    assert isinstance(kept, int)
    assert told <= kept <= told + 1
    store.close()

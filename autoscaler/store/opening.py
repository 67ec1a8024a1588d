"""Opening the state file: lock, health check, migrations; and moving a corrupt one aside."""

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import IO

from autoscaler.store.schema import MIGRATIONS


class StoreUnusable(Exception):
    """The state file cannot be used; the text says which, why and what to do."""


def open_file(path: Path, *, at: float) -> tuple[sqlite3.Connection, tuple[str, ...]]:
    """Open or create the file; return it with sentences about what was wrong.

    `at` names the copy of a corrupt file. Raises StoreUnusable where no file can be opened at all.
    """
    try:
        return _connect(path), ()
    except sqlite3.OperationalError as fault:
        raise StoreUnusable(
            f"The state file {path} cannot be opened ({fault})."
            " Set state.path to a file in a folder that this user may write."
        ) from fault
    except sqlite3.DatabaseError as fault:
        aside = _move_aside(path, at)
        warning = (
            f"The state file {path} is corrupt ({fault}). It was moved to {aside} and the daemon"
            " starts without memory: what was learned, open alerts and cost totals begin anew."
        )
        return _connect(path), (warning,)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(str(found))  # noqa: TRY301  # closes below like any other
        _migrate(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise StoreUnusable(
            f"The state file {path} was written by a newer neevscale (schema {version}, known:"
            f" {len(MIGRATIONS)}). Run that version, or set state.path to another file."
        )
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        db.executescript(f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT;")


def take_lock(path: Path) -> IO[str]:
    """Lock `path` for this process; closing the result gives it back. Raises StoreUnusable."""
    lock_path = path.with_name(path.name + "-lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = lock_path.open("a+", encoding="utf-8")
    except OSError as fault:
        raise StoreUnusable(
            f"The state folder {path.parent} cannot be written ({fault.strerror})."
            " Set state.path to a file in a folder that this user may write."
        ) from fault
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        lock.close()
        raise StoreUnusable(
            f"Another neevscale uses the state file {path}."
            " Stop it first, or give this one its own state.path."
        ) from fault
    return lock


def _move_aside(path: Path, at: float) -> Path:
    aside = path.with_name(f"{path.name}.corrupt-{at:.0f}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            os.replace(part, aside.with_name(aside.name + suffix))  # noqa: PTH105  # atomic, and over an older copy
    return aside

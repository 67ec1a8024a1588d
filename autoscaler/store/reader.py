"""Reads a state file beside the daemon that writes it: read-only, no lock, no migration."""

import json
import sqlite3
import zlib
from pathlib import Path
from typing import cast

from autoscaler.core.model import Json
from autoscaler.store.opening import StoreUnusable
from autoscaler.store.schema import MIGRATIONS


class StoreReader:
    """What a state file holds of past decisions."""

    def __init__(self, path: Path) -> None:
        """Open `path` for reading. Raises StoreUnusable."""
        try:
            self._db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        except sqlite3.Error as fault:
            raise StoreUnusable(_unreadable(path, fault)) from fault
        try:
            _check_schema(self._db, path)
        except BaseException:
            self._db.close()
            raise

    def documents(self, kind: str) -> dict[str, Json]:
        """Return all documents of one kind by id."""
        rows = self._db.execute("SELECT id, body FROM documents WHERE kind = ?", (kind,))
        return {str(id_): cast("Json", json.loads(body)) for id_, body in rows}

    def observations(self, deployment_id: str, *, since: float, until: float) -> list[Json]:
        """Return recorded observations, oldest first."""
        rows = self._db.execute(
            "SELECT body FROM observations WHERE deployment_id = ? AND at >= ? AND at <= ?"
            " ORDER BY at, seq",
            (deployment_id, since, until),
        )
        return [cast("Json", json.loads(zlib.decompress(body))) for (body,) in rows]

    def decisions(self, deployment_id: str, *, since: float, until: float) -> dict[float, Json]:
        """Return recorded decisions by instant. Repetitions of the last one are not recorded."""
        rows = self._db.execute(
            "SELECT at, body FROM decisions WHERE deployment_id = ? AND at >= ? AND at <= ?"
            " ORDER BY at, seq",
            (deployment_id, since, until),
        )
        return {float(at): cast("Json", json.loads(body)) for at, body in rows}

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _check_schema(db: sqlite3.Connection, path: Path) -> None:
    try:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error as fault:
        raise StoreUnusable(_unreadable(path, fault)) from fault
    if version != len(MIGRATIONS):
        raise StoreUnusable(
            f"The state file {path} has schema {version}; this neevscale reads {len(MIGRATIONS)}."
            " Use the version that the daemon runs."
        )


def _unreadable(path: Path, fault: sqlite3.Error) -> str:
    return (
        f"The state file {path} cannot be read ({fault})."
        " Check that it is the daemon's state.path and that this user may read it."
    )

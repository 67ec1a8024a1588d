"""The daemon, told to die at a point of its own writing: `crash_run.py CONFIG POINT COUNT`.

POINT is `before NAME` or `after NAME` of a write of the store (`commit`, `delivered`, `failed`,
`dead`), or `before send`; it dies by `os._exit` when it comes there for the COUNT-th time. What
comes between `before send` and `before delivered` is one send to a receiver.
"""

import os
import sys
import time
from pathlib import Path

from autoscaler.app import Seams, build_app, run_app
from autoscaler.core.model import Json
from autoscaler.settings import load_settings
from autoscaler.store import SqliteStore

EXIT = 99


class DyingStore(SqliteStore):
    """A store that also says when a notification is about to be sent: its notes are read then."""

    def notes(self, receiver: str, fingerprint: str, episode: int) -> list[Json]:
        self._crash("before send")
        return super().notes(receiver, fingerprint, episode)


def main() -> int:
    config, point, left = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

    def crash(where: str) -> None:
        nonlocal left
        left -= where == point
        if left <= 0:
            os._exit(EXIT)

    settings = load_settings(config).settings
    path = settings.state.path
    assert path is not None
    store = DyingStore(Path(path), moved_aside_at=time.time(), crash=crash)
    return run_app(build_app(settings, seams=Seams(store=store)))


if __name__ == "__main__":
    sys.exit(main())

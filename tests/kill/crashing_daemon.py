"""The daemon with a bomb: it ends by `os._exit` at the Nth crash point of its store or outbox.

`crashing_daemon.py CONFIG POINT NUMBER`, e.g. `… "after commit" 3`: all that a crash there can
leave behind is what the file holds at that moment.
"""

import os
import sys
from pathlib import Path

from autoscaler.app import Seams, build_app, run_app
from autoscaler.settings import load_settings
from autoscaler.store import SqliteStore

CRASHED = 42
"""Exit code of a crash on purpose."""


def main(config: Path, point: str, number: int, *, measures_lag: bool = True) -> int:
    """Run until the bomb goes off, or a signal comes. Without `measures_lag` every probe counts,
    however late the loop is.
    """
    settings = load_settings(config).settings
    left = number

    def crash(reached: str) -> None:
        nonlocal left
        if reached == point:
            left -= 1
            if left == 0:
                os._exit(CRASHED)

    store = SqliteStore(Path(settings.state.path), crash=crash)
    seams = Seams(store=store, crash=crash, virtual=not measures_lag)
    return run_app(build_app(settings, seams=seams))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))

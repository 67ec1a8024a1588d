"""Brings up one daemon after another from a process that has imported everything already.

Importing is two thirds of a start's work, and a sweep has hundreds of starts. Each daemon is still
a real process of its own (`os.fork`), which is killed with -9 or dies at its point. The nursery
itself runs nothing of the daemon: it has no loop, no thread and no open file of it.

The loop's lag is not measured. On a machine that is held up no good probe would count, so that no
endpoint would be up again: a sweep of 100 stories waited for that until its patience ended.

Protocol: a JSON list [config, point, number, log] on stdin; the daemon's pid on stdout at once, and
its exit code when it has ended (negative: the signal that ended it).
"""

import json
import os
import sys
import traceback
from pathlib import Path

from crashing_daemon import main


def be_the_daemon(config: str, point: str, number: int, log: str) -> int:
    """Run in the child, with its output in `log`."""
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    try:
        return main(Path(config), point, number, measures_lag=False)
    except BaseException:  # noqa: BLE001  # the log is all that the sweep sees of it
        traceback.print_exc()
        return 1


def serve() -> None:
    """Fork one daemon for each line, one at a time."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            code = be_the_daemon(*json.loads(line))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()

"""A question that a person answers at the terminal before anything is changed.

A Ctrl-C must end it whenever it comes. Python notes a signal and acts on it at its next step; one
that comes just before a blocking read would be acted on only after the next line. So the answer is
waited for in `select`, which the signal wakes as well, by the byte that it writes to a pipe.
"""

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer

from autoscaler.cli.output import ExitCode, say, stop

ANSWERS: Final = {"y": True, "yes": True, "n": False, "no": False, "": False}


def agree(question: str, *, yes: bool) -> None:
    """Go on with a person's yes; without a terminal and without --yes nothing is done."""
    if yes:
        return
    if not sys.stdin.isatty():
        stop(f"{question} There is no terminal to ask at: give --yes to agree.", ExitCode.USAGE)
    if not _ask(question):
        say("Nothing was changed.")
        raise typer.Exit(int(ExitCode.RUNTIME))


def _ask(question: str) -> bool:
    """The answer; what is none is asked again. Raises Abort at Ctrl-C and at the end of input."""
    try:
        with _interruptible() as woken:
            while True:
                typer.echo(f"{question} [y/N]: ", nl=False)
                select.select([sys.stdin, woken], [], [])
                line = sys.stdin.readline()
                if not line:
                    raise typer.Abort
                agreed = ANSWERS.get(line.strip().lower())
                if agreed is not None:
                    return agreed
                say("Please answer y or n.")
    except KeyboardInterrupt as interrupt:
        raise typer.Abort from interrupt


@contextmanager
def _interruptible() -> Iterator[int]:
    """Let Ctrl-C raise at once (asyncio only notes it for its loop, which waits meanwhile), and
    give the end of a pipe that every signal writes to.
    """
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    wakeup = signal.set_wakeup_fd(theirs)
    try:
        yield ours
    finally:
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGINT, handler)
        os.close(ours)
        os.close(theirs)

"""The live process: signals, a bounded way out, and the log."""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Callable, Iterator
from typing import Final

import structlog
import uvloop

from autoscaler.app.app import App
from autoscaler.app.logging_setup import configure_app_logs
from autoscaler.ports import Denied

log = structlog.get_logger()

DRAIN_SECONDS: Final = 25.0
"""Longest way out; Kubernetes kills after 30 s."""
EXIT_OK: Final = 0
EXIT_FAILED: Final = 1


def run_app(app: App) -> int:
    """Run until SIGTERM or SIGINT; return the exit code. SIGHUP reloads; a second SIGTERM or SIGINT
    ends at once. Raises what `App.start` raises.
    """
    configure_app_logs(app)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(app))


async def _run(app: App) -> int:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    reloads: set[asyncio.Task[None]] = set()

    def end() -> None:
        if over.is_set():
            log.error("stopped_at_once", because="a second signal came")
            os._exit(EXIT_FAILED)
        over.set()

    def reload() -> None:
        task = loop.create_task(_reload(app), name="reload")
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    with _handled(loop, {signal.SIGTERM: end, signal.SIGINT: end, signal.SIGHUP: reload}):
        await app.start()
        _spare_the_collector()
        await over.wait()
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await app.stop()
        except TimeoutError:
            log.error("drain_took_too_long", seconds=DRAIN_SECONDS)  # noqa: TRY400  # no traceback
            os._exit(EXIT_FAILED)
    return EXIT_OK


def _spare_the_collector() -> None:
    """Collect garbage seldom, and never look again at what lives since the start: a collection
    holds the loop for milliseconds, and a probe that waits then would measure them.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


async def _reload(app: App) -> None:
    try:
        await app.console.reload()
    except Denied:
        app.meter.config_reloaded(ok=False)  # the console has logged why
    else:
        app.meter.config_reloaded(ok=True)


@contextlib.contextmanager
def _handled(
    loop: asyncio.AbstractEventLoop, handlers: dict[signal.Signals, Callable[[], None]]
) -> Iterator[None]:
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)

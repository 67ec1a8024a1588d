"""Composition root: settings to concrete objects to a running daemon. The only file that names them.

`build_app(settings)` wires everything and starts nothing. `App.run` is the live process: it installs
the signal handlers, drains on SIGTERM within 25 s and reloads on SIGHUP. `App.start` and `App.stop`
are the same without signals, for tests, the demo and the virtual day; these inject their clock, store
and source of chance through `Seams`.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from autoscaler.ports import Clock, Console, Every, Store
from autoscaler.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Seams:
    """What tests and the demo put in place of the live parts; None = the live one."""

    clock: Clock | None = None
    every: Every | None = None
    store: Store | None = None
    rng: random.Random = field(default_factory=random.Random)


class App:
    """A wired daemon with its web server."""

    console: Console

    @property
    def url(self) -> str:
        """Base URL of the web server, with the port that was bound; known after `start`."""
        raise NotImplementedError

    async def start(self) -> None:
        """Open the store, begin all jobs and serve HTTP."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Drain in order (SEMANTICS, ARCHITECTURE 6) and close everything."""
        raise NotImplementedError

    def run(self) -> int:
        """Run until a signal ends it; return the exit code."""
        raise NotImplementedError


def build_app(
    settings: Settings,
    *,
    seams: Seams | None = None,
    reload_settings: Callable[[], Settings] | None = None,
) -> App:
    """Wire an app. `reload_settings` reads the configuration anew (SIGHUP, POST /-/reload); None
    = the app cannot be reloaded.
    """
    raise NotImplementedError

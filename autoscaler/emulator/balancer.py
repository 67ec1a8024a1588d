"""How requests are spread over the ready replicas."""

import random
from collections.abc import Sequence
from enum import StrEnum
from operator import attrgetter

from autoscaler.emulator.replica import Replica


class Router(StrEnum):
    """How the load balancer in front of the replicas picks one."""

    RANDOM = "random"
    ROUND_ROBIN = "round_robin"
    LEAST_LOADED = "least_loaded"
    """The one with the fewest requests, the oldest among equals."""


_JOBS = attrgetter("jobs")


class Balancer:
    """Picks replicas. Watched requests draw from lots of their own, so that a probe never changes
    by its draw where the background load goes.
    """

    __slots__ = ("_lots", "_turn", "router")

    def __init__(self, router: Router, seed: int) -> None:
        self.router = router
        self._lots = random.Random(seed)  # noqa: S311  # reproducible, no secrets
        self._turn = -1

    def pick(self, ready: Sequence[Replica]) -> Replica:
        """Return one of the ready replicas, of which there must be at least one."""
        if self.router is Router.LEAST_LOADED:
            return min(ready, key=_JOBS)
        if self.router is Router.RANDOM:
            return ready[int(self._lots.random() * len(ready))]
        self._turn += 1
        return ready[self._turn % len(ready)]

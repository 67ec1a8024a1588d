"""The front door of a fleet: where requests arrive, and which replica they go to.

While no replica is ready, requests wait here. The background load is read lazily, one request
ahead.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import dropwhile

from autoscaler.emulator.balancer import Balancer, Router
from autoscaler.emulator.crew import Crew
from autoscaler.emulator.stream import Job
from autoscaler.emulator.workload import Request


class Gateway:
    """Takes requests and hands them to ready replicas."""

    def __init__(self, crew: Crew, router: Router, *, seed: int, longest: int) -> None:
        self._crew = crew
        self._longest = longest
        """Tokens of prompt and output that a replica can hold."""
        self._balancer = Balancer(router, seed)
        self._watched_balancer = Balancer(router, seed + 1)
        self._line: deque[Job] = deque()
        self._requests: Iterator[Request] = iter(())
        self._next: Request | None = None
        self.cached_ratio = 0.0
        """Share of each prompt that needs no prefill."""
        self.arrived = 0
        self.refused = 0
        """Requests that no replica can ever hold, and those given up in line."""

    @property
    def waiting(self) -> int:
        """Requests in line for a replica to be ready."""
        return len(self._line)

    @property
    def next_arrival_at(self) -> float:
        """Instant of the next background request; infinite if there is none."""
        return math.inf if self._next is None else self._next.arrival_at

    @property
    def looks_at_load(self) -> bool:
        """Whether a request's way depends on what the replicas are doing."""
        return self._balancer.router is Router.LEAST_LOADED or not self._crew.ready

    def feed(self, workload: Iterable[Request], *, since: float) -> None:
        """Replace the background load; requests of it from before `since` are skipped."""
        self._requests = dropwhile(lambda request: request.arrival_at < since, workload)
        self._next = next(self._requests, None)

    def route_next(self) -> None:
        """Route the next background request, the replicas having run up to its arrival."""
        request = self._next
        if request is not None:
            self._next = next(self._requests, None)
            self._place(self.receive(request), self._balancer)

    def route_block(self, count: int, until: float) -> float:
        """Route at most `count` background requests that arrive by `until` without a look at the
        replicas. Returns when the last of them arrives.
        """
        request, requests = self._next, self._requests
        ready, pick = self._crew.ready, self._balancer.pick
        reached = -math.inf
        for _ in range(count):
            if request is None or request.arrival_at > until:
                break
            reached = request.arrival_at
            job = self.receive(request)
            if self._fits(job):
                pick(ready).accept(job)
            request = next(requests, None)
        self._next = request
        return reached

    def receive(self, request: Request) -> Job:
        """Count a request and return the job that it is."""
        self.arrived += 1
        arrival, prompt, output = request
        return Job(arrival, prompt, output, int(prompt * self.cached_ratio))

    def route_watched(self, job: Job) -> None:
        """Route a job that has a stream; its lots are its own, so that a probe never changes by its
        draw where the background load goes.
        """
        self._place(job, self._watched_balancer)

    def open(self) -> None:
        """Hand out what waits in line, if replicas are ready now."""
        line, self._line = self._line, deque()
        for job in line:
            self._place(job, self._balancer)

    def give_up(self, job: Job) -> None:
        """Take a job out of the line."""
        self._line.remove(job)
        self.refused += 1

    def _place(self, job: Job, balancer: Balancer) -> None:
        if not self._fits(job):
            return
        if not self._crew.ready:
            self._line.append(job)
            return
        replica = balancer.pick(self._crew.ready)
        replica.accept(job)
        if job.stream is not None:
            job.stream.replica = replica.id

    def _fits(self, job: Job) -> bool:
        """Whether a replica can ever hold it; if not, it is turned away."""
        if job.prompt >= 1 and job.output >= 1 and job.prompt + job.output <= self._longest:
            return True
        self.refused += 1
        if job.stream is not None:
            job.stream.aborted = True
        return False

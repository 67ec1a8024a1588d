"""One request on its way through a replica, and the view of it that somebody who waits has."""

from collections.abc import Callable

from autoscaler.emulator.tallies import Completion


class Job:
    """One request in a fleet. Slots and plain numbers: hundreds are alive, millions pass."""

    __slots__ = (
        "arrival_at",
        "cached",
        "done",
        "first_token_at",
        "order",
        "output",
        "prefill_started_at",
        "produced",
        "prompt",
        "stream",
    )

    def __init__(self, arrival_at: float, prompt: int, output: int, cached: int) -> None:
        self.arrival_at = arrival_at
        self.prompt = prompt
        self.output = output
        self.cached = cached
        """Tokens of its context whose prefill is spared."""
        self.done = 0
        """Tokens of its context that prefill has computed or been spared so far."""
        self.produced = 0
        self.order = -1
        """Place in its replica's order of admission; -1 while it waits."""
        self.prefill_started_at = -1.0
        self.first_token_at = -1.0
        self.stream: Stream | None = None

    def completed(self, at: float) -> Completion:
        """Return the record of it, its last token having come."""
        return Completion(
            self.arrival_at,
            self.prefill_started_at,
            self.first_token_at,
            at,
            self.prompt,
            self.output,
        )


class Stream:
    """A watched request: a probe, or any HTTP request. `Fleet.submit` makes it."""

    __slots__ = (
        "_abort",
        "_look",
        "aborted",
        "arrival_at",
        "finished",
        "job",
        "output_tokens",
        "prefill_started_at",
        "prompt_tokens",
        "replica",
        "tokens",
    )

    def __init__(
        self,
        job: Job,
        look: Callable[["Stream"], float | None],
        abort: Callable[["Stream", float], None],
    ) -> None:
        self._look, self._abort = look, abort
        self.job = job
        """The fleet's own side of it."""
        self.arrival_at = job.arrival_at
        self.prompt_tokens = job.prompt
        self.output_tokens = job.output
        """Tokens it will have when finished."""
        self.tokens: list[float] = []
        """Instant of each token so far; grows as the fleet advances past them."""
        self.prefill_started_at: float | None = None
        """Start of the first step that computed part of its prompt; None while it queues."""
        self.finished = False
        """Whether all its tokens came."""
        self.aborted = False
        """Whether it ended early: by `abort`, by a crash, by the end of a drain, or because it can
        never fit (its context is longer than a replica holds)."""
        self.replica: int | None = None
        """Id of its replica; None while it waits at the gateway for one to be ready."""

    @property
    def ended(self) -> bool:
        """Finished or aborted."""
        return self.finished or self.aborted

    def next_at(self) -> float | None:
        """Instant to advance to, to learn more: of the next token if it is being computed, else the
        end of the step that now runs on its replica (or the next change of the fleet while it waits
        at the gateway). None when ended, or when nothing is under way that could serve it. While it
        decodes this is exact: nothing that arrives later moves the end of a step that has begun.
        """
        return None if self.ended else self._look(self)

    def abort(self, at: float) -> None:
        """Give up: it leaves the queue at once, or the batch when the step then running ends."""
        if not self.ended:
            self._abort(self, at)

"""One watched request: when each of its tokens came, and when the next may."""


class Stream:
    """A request that somebody waits for: a probe, or any HTTP request."""

    arrival_at: float
    prompt_tokens: int
    output_tokens: int
    """Tokens it will have when finished."""
    tokens: list[float]
    """Instant of each token so far; grows as the fleet advances past them."""
    prefill_started_at: float | None
    """Start of the first step that computed part of its prompt; None while it queues."""
    finished: bool
    """Whether all tokens came."""
    aborted: bool
    """Whether it ended early: by `abort`, by a crash, by the end of a drain, or because it can
    never fit (its context is longer than a replica holds)."""
    replica: int | None
    """Id of its replica; None while it waits at the gateway for one to be ready."""

    @property
    def ended(self) -> bool:
        """Finished or aborted."""
        raise NotImplementedError

    def next_at(self) -> float | None:
        """Instant to advance to, to learn more: of the next token if it is being computed, else the
        end of the step that now runs on its replica. None when ended. While it decodes this is
        exact: nothing that arrives later moves the end of a step that has begun.
        """
        raise NotImplementedError

    def abort(self, at: float) -> None:
        """Give up: it leaves the queue at once, or the batch when the step then running ends."""
        raise NotImplementedError

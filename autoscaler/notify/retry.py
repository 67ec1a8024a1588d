"""When to try again: Retry-After in both forms, full jitter, and a circuit per receiver."""

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from random import Random

LONGEST_RETRY_AFTER_SECONDS = 3600.0
"""A receiver may ask for an hour of rest and no more: a later alert must still get through."""
FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 300.0
OPENS_AFTER = 10
"""Failures in a row after which a receiver counts as down."""
TRIAL_SECONDS = 60.0
"""Between two trials of a receiver that is down."""


def retry_after_seconds(value: str | None, now: float) -> float | None:
    """Return the wait that a Retry-After header asks for, 0 to 3600 s; None = none, or unreadable.

    It is a number of seconds (`120`) or an HTTP date (RFC 9110 §10.2.3).
    """
    if value is None:
        return None
    text = value.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return None
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        seconds = date.timestamp() - now
    if seconds != seconds:  # noqa: PLR0124  # NaN is the one number that is not itself
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)


def backoff_seconds(failures: int, rng: Random) -> float:
    """Return the wait after `failures` failures in a row (at least 1): full jitter, 1 s to 5 min.

    Uniform between 0 and the exponential bound (AWS, "Exponential Backoff And Jitter"), which after
    4 failures is 8 s; never under a tenth of it, so that a retry is no hammering.
    """
    exponent = min(failures - 1, 16)
    bound = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0**exponent)
    return rng.uniform(bound / 10, bound)


@dataclass(slots=True)
class Circuit:
    """Whether one receiver is worth trying now."""

    failures: int = 0
    """Failures in a row."""
    next_trial_at: float = 0.0
    closed_until: float = 0.0
    """Instant until which the receiver asked to be left alone."""
    last_error: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it counts as down: one trial a minute, and everything else waits."""
        return self.failures >= OPENS_AFTER

    def allows(self, now: float) -> bool:
        """Whether something may be sent now."""
        return now >= self.closed_until and (not self.is_open or now >= self.next_trial_at)

    def succeed(self) -> None:
        """Note that something was taken."""
        self.failures, self.closed_until, self.last_error = 0, 0.0, ""

    def fail(self, error: str, *, now: float, retry_after: float | None) -> None:
        """Note one failure."""
        self.failures += 1
        self.last_error = error
        self.next_trial_at = now + TRIAL_SECONDS
        if retry_after is not None:
            self.closed_until = max(self.closed_until, now + retry_after)

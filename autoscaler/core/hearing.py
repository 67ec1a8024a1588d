"""Hearing the other users in a probe's own stream (estimator E8, real-engines.md §7.1-2).

Every prompt that joins the batch makes one iteration slow, and a probe's token gaps show it. What
a stream cannot carry is refused with a reason, never guessed.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one stream told of other users' prompts; sums, so that streams pool."""

    starts: int
    """Slow iterations that begin a run: one per prompt, however many iterations it spans."""
    at_risk: int
    """Gaps in which a run could have begun."""
    seconds: float
    """Seconds of iterations during which such a prompt would have arrived."""

"""A step down on an untrusted alpha is a trial: what came is held against what was predicted.

If the prediction failed the step is undone at once, and alpha is solved anew from the two points:
the load is the same, so rho x N is, and two latencies at two counts fix alpha (SEMANTICS §3.6).
"""

from dataclasses import dataclass, replace
from math import sqrt
from statistics import fmean, pstdev

from autoscaler.core.counts import Counts
from autoscaler.core.window import Sample

JUDGED_BY = 6
"""Samples at the new count before it is judged."""
PASSED_SECONDS = 180.0
"""A step that has not failed for a stable window has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One step down under watch."""

    asked_at: float
    from_count: int
    to_count: int
    itl_before: float
    """Mean ITL at the old count, seconds."""
    itl_predicted: float
    """Upper end of the prediction for the new count, seconds."""
    failed: bool = False
    itl_after: float | None = None
    """Lower end of the mean ITL that came, seconds, once it failed; else None. Alpha is solved from
    this end: one noisy step moves it no further than what came must mean.
    """


def judged(
    trial: Trial | None, counts: Counts, samples: tuple[Sample, ...], *, now: float
) -> Trial | None:
    """Return the trial as it stands; None once it is over: passed, undone or overtaken."""
    if trial is None or _is_overtaken(trial, counts):
        return None
    mark = counts.asks[-1] if counts.asks else None
    if mark is None or mark.count != trial.to_count or mark.refused:
        return trial if now - trial.asked_at < PASSED_SECONDS else None
    settled_at = counts.settled_at
    if trial.failed or counts.settled_ask_at != mark.asked_at or settled_at is None:
        return trial
    itls = [s.itl for s in samples if s.at >= settled_at and s.itl is not None]
    if len(itls) >= JUDGED_BY:
        least = fmean(itls) - 1.64 * pstdev(itls) / sqrt(len(itls))
        if least > trial.itl_predicted:
            return replace(trial, failed=True, itl_after=least)
    return trial if now - settled_at < PASSED_SECONDS else None


def _is_overtaken(trial: Trial, counts: Counts) -> bool:
    """True if something else was asked for since, or the count went elsewhere after it settled."""
    mark = counts.asks[-1] if counts.asks else None
    if mark is None or mark.asked_at < trial.asked_at:
        return False
    if mark.count != trial.to_count:
        return True
    settled = counts.settled_ask_at == mark.asked_at
    return settled and not trial.failed and counts.ready_count != trial.to_count


def solved_alpha(trial: Trial) -> float | None:
    """Alpha from the two points of a failed trial, seconds; None if they do not fix one.

    1 - alpha/I2 = r (1 - alpha/I1) with r = N1/N2. Worked: 20 ms at 8, 24 ms at 7: alpha 9.2 ms.
    """
    if trial.itl_after is None or trial.to_count < 1:
        return None
    ratio = trial.from_count / trial.to_count
    below = ratio / trial.itl_before - 1.0 / trial.itl_after
    return (ratio - 1.0) / below if below > 0.0 else None

"""The recent probes of one deployment, reduced to what the estimator reads, oldest first.

Bounded in time and number. A failure stays a failure here; nothing is averaged away and a missing
value stays None.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from autoscaler.core.hearing import Heard
from autoscaler.core.model import ProbeResult
from autoscaler.core.words import FailureReason

KEPT_SECONDS = 360.0
"""The slope of TTFT is fitted over 300 s (policy.md §5.2); a minute more for late answers."""
KEPT_SAMPLES = 160
"""Two in flight every 5 s for KEPT_SECONDS: a bound, not a target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One counted probe."""

    at: float
    """Instant it was sent."""
    ended_at: float
    replicas: int
    """Replicas that ran when it was taken in."""
    itl: float | None = None
    """Mean inter-token latency, seconds; None where it cannot be known."""
    ttft: float | None = None
    """Seconds to the first token; None if none came."""
    failure: FailureReason | None = None
    """None = it succeeded."""
    heard: Heard | None = None
    """Other users' prompts in its stream; None where it cannot carry them."""

    @property
    def ok(self) -> bool:
        """True if the probe succeeded."""
        return self.failure is None


def sample_of(probe: ProbeResult, *, replicas: int, heard: Heard | None) -> Sample:
    """Reduce a counted probe."""
    return Sample(
        at=probe.sent_at,
        ended_at=probe.ended_at,
        replicas=replicas,
        itl=probe.itl_seconds if probe.ok and probe.itl_seconds else None,
        ttft=probe.ttft_seconds if probe.ok else None,
        failure=probe.failure,
        heard=heard,
    )


def extended(
    samples: tuple[Sample, ...], fresh: Iterable[Sample], *, now: float
) -> tuple[Sample, ...]:
    """Add fresh samples in order of sending and drop what is too old or too much."""
    added = tuple(fresh)
    if added:
        samples = tuple(sorted((*samples, *added), key=_when))
    since = now - KEPT_SECONDS
    if samples and samples[0].at < since:
        samples = tuple(sample for sample in samples if sample.at >= since)
    return samples[-KEPT_SAMPLES:]


def _when(sample: Sample) -> float:
    return sample.at


def within(samples: tuple[Sample, ...], *, now: float, seconds: float) -> tuple[Sample, ...]:
    """Return the samples whose answer came in the last `seconds`."""
    since = now - seconds
    return tuple(sample for sample in samples if sample.ended_at >= since)


def newest_success(samples: tuple[Sample, ...]) -> Sample | None:
    """Return the successful sample whose answer came last; None if there is none."""
    return max((s for s in samples if s.ok), key=lambda s: s.ended_at, default=None)

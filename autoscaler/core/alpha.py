"""Alpha: the idle inter-token latency of a deployment, and whether it may be believed.

Learned as a low quantile over a week of means of several probes, so that the jitter of one probe
does not pass for a faster engine. It drifts up slowly, jumps down at once, and is forgotten when
the model or the GPU changes. Trust is a matter of its own (SEMANTICS §3.6): a deployment that was
never near idle shows a low quantile too, and it is not alpha.
"""

from dataclasses import dataclass, field, replace

from autoscaler.core.policy import Policy
from autoscaler.core.quantile import LowQuantile, added
from autoscaler.core.window import Sample

MEAN_OF = 8
"""Probes whose mean enters the quantile: their jitter shrinks to a third."""
LOW_SHARE = 0.05
"""The 5 % quantile (policy.md §5.1: 2 to 5 %)."""
HALF_LIFE_SECONDS = 3.5 * 86_400
"""Weight halves in half a week: a week ago counts a quarter."""
JUMP_RATIO = 0.9
"""A mean a tenth below everything seen is another engine, not luck."""
UNSEEN_RATIO = 0.85
"""Alpha over the lowest latencies at first sight, while nothing vouches that they were idle. In a
fleet's first quarter of an hour the lowest lay 20 to 50 % above alpha, and a third to all of the
load went unseen. An idle one then reads a third of its capacity, which moves nothing.
"""
WATCHED_MEANS = 100.0
"""Means from which the lowest is taken as it is: an hour in doubt, three hours when steady."""
IDLE_TRUST_SECONDS = 7 * 86_400.0
"""How long having been seen idle vouches for alpha."""
CALIBRATION_SECONDS = 600.0
"""Calibrating probes within this time belong to one calibration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Mean ITL of probes that a person had sent while the deployment was idle."""

    mean: float
    probes: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alpha:
    """What is remembered of alpha."""

    low: LowQuantile = field(default_factory=LowQuantile)
    pending: tuple[float, ...] = ()
    """ITLs that wait to become the next mean."""
    calibration: Calibration | None = None
    solved: float | None = None
    """Alpha solved from the two points of a failed step down; caps what the quantile says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Believed:
    """The alpha in force."""

    seconds: float | None
    """None = no probe has shown an inter-token latency yet."""
    trusted: bool
    because: str


def learned(alpha: Alpha, fresh: tuple[Sample, ...], *, now: float) -> Alpha:
    """Take in fresh samples."""
    if not fresh:
        return alpha
    pending = (*alpha.pending, *(s.itl for s in fresh if s.itl is not None))
    low = alpha.low
    while len(pending) >= MEAN_OF:
        mean = sum(pending[:MEAN_OF]) / MEAN_OF
        low = added(low, mean, at=now, half_life=HALF_LIFE_SECONDS, jump_ratio=JUMP_RATIO)
        pending = pending[MEAN_OF:]
    if low is alpha.low and pending == alpha.pending:
        return alpha
    return replace(alpha, low=low, pending=pending)


def calibrated(alpha: Alpha, itl: float, *, at: float) -> Alpha:
    """Take in one calibrating probe: a person's word that the deployment is idle now."""
    old = alpha.calibration
    if old is None or at - old.at > CALIBRATION_SECONDS:
        return replace(alpha, calibration=Calibration(mean=itl, probes=1, at=at))
    probes = old.probes + 1
    mean = old.mean + (itl - old.mean) / probes
    return replace(alpha, calibration=Calibration(mean=mean, probes=probes, at=at))


def given(alpha: Alpha, policy: Policy) -> float | None:
    """Alpha by a person's word, seconds: configured, else calibrated; None without either."""
    if policy.alpha_seconds is not None:
        return policy.alpha_seconds
    return None if alpha.calibration is None else alpha.calibration.mean


def believed(alpha: Alpha, policy: Policy, *, by_line: tuple[float, str] | None) -> Believed:
    """Return the alpha in force. `by_line`: that of its own line, and why it may be trusted."""
    if policy.alpha_seconds is not None:
        return Believed(seconds=policy.alpha_seconds, trusted=True, because="given")
    if alpha.calibration is not None:
        because = f"calibrated from {alpha.calibration.probes} probes"
        return Believed(seconds=alpha.calibration.mean, trusted=True, because=because)
    seconds = _lowest(alpha) if by_line is None else by_line[0]
    if seconds is None:
        return Believed(seconds=None, trusted=False, because="no inter-token latency seen yet")
    if by_line is not None and by_line[1]:
        return Believed(seconds=seconds, trusted=True, because=by_line[1])
    because = (
        "unknown, never seen near idle" if alpha.solved is None else "solved from a failed step"
    )
    return Believed(seconds=seconds, trusted=False, because=because)


def _lowest(alpha: Alpha) -> float | None:
    seconds = alpha.low.value(LOW_SHARE)
    if seconds is None and alpha.pending:
        seconds = min(alpha.pending)
    if seconds is None:
        return None
    watched = min(1.0, alpha.low.weight / WATCHED_MEANS)
    seconds *= UNSEEN_RATIO + (1.0 - UNSEEN_RATIO) * watched
    return seconds if alpha.solved is None else min(seconds, alpha.solved)

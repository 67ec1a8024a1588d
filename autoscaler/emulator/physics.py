"""How a replica's step time departs from its profile: the knobs, compiled into small tables.

Real engines do more than the published line (two were measured, see `docs`): batches below six to
eight sequences cost nothing extra, all step times drifted by 25 % within half an hour, single steps
scatter, and the rise of the inter-token latency over load is bent. Each is one knob here, zero or
neutral by default, so that the plain profile is what you get when you ask for nothing.

A step of n running sequences, B of them decoding, takes

    drift(t) * (1 + jitter) * (d + overhead + decode_gain[n] (e B + f context)
                               + prefill_gain[n] (dense - d - e B + c sum(chunk (chunk + 2 history))))

and with the knobs at rest (gains and drift 1, jitter 0) this is the profile's formula exactly.
"""

import math
import random
from dataclasses import dataclass
from itertools import accumulate

from autoscaler.emulator.profiles import Profile

DRIFT_SLOT_SECONDS = 10.0
"""Drift is constant within such a slot, so that a run of equal steps has one closed form."""

JITTER_STEPS = 1 << 14
"""Steps after which the table of jitter repeats; two minutes of a fast engine."""

JITTER_CLIP = 4.0
"""Standard deviations at which jitter is cut off, so that no step has a negative length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Physics:
    """What a replica does besides its profile, and its serving limits."""

    max_num_seqs: int = 128
    """Sequences that run at once; more wait."""
    prefill_budget_tokens: int = 2048
    """Tokens that one step may process, decoding sequences included (chunked prefill)."""
    plateau_seqs: int = 0
    """Batches below this cost as much as one of this size. vLLM on CPU showed 6 to 8; 0 = none."""
    exponent: float = 1.0
    """kappa in load = (1 - alpha/ITL)^kappa, roughly: below 1 the latency rises late and steeply
    (0.5 was fitted to a vLLM), above 1 early and flatly; 0.5 to 1.6 were seen. Cost per sequence is
    scaled by (n / max_num_seqs)^(1/kappa - 1): at a full batch the profile holds."""
    drift_ratio: float = 0.0
    """Amplitude of a slow sine by which all step times swing; 0.125 swings by 25 %."""
    drift_period_seconds: float = 3600.0
    """Period of that sine; it starts upwards, at zero, on the fleet's first instant."""
    step_jitter_ratio: float = 0.0
    """Standard deviation of one step's time, as a share of it; independent from step to step."""
    cached_prompt_ratio: float = 0.0
    """Share of each prompt that the prefix cache already holds: not computed, but stored."""
    speed_ratio: float = 1.0
    """All step times are divided by this; 0.5 is a replica that throttles."""

    def __post_init__(self) -> None:
        limits = {
            "max_num_seqs": self.max_num_seqs >= 1,
            "prefill_budget_tokens": self.prefill_budget_tokens > self.max_num_seqs,
            "plateau_seqs": self.plateau_seqs >= 0,
            "exponent": 0.25 <= self.exponent <= 4.0,
            "drift_ratio": 0.0 <= self.drift_ratio <= 0.9,
            "drift_period_seconds": self.drift_period_seconds > 0.0,
            "step_jitter_ratio": 0.0 <= self.step_jitter_ratio <= 0.2,
            "cached_prompt_ratio": 0.0 <= self.cached_prompt_ratio <= 1.0,
            "speed_ratio": self.speed_ratio > 0.0,
        }
        wrong = [name for name, holds in limits.items() if not holds]
        if wrong:
            raise ValueError(f"physics out of range: {', '.join(wrong)} (see the field's text)")


class StepTime:
    """A profile under given physics, compiled for fast use by replicas. Plain floats and lists."""

    __slots__ = (
        "decode_gain",
        "drift_origin",
        "fixed_seconds",
        "jitter",
        "per_context_token",
        "per_prompt_token2",
        "per_sequence",
        "physics",
        "prefill_gain",
        "prefill_seconds",
        "profile",
        "tokens_seconds",
    )

    def __init__(self, profile: Profile, physics: Physics, *, seed: int, origin: float) -> None:
        pace = 1.0 / physics.speed_ratio
        self.profile, self.physics = profile, physics
        self.drift_origin = origin
        self.fixed_seconds = pace * (profile.decode_seconds + profile.overhead_seconds)
        self.per_sequence = pace * profile.decode_seconds_per_sequence
        self.per_context_token = pace * profile.decode_seconds_per_context_token
        self.prefill_seconds = pace * (profile.prefill_seconds - profile.decode_seconds)
        self.tokens_seconds = pace * profile.prefill_seconds_per_token
        self.per_prompt_token2 = pace * profile.prefill_seconds_per_token2
        bends = [_bend(n, physics) for n in range(physics.max_num_seqs + 1)]
        plateau = min(physics.plateau_seqs, physics.max_num_seqs)
        self.prefill_gain = bends
        self.decode_gain = [
            bends[max(n, plateau)] * max(1.0, plateau / n if n else 1.0) for n in range(len(bends))
        ]
        self.jitter = _jitter_walk(physics.step_jitter_ratio, seed)

    def drift(self, at: float) -> float:
        """Factor on all step times that begin in the slot of `at`."""
        physics = self.physics
        if physics.drift_ratio == 0.0:
            return 1.0
        slot = (at - self.drift_origin) // DRIFT_SLOT_SECONDS * DRIFT_SLOT_SECONDS
        return 1.0 + physics.drift_ratio * math.sin(
            2 * math.pi * slot / physics.drift_period_seconds
        )

    def next_drift_at(self, at: float) -> float:
        """Instant at which the drift changes next; infinite without drift."""
        if self.physics.drift_ratio == 0.0:
            return math.inf
        slots = (at - self.drift_origin) // DRIFT_SLOT_SECONDS + 1
        return self.drift_origin + slots * DRIFT_SLOT_SECONDS


def _bend(running: int, physics: Physics) -> float:
    return (max(running, 1) / physics.max_num_seqs) ** (1.0 / physics.exponent - 1.0)


def _jitter_walk(ratio: float, seed: int) -> list[float]:
    """Return the running sum of each step's relative error; it begins and ends at zero.

    A table that is looked up by step number: the time of step 1000 is known without the 999 before
    it, and is the same whether or not anybody watched them. Empty without jitter.
    """
    if ratio == 0.0:
        return []
    lots = random.Random(seed)  # noqa: S311  # physics, not secrets
    errors = [max(-JITTER_CLIP, min(JITTER_CLIP, lots.gauss())) for _ in range(JITTER_STEPS)]
    mean = math.fsum(errors) / JITTER_STEPS
    walk = [ratio * total for total in accumulate(error - mean for error in errors)]
    return [0.0, *walk[:-1]]

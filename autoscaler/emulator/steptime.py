"""How long steps take: a profile under given physics, compiled into tables and closed forms.

A step of n running sequences, B of them decoding, takes

    drift(t) (1 + jitter) (d + overhead + decode_gain[n] (e B + f context)
                           + prefill_gain[n] (dense - d - e B + c sum(chunk (chunk + 2 history))))

with the letters of `profiles`. With the knobs at rest (gains and drift 1, jitter 0) this is the
profile's formula exactly. A run of k steps that only decode takes, B staying and the context
growing by B with each,

    D(k) = k pace + growth k (k - 1) / 2 + pace (W[S + k] - W[S])

with pace the first step's time, growth = drift decode_gain f B, and W the running sum of jitter
over the replica's steps, S of which are done. Example (8B on H100, 10 sequences of 1000 tokens
each): pace = 6.905 + .0795 + .4256 = 7.41 ms, growth = .43 us, D(100) = 743 ms.
"""

import math
import random
from itertools import accumulate
from typing import NamedTuple

from autoscaler.emulator.physics import Physics
from autoscaler.emulator.profiles import Profile

DRIFT_SLOT_SECONDS = 10.0
"""Drift is constant within such a slot, so that a run of equal steps has one closed form."""

JITTER_STEPS = 1 << 15
"""Steps after which the table of jitter repeats: four minutes of a fast engine."""

ADMIT_RATIO = 0.99
"""Share of the KV capacity up to which prompts are admitted; the rest is for those that decode, so
that an admission does not at once preempt (vLLM's watermark is 1 %)."""

JITTER_CLIP = 4.0
"""Standard deviations at which jitter is cut off, so that no step has a negative length."""


class StepTime:
    """The step times of all replicas of a fleet, under one physics. Plain floats and lists."""

    __slots__ = (
        "budget_tokens",
        "decode_gain",
        "drifts",
        "fixed_seconds",
        "kv_admit_tokens",
        "kv_tokens",
        "max_seqs",
        "origin",
        "per_context_token",
        "per_prompt_token",
        "per_prompt_token2",
        "per_sequence",
        "physics",
        "prefill_gain",
        "prefill_seconds",
        "walk",
    )

    def __init__(self, profile: Profile, physics: Physics, *, seed: int, origin: float) -> None:
        self.physics, self.origin = physics, origin
        self.kv_tokens = profile.kv_capacity_tokens
        self.kv_admit_tokens = int(ADMIT_RATIO * profile.kv_capacity_tokens)
        self.max_seqs = physics.max_num_seqs
        self.budget_tokens = physics.prefill_budget_tokens
        slow = 1.0 / physics.speed_ratio
        self.fixed_seconds = slow * (profile.decode_seconds + profile.overhead_seconds)
        self.per_sequence = slow * profile.decode_seconds_per_sequence
        self.per_context_token = slow * profile.decode_seconds_per_context_token
        self.prefill_seconds = slow * (profile.prefill_seconds - profile.decode_seconds)
        self.per_prompt_token = slow * profile.prefill_seconds_per_token
        self.per_prompt_token2 = slow * profile.prefill_seconds_per_token2
        self.prefill_gain = [_bend(n, physics) for n in range(physics.max_num_seqs + 1)]
        plateau = min(physics.plateau_seqs, physics.max_num_seqs)
        self.decode_gain = [
            self.prefill_gain[max(n, plateau)] * max(1.0, plateau / max(n, 1))
            for n in range(physics.max_num_seqs + 1)
        ]
        self.drifts = physics.drift_ratio > 0.0
        self.walk = _jitter_walk(physics.step_jitter_ratio, seed)
        """W, without its end, which is its begin again; empty without jitter."""

    def pace(self, batch: int, context: int, at: float) -> tuple[float, float]:
        """Return the seconds of a step that only decodes, and by how much each next one is
        longer.
        """
        gain = self.decode_gain[batch]
        growth = gain * self.per_context_token
        pace = self.fixed_seconds + gain * self.per_sequence * batch + growth * context
        if self.drifts:
            drift = self.drift(at)
            return drift * pace, drift * growth * batch
        return pace, growth * batch

    def after(self, steps: int, pace: float, growth: float, *, done: int) -> float:
        """Return D(steps), seconds, `done` being the replica's steps before them."""
        seconds = steps * (pace + growth * 0.5 * (steps - 1))
        if self.walk:
            seconds += pace * self._jitter(done, steps)
        return seconds

    def steps_until(self, seconds: float, pace: float, growth: float, *, done: int) -> int:
        """Return the smallest number of steps, at least one, that take at least so long: the root
        of the quadratic, rounded up, and put right where jitter or rounding moved it.
        """
        half = pace - 0.5 * growth
        root = 2.0 * seconds / (half + math.sqrt(half * half + 2.0 * growth * seconds))
        steps = max(1, math.ceil(root))
        while self.after(steps, pace, growth, done=done) < seconds:
            steps += 1
        while steps > 1 and self.after(steps - 1, pace, growth, done=done) >= seconds:
            steps -= 1
        return steps

    def mixed(self, load: "MixedStep", at: float, *, done: int) -> float:
        """Return the seconds of a step that computes prompts beside decoding."""
        batch, tokens = load.batch, load.tokens
        extra = max(
            self.per_sequence * tokens,
            self.prefill_seconds
            + self.per_prompt_token * (batch + tokens)
            - self.per_sequence * batch,
        )
        seconds = (
            self.fixed_seconds
            + self.decode_gain[load.running]
            * (self.per_sequence * batch + self.per_context_token * load.context)
            + self.prefill_gain[load.running] * (extra + self.per_prompt_token2 * load.squares)
        )
        if self.drifts:
            seconds *= self.drift(at)
        if self.walk:
            seconds *= 1.0 + self._jitter(done, 1)
        return seconds

    def drift(self, at: float) -> float:
        """Return the factor on all step times that begin in the slot of `at`."""
        slot = (at - self.origin) // DRIFT_SLOT_SECONDS * DRIFT_SLOT_SECONDS
        angle = 2.0 * math.pi * slot / self.physics.drift_period_seconds
        return 1.0 + self.physics.drift_ratio * math.sin(angle)

    def next_drift_at(self, at: float) -> float:
        """Return the instant at which the drift changes next; infinite without drift."""
        if not self.drifts:
            return math.inf
        return self.origin + ((at - self.origin) // DRIFT_SLOT_SECONDS + 1) * DRIFT_SLOT_SECONDS

    def _jitter(self, done: int, steps: int) -> float:
        """Return the summed relative error of so many steps."""
        return self.walk[(done + steps) % JITTER_STEPS] - self.walk[done % JITTER_STEPS]


class MixedStep(NamedTuple):
    """What a step that computes prompts has to do."""

    batch: int
    """Sequences that decode."""
    running: int
    """These and the ones whose prompts are computed."""
    context: int
    """Tokens of context of the former."""
    tokens: int
    """Prompt tokens computed."""
    squares: int
    """Sum of chunk x (chunk + 2 x history) over the prompts."""


def _bend(running: int, physics: Physics) -> float:
    """Return (n / max)^(1/kappa - 1). 8 of 128 sequences at kappa = .5: 1/16 of the cost each."""
    return math.pow(max(running, 1) / physics.max_num_seqs, 1.0 / physics.exponent - 1.0)


def _jitter_walk(ratio: float, seed: int) -> list[float]:
    """Return the running sum of each step's relative error, independent normal lots of mean zero.

    A table that is looked up by step number: when step 1000 ends is known without the 999 before
    it, and is the same whether or not anybody watched them.
    """
    if ratio == 0.0:
        return []
    lots = random.Random(seed)  # noqa: S311  # physics, not secrets
    errors = [
        max(-JITTER_CLIP, min(JITTER_CLIP, lots.gauss(0.0, 1.0))) for _ in range(JITTER_STEPS)
    ]
    mean = math.fsum(errors) / JITTER_STEPS
    walk = [ratio * total for total in accumulate(error - mean for error in errors)]
    return [0.0, *walk[:-1]]

"""How long steps take: a profile under given physics, compiled into tables and closed forms.

A step of n running sequences, B of them decoding, takes

    drift(t) (1 + jitter) (d + overhead + gain[n] (e B + f context)
                           + dense - d - e B + c sum(chunk (chunk + 2 history)))

with the letters of `profiles`. With the knobs at rest (gain and drift 1, jitter 0) this is the
profile's formula exactly. A run of k steps that only decode takes, B staying and the context
growing by B with each,

    D(k) = k pace + growth k (k - 1) / 2 + pace (W[S + k] - W[S])

with pace the first step's time, growth = drift gain f B, and W the running sum of jitter
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
"""Steps after which the table of jitter repeats: four minutes of a fast engine. A power of two."""

_JITTER_MASK = JITTER_STEPS - 1

BEND_CONTEXT_TOKENS = 1000
"""Context of the sequences for which `bend` is exact."""

PROMPT_SHARE = 0.5
"""Share of the load that prompts make up for which `bend` is exact; with the public traces on the
8B profile it is .4 to .8."""

ADMIT_RATIO = 0.99
"""Share of the KV capacity up to which prompts are admitted; the rest is for those that decode, so
that an admission does not at once preempt (vLLM's watermark is 1 %)."""

JITTER_CLIP = 4.0
"""Standard deviations at which jitter is cut off, so that no step has a negative length."""


class StepTime:
    """The step times of all replicas of a fleet, under one physics. Plain floats and lists."""

    __slots__ = (
        "_swing",
        "budget_tokens",
        "drifts",
        "fixed_seconds",
        "gain",
        "kv_admit_tokens",
        "kv_tokens",
        "max_seqs",
        "origin",
        "per_context_token",
        "per_prompt_token",
        "per_prompt_token2",
        "per_sequence",
        "physics",
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
        plateau = physics.plateau_seqs
        self.gain = [
            bend(max(n, plateau, 1), profile, physics.exponent) * max(1.0, plateau / max(n, 1))
            for n in range(physics.max_num_seqs + 1)
        ]
        """Factor on what n sequences cost by decoding."""
        self.drifts = physics.drift_ratio > 0.0
        self._swing = _swing(physics)
        self.walk = _jitter_walk(physics.step_jitter_ratio, seed)
        """W, without its end, which is its begin again; empty without jitter."""

    @property
    def shortest_seconds(self) -> float:
        """Seconds below which no step is: nothing in the batch, and all knobs at their quickest.
        Jitter is cut off at JITTER_CLIP before its mean, which is nearly zero, is taken off.
        """
        jitter = (JITTER_CLIP + 0.1) * self.physics.step_jitter_ratio
        return self.fixed_seconds * (1.0 - self.physics.drift_ratio) * (1.0 - jitter)

    def pace(self, batch: int, context: int, at: float) -> tuple[float, float]:
        """Return the seconds of a step that only decodes, and by how much each next one is
        longer.
        """
        gain = self.gain[batch]
        growth = gain * self.per_context_token
        pace = self.fixed_seconds + gain * self.per_sequence * batch + growth * context
        if self.drifts:
            drift = self.drift(at)
            return drift * pace, drift * growth * batch
        return pace, growth * batch

    def after(self, steps: int, pace: float, growth: float, *, done: int) -> float:
        """Return D(steps), seconds, `done` being the replica's steps before them."""
        walk = self.walk
        if walk:
            jitter = walk[(done + steps) & _JITTER_MASK] - walk[done & _JITTER_MASK]
            return steps * (pace + growth * 0.5 * (steps - 1)) + pace * jitter
        return steps * (pace + growth * 0.5 * (steps - 1))

    def steps_until(
        self, seconds: float, pace: float, growth: float, *, done: int
    ) -> tuple[int, float]:
        """Return the smallest number of steps, at least one, that take at least so long, and how
        long they do: the root of the quadratic, rounded up, and put right where jitter moved it.
        """
        half = pace - 0.5 * growth
        root = 2.0 * seconds / (half + math.sqrt(half * half + 2.0 * growth * seconds))
        steps = max(1, math.ceil(root))
        took = self.after(steps, pace, growth, done=done)
        while took < seconds:
            steps += 1
            took = self.after(steps, pace, growth, done=done)
        while steps > 1:
            less = self.after(steps - 1, pace, growth, done=done)
            if less < seconds:
                break
            steps, took = steps - 1, less
        return steps, took

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
            + self.gain[load.running]
            * (self.per_sequence * batch + self.per_context_token * load.context)
            + extra
            + self.per_prompt_token2 * load.squares
        )
        if self.drifts:
            seconds *= self.drift(at)
        if self.walk:
            walk = self.walk
            seconds *= 1.0 + walk[(done + 1) & _JITTER_MASK] - walk[done & _JITTER_MASK]
        return seconds

    def drift(self, at: float) -> float:
        """Return the factor on all step times that begin in the slot of `at`."""
        return self._swing[int((at - self.origin) / DRIFT_SLOT_SECONDS) % len(self._swing)]

    def next_drift_at(self, at: float) -> float:
        """Return the instant at which the drift changes next; infinite without drift."""
        if not self.drifts:
            return math.inf
        slots = int((at - self.origin) / DRIFT_SLOT_SECONDS) + 1
        return self.origin + slots * DRIFT_SLOT_SECONDS


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


def bend(running: int, profile: Profile, exponent: float) -> float:
    """Return the factor on the decoding cost of so many sequences that makes 1 - alpha/ITL follow
    load^p, p = 1/exponent, over a load of which prompts make up the share s = 1/2.

    Work conservation says n = load T / delta, and T = alpha / (1 - load^p) is wanted: load is the
    root of load / (1 - load^p) = n delta / alpha, all costs have to be load^(p-1) of the straight
    line's, and decoding, prompts staying as they are, (load^(p-1) - s) / (1 - s) or nothing. At
    high load this is 1: the capacity stays. alpha/delta, the sequences that double the step, is
    taken for 1000 tokens of context and prompts that cost as much as decoding: 68 for the 8B on
    H100, so that at exponent .5 30 sequences are a load of .38 and decode for nothing, 100 for .43.
    """
    if exponent == 1.0:
        return 1.0
    alpha = profile.decode_seconds + profile.overhead_seconds
    per_sequence = (
        profile.decode_seconds_per_sequence
        + BEND_CONTEXT_TOKENS * profile.decode_seconds_per_context_token
    )
    load = _load(running * per_sequence / (1.0 - PROMPT_SHARE) / alpha, 1.0 / exponent)
    gain = (math.pow(load, 1.0 / exponent - 1.0) - PROMPT_SHARE) / (1.0 - PROMPT_SHARE)
    return max(0.0, gain)


def _load(ratio: float, power: float) -> float:
    """Return the root of load / (1 - load^power) = ratio in 0..1, by halving."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        if middle < ratio * (1.0 - math.pow(middle, power)):
            low = middle
        else:
            high = middle
    return high


def _swing(physics: Physics) -> list[float]:
    """Return the factors of one period of drift, slot by slot."""
    slots = max(1, round(physics.drift_period_seconds / DRIFT_SLOT_SECONDS))
    angle = 2.0 * math.pi / slots
    return [1.0 + physics.drift_ratio * math.sin(angle * slot) for slot in range(slots)]


def _jitter_walk(ratio: float, seed: int) -> list[float]:
    """Return the running sum of each step's relative error, independent normal lots of mean zero.

    A table that is looked up by step number: when step 1000 ends is known without the 999 before
    it, and is the same whether or not anybody watched them.
    """
    if ratio == 0.0:
        return []
    lots = random.Random(seed)  # noqa: S311  # physics, not secrets
    draws = (lots.gauss(0.0, 1.0) for _ in range(JITTER_STEPS))
    errors = [max(-JITTER_CLIP, min(JITTER_CLIP, draw)) for draw in draws]
    mean = math.fsum(errors) / JITTER_STEPS
    walk = [ratio * total for total in accumulate(error - mean for error in errors)]
    return [0.0, *walk[:-1]]

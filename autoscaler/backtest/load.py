"""From requests to load: how much of a replica each one takes, and how many replicas that needs.

With work-conserving continuous batching an iteration that holds n sequences takes `alpha + n delta`
and the prompts that join it take their prefill on top. Little's law, n = rate x output x T, then
gives

T = alpha / (1 - rate w)      w = output (e + f context) + prefill(prompt)

and the batch is full, so the queue grows, where n reaches the limit of sequences B:

rate (w + output alpha / B) = 1

So each request takes `w` of the time by which ITL is judged, and `w + output alpha / B` of the time
that a replica has at all, both in replica-seconds and both sums over requests: load adds up
(policy.md 5.1).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoscaler.backtest.trace import SLOT_SECONDS, Trace
from autoscaler.emulator.physics import Physics
from autoscaler.emulator.profiles import Profile

Floats = NDArray[np.float64]

PEAK_SLOTS = 20
"""Slots of the 5 minutes whose need sets the scale of a trace (SEMANTICS 7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """The SLO that a backtest judges by."""

    itl_ratio: float = 3.0
    """Longest good ITL, in idle ITLs of the profile."""
    wait_seconds: float = 1.0
    """Longest good wait before prefill."""

    @property
    def itl_load(self) -> float:
        """Share of the iteration time at which the ITL is just good: 1 - 1/3."""
        return 1.0 - 1.0 / self.itl_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotLoad:
    """A trace as load on one kind of replica, slot by slot."""

    name: str
    alpha_seconds: float
    """Idle inter-token latency of the profile."""
    batch: int
    """Sequences that run at once on one replica."""
    requests: Floats
    itl_work: Floats
    """Replicas' worth of iteration time taken by the slot's requests."""
    work: Floats
    """Replicas' worth of all that a replica can do: 1 = one replica's queue starts to grow."""
    output: Floats
    """Output tokens of the slot's requests, summed."""
    prefill_seconds: Floats
    """Mean prefill time of the slot's prompts."""
    prompt: float
    """Mean prompt length of the trace, in tokens."""

    def need(self, objective: Objective) -> NDArray[np.int64]:
        """Return the smallest count that serves each slot's load within the SLO."""
        return whole(self.pressure(objective))

    def pressure(self, objective: Objective) -> Floats:
        """Return the same, unrounded."""
        return np.maximum(self.itl_work / objective.itl_load, self.work)


def whole(pressure: Floats) -> NDArray[np.int64]:
    """Return whole replicas for a pressure, at least one."""
    return np.maximum(1, np.ceil(pressure - 1e-9)).astype(np.int64)


def prefill_seconds(profile: Profile, physics: Physics, prompt: Floats) -> Floats:
    """Return what prompts add to the iterations they are computed in.

    A chunk hides in the step's memory time up to some tokens, and costs the difference beyond.
    """
    budget = float(physics.prefill_budget_tokens)
    fresh = prompt * (1.0 - physics.cached_prompt_ratio)
    whole, rest = np.floor(fresh / budget), fresh % budget
    spare = profile.prefill_seconds - profile.decode_seconds
    per_token = profile.prefill_seconds_per_token
    linear = whole * max(0.0, spare + per_token * budget) + np.where(
        rest > 0, np.maximum(0.0, spare + per_token * rest), 0.0
    )
    return linear + profile.prefill_seconds_per_token2 * fresh**2


def batch_limit(profile: Profile, physics: Physics, trace: Trace) -> int:
    """Return the sequences that fit at once: the engine's limit, or what the KV cache holds."""
    context = float(trace.prompt.mean() + trace.output.mean() / 2)
    return max(1, min(physics.max_num_seqs, int(profile.kv_capacity_tokens / context)))


def load_of(
    trace: Trace, profile: Profile, physics: Physics, *, factor: float = 1.0, seed: int = 0
) -> SlotLoad:
    """Return `factor` superposed copies of a trace as load on replicas of one profile.

    Copies are shifted by whole seconds of a slot, so that a hundred of them cost as little as one.
    """
    alpha = profile.idle_step_seconds()
    batch = batch_limit(profile, physics, trace)
    prefill = prefill_seconds(profile, physics, trace.prompt)
    per_output = profile.decode_seconds_per_sequence + profile.decode_seconds_per_context_token * (
        trace.prompt + trace.output / 2
    )
    second = trace.arrival.astype(np.int64)
    copies = _copies_by_shift(factor, seed)

    def total(weights: Floats | None) -> Floats:
        counted = np.bincount(second, weights=weights).astype(np.float64)
        return _superpose(counted, copies)

    requests, output = total(None), total(trace.output)
    itl = total(trace.output * per_output + prefill) / SLOT_SECONDS
    return SlotLoad(
        name=trace.name,
        alpha_seconds=alpha,
        batch=batch,
        requests=requests,
        itl_work=itl,
        work=itl + output * alpha / batch / SLOT_SECONDS,
        output=output,
        prefill_seconds=total(prefill) / np.maximum(requests, 1.0),
        prompt=float(trace.prompt.mean()),
    )


def _copies_by_shift(factor: float, seed: int) -> Floats:
    """Return how many copies are shifted by 0, 1, … seconds; the last copy is thinned."""
    width = int(SLOT_SECONDS)
    copies = np.zeros(width)
    copies[0] = min(factor, 1.0)
    shifts = np.random.default_rng(seed).integers(0, width, max(0, int(np.ceil(factor)) - 1))
    for index, shift in enumerate(shifts):
        copies[shift] += min(1.0, factor - 1.0 - index)
    return copies


def _superpose(seconds: Floats, copies: Floats) -> Floats:
    """Return slot sums of a per-second series, each copy shifted by its seconds."""
    width = len(copies)
    slots = -(-(len(seconds) + width) // width)
    shifted = np.zeros(slots * width)
    for shift, count in enumerate(copies):
        shifted[shift : shift + len(seconds)] += count * seconds
    per_slot: Floats = shifted.reshape(slots, width).sum(axis=1)
    return per_slot[: max(1, len(seconds) // width)]


def factor_for_peak(load: SlotLoad, objective: Objective, replicas: float) -> float:
    """Return by how much to multiply a trace so that its busiest 5 minutes need `replicas`."""
    return replicas / peak_of(load.pressure(objective))


def peak_of(pressure: Floats) -> float:
    """Return the replicas that the busiest 5 minutes need, unrounded."""
    width = min(PEAK_SLOTS, len(pressure))
    return float(np.convolve(pressure, np.ones(width) / width, mode="valid").max())

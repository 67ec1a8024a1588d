"""The need of a slot where replicas bend the closed form of `load`: exponent, plateau, drift.

An iteration that holds n sequences takes, with the gain g(n) and the drift d(t) of the emulator's
`steptime`, and by Little's law n = rate x output x T,

T(n) = d (alpha + g(n) n delta + n prefill / output)      rate(n) = n / (output T(n))

so both follow from n without a fixed point. The ITL is just good at the largest n with T(n) within
the objective, the batch is full at n = B: the smaller of the two rates is what a replica carries.
With g and d at rest this is the closed form. Worked number (8B on H100, output 259, delta 58 us,
prefill 14 ms): T = 3 alpha = 20.8 ms at n = 124, so a replica carries 124 / (259 x .0208) = 23
requests a second.
"""

import numpy as np
from numpy.typing import NDArray

from autoscaler.backtest.load import Objective, SlotLoad
from autoscaler.backtest.trace import SLOT_SECONDS
from autoscaler.emulator.physics import Physics
from autoscaler.emulator.profiles import Profile
from autoscaler.emulator.steptime import StepTime

Floats = NDArray[np.float64]


def pressure_under(
    load: SlotLoad, objective: Objective, *, profile: Profile, physics: Physics
) -> Floats:
    """Return the replicas that each slot's load takes within the SLO, unrounded."""
    timing = StepTime(profile, physics, seed=0, origin=0.0)
    sequences = np.arange(1.0, load.batch + 1.0)
    gain = np.array(timing.gain[1 : load.batch + 1])
    limit = objective.itl_ratio * load.alpha_seconds
    pressure = np.zeros(len(load.requests))
    for slot in np.flatnonzero(load.requests > 0.0):
        requests = float(load.requests[slot])
        output = float(load.output[slot]) / requests
        prefill = float(load.prefill_seconds[slot])
        decode = max(0.0, float(load.itl_work[slot]) * SLOT_SECONDS / requests - prefill)
        drift = timing.drift((slot + 0.5) * SLOT_SECONDS) if timing.drifts else 1.0
        step = drift * (load.alpha_seconds + sequences * (gain * decode + prefill) / output)
        pressure[slot] = requests / SLOT_SECONDS / _rate_within(limit, sequences, step, output)
    return pressure


def _rate_within(limit: float, sequences: Floats, step: Floats, output: float) -> float:
    """Return the largest rate at which T is within the limit and the batch not over-full."""
    rates = sequences / (output * step)
    if step[-1] <= limit:
        return float(rates[-1])
    return float(np.interp(limit, step, rates))

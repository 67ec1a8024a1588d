"""`neevscale calibrate NAME`: short bursts on an idle replica, on a person's word only.

Bursts of k probes at once, k = 1, 4, 16 and the cap, three times each (real-engines.md 7.4): the
mean time per token T(k) gives alpha (k = 1), a line a + b k by least squares, and T at the cap. It
asks for one replica, because a burst spreads over several, and for idleness, because it loads what
it measures; at the first sign of other load, or of any failure, it stops. Its probes are counted
apart and never in the SLO.

A worked number: T = 20, 25, 45, 120 ms at k = 1, 4, 16, 64 gives a = 18.9 ms, b = 1.58 ms.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Final

from autoscaler.core.model import Deployment, Estimate, ProbeResult
from autoscaler.ports import Clock, Prober
from autoscaler.probes.config import CALIBRATE

SIZES: Final = (1, 4, 16)
ROUNDS: Final = 3
DEFAULT_CAP: Final = 32
"""Largest burst where the user does not say `max_num_seqs`: enough for the line, bearable."""
LARGEST_CAP: Final = 128
PAUSE_SECONDS: Final = 1.0
"""Between bursts, so that none finds the one before."""
IDLE_RHO: Final = 0.15
"""Load from which a deployment is not idle."""
LARGEST_DRIFT: Final = 1.5
"""A lone probe that is so many times slower than the first one saw somebody else's load."""


class CalibrationRefused(Exception):
    """It was not begun, or broken off; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What the bursts taught."""

    alpha_seconds: float
    """Idle inter-token latency: median of the lone probes."""
    intercept_seconds: float
    """a of T(k) = a + b k."""
    slope_seconds: float
    """b: what one more running sequence costs each of them."""
    cap: float
    """E1's value at the largest burst, 1 - alpha / T(cap): where the indicator ends, 0..1."""
    burst_seconds: dict[int, float]
    """k to T(k), median over rounds of the burst's mean."""
    ttft_seconds: float
    """Median TTFT of the lone probes."""
    probes: int
    lone_probes: tuple[ProbeResult, ...]
    """The results of k = 1: they, and only they, may be taken for idle ones."""


@dataclass(slots=True)
class Calibrator:
    """Runs one calibration."""

    prober: Prober
    clock: Clock
    progress: Callable[[str], None] = field(default=lambda _: None)
    """Told each burst as it ends, in words."""

    async def run(
        self, deployment: Deployment, estimate: Estimate | None, *, cap: int | None = None
    ) -> Calibration:
        """Calibrate. Raises CalibrationRefused."""
        refuse_unless_idle(deployment, estimate)
        sizes = (*SIZES, max(SIZES[-1], min(LARGEST_CAP, cap or DEFAULT_CAP)))
        bursts: dict[int, list[list[ProbeResult]]] = {}
        first: float | None = None
        for _ in range(ROUNDS):
            for size in dict.fromkeys(sizes):
                burst = await self._burst(deployment, size)
                bursts.setdefault(size, []).append(burst)
                mean = _mean_itl(burst)
                first = first or mean
                if size == 1 and mean > LARGEST_DRIFT * first:
                    raise CalibrationRefused(
                        f"a lone probe of {deployment.name} took {mean * 1000:.1f} ms a token "
                        f"after {first * 1000:.1f} ms: somebody else uses it. Try again when idle."
                    )
                self.progress(f"{size} at once: {mean * 1000:.1f} ms a token")
                await self.clock.sleep(PAUSE_SECONDS)
        return evaluate(bursts)

    async def _burst(self, deployment: Deployment, size: int) -> list[ProbeResult]:
        now = self.clock.now()
        results = await asyncio.gather(
            *(
                self.prober.probe(deployment, scheduled_at=now, profile=CALIBRATE.name)
                for _ in range(size)
            )
        )
        for result in results:
            if not result.ok or result.itl_seconds is None:
                why = result.detail or result.times_refused_because or "no latency per token"
                raise CalibrationRefused(
                    f"a probe of {deployment.name} failed in a burst of {size}: {why}. "
                    "Nothing was learned; look at `neevscale probe` first."
                )
        return list(results)


def refuse_unless_idle(deployment: Deployment, estimate: Estimate | None) -> None:
    """Raise CalibrationRefused unless the deployment is ready, alone and idle, as far as known."""
    name = deployment.name
    if not deployment.is_ready:
        raise CalibrationRefused(f"{name} is {deployment.raw_status}, not ready: wait until it is.")
    if deployment.replicas != 1:
        raise CalibrationRefused(
            f"{name} runs {deployment.replicas} replicas, and a burst would spread over them: "
            "scale it to 1 first."
        )
    rho = None if estimate is None else estimate.rho
    if rho is not None and rho > IDLE_RHO:
        raise CalibrationRefused(
            f"{name} is not idle (about {rho:.0%} of a replica in use): its users would feel the "
            "bursts, and their load would spoil them."
        )


def evaluate(bursts: dict[int, list[list[ProbeResult]]]) -> Calibration:
    """What the bursts say: k to its rounds, each a list of successful results."""
    times = {size: median(_mean_itl(burst) for burst in rounds) for size, rounds in bursts.items()}
    lone = tuple(result for burst in bursts[1] for result in burst)
    intercept, slope = _line(list(times.items()))
    return Calibration(
        alpha_seconds=times[1],
        intercept_seconds=intercept,
        slope_seconds=slope,
        cap=max(0.0, 1 - times[1] / times[max(times)]),
        burst_seconds=times,
        ttft_seconds=median(result.ttft_seconds or 0.0 for result in lone),
        probes=sum(len(burst) for rounds in bursts.values() for burst in rounds),
        lone_probes=lone,
    )


def _mean_itl(burst: Sequence[ProbeResult]) -> float:
    return fmean(result.itl_seconds for result in burst if result.itl_seconds is not None)


def _line(points: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Least squares of y = a + b x; returns (a, b)."""
    mean_x, mean_y = fmean(x for x, _ in points), fmean(y for _, y in points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
    return mean_y - slope * mean_x, slope

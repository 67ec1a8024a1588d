"""The inter-token latency over load, for each exponent: what an estimator will see."""

import math
from statistics import fmean

import pytest
from fleet_stories import H100

from autoscaler.emulator.fleet import Fleet, FleetConfig, Physics
from autoscaler.emulator.workload import Lengths, Mix, Shape, Workload

LOADS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
EXPONENTS = (0.5, 0.7, 1.0, 1.3, 1.6)
MIXES = {
    "conversations, three quarters of the load in prompts": Mix(),
    "longer answers, half of it in prompts": Mix(
        prompt=Lengths(typical=800.0, p95=2000.0), output=Lengths(typical=250.0, p95=600.0)
    ),
    "short prompts, hardly any of it in prompts": Mix(
        prompt=Lengths(typical=100.0, p95=200.0), output=Lengths(typical=400.0, p95=900.0)
    ),
}


def replica_under(mix: Mix, exponent: float, rate: float) -> tuple[float, float]:
    """Return the mean ITL of one replica, and the requests a second that it finished."""
    seconds = max(300.0, 150.0 / rate)
    load = Workload(shapes=(Shape(low=rate),), mix=mix).requests(0.0, seed=3)
    physics = Physics(exponent=exponent, max_num_seqs=256)
    fleet = Fleet(FleetConfig(profile=H100, physics=physics), load)
    fleet.advance(seconds)
    itl = fleet.gauges().tallies.itl
    return itl.total / itl.count, fleet.gauges().tallies.completed / seconds


def fitted_exponent(mix: Mix, exponent: float) -> float:
    """Print E1 = 1 - alpha/ITL at each share of the capacity (what is finished under overload), and
    return kappa of load = (E1 / E1 under overload)^kappa.
    """
    alpha, _ = replica_under(mix, exponent, 0.05)
    full, capacity = replica_under(mix, exponent, 45.0)
    latencies = [replica_under(mix, exponent, load * capacity)[0] for load in LOADS]
    shown = [1.0 - alpha / latency for latency in latencies]
    cap = 1.0 - alpha / full
    logs = [(math.log(e1 / cap), math.log(load)) for e1, load in zip(shown, LOADS, strict=True)]
    kappa = fmean(x * y for x, y in logs) / fmean(x * x for x, _ in logs)
    row = " ".join(f"{e1:.2f}" for e1 in shown)
    print(f"  {exponent}: {capacity:4.1f}/s, E1 {row} | {cap:.2f}, fitted {kappa:.2f}")
    return kappa


@pytest.mark.bench
@pytest.mark.parametrize("name", MIXES)
def test_the_latency_bends_over_load_the_way_its_exponent_says(name: str) -> None:
    """Prompts are not bent: the more of the load they are, the nearer to 1 is what one sees."""
    print(f"\n{name}; E1 at {', '.join(map(str, LOADS))} of the capacity | under overload")
    fitted = [fitted_exponent(MIXES[name], exponent) for exponent in EXPONENTS]
    assert fitted == sorted(fitted)
    assert fitted[0] < 0.9 < fitted[2] < 1.2
    assert fitted[-1] > 1.1

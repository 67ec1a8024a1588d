"""How fast the fleet is; figures for the person who asks, no promise about a machine."""

import time

import pytest
from fleet_stories import H100

from autoscaler.emulator.fleet import Fleet, FleetConfig, Physics, Router
from autoscaler.emulator.shapes import DAY_SECONDS
from autoscaler.emulator.workload import Lengths, Mix, Shape, Workload

CHAT = Mix(prompt=Lengths(typical=1020.0, p95=4083.0), output=Lengths(typical=129.0, p95=451.0))
KNOBS = Physics(step_jitter_ratio=0.03, drift_ratio=0.125, exponent=0.7)


@pytest.mark.bench
@pytest.mark.parametrize("router", [Router.RANDOM, Router.LEAST_LOADED])
@pytest.mark.parametrize("physics", [Physics(), KNOBS], ids=["plain", "knobs"])
def test_a_simulated_hour_at_50_requests_a_second(router: Router, physics: Physics) -> None:
    """Printed: CPU seconds of one core for a day at that rate, from an hour of it on 4 replicas."""
    workload = Workload(shapes=(Shape(low=50.0),), mix=CHAT)
    config = FleetConfig(profile=H100, physics=physics, replicas=4, router=router)
    fleet = Fleet(config, workload.requests(0.0, seed=1))
    began = time.process_time()
    fleet.advance(3600.0)
    seconds = time.process_time() - began
    gauges = fleet.gauges()
    itl = gauges.tallies.itl
    print(
        f"\n{router}: {gauges.arrived_total} requests,"
        f" mean ITL {itl.total / itl.count * 1e3:.1f} ms,"
        f" {seconds / gauges.arrived_total * 1e6:.1f} us each,"
        f" a day in {seconds * DAY_SECONDS / 3600.0:.0f} s of one core"
    )
    assert gauges.tallies.completed > 170_000

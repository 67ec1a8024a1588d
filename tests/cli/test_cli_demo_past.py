"""The past that the demo begins with: it ends in the state in which the live scenario begins."""

import io
from pathlib import Path

import numpy as np
import pytest

from autoscaler.cli.demo_load import HOUR_SECONDS, LOADS, opening_loads, past_scenario
from autoscaler.cli.demo_past import DemoClock, Past
from autoscaler.cli.emulate import DEFAULT_SCENARIO, load_scenario
from autoscaler.cli.loopback import shipped_file
from autoscaler.emulator.scenario import Scenario
from autoscaler.logs import LogConfig, configure_logs


@pytest.fixture
def live() -> Scenario:
    return load_scenario(shipped_file(DEFAULT_SCENARIO))


def test_the_opening_load_is_that_of_the_live_scenarios_first_second(live: Scenario) -> None:
    for plan in live.deployments:
        assert plan.workload is not None
        _, load = opening_loads(live)[plan.name]
        rates = load.rate(np.array([0.0, HOUR_SECONDS]))
        assert rates.tolist() == plan.workload.rate(np.zeros(1)).tolist() * 2
        assert load.mix == plan.workload.mix


@pytest.mark.parametrize("hours", [1, 6, 13, 24])
def test_a_past_begins_with_the_replicas_that_its_load_needs(live: Scenario, hours: int) -> None:
    for plan in past_scenario(live, past_seconds=hours * HOUR_SECONDS).deployments:
        assert plan.workload is not None
        needed = plan.workload.rate(np.zeros(1))[0] / LOADS[plan.name].rate_per_replica
        assert plan.replicas >= needed


@pytest.mark.slow
@pytest.mark.parametrize("hours", [1, 3, 7])
def test_a_past_of_any_length_ends_with_the_replicas_of_the_live_scenario(
    live: Scenario, tmp_path: Path, hours: int
) -> None:
    clock = DemoClock(hours * HOUR_SECONDS)
    configure_logs(LogConfig(level="error"), now=clock.now, stream=io.StringIO())
    past = Past(live, clock=clock)
    past.live(tmp_path / "state.db", progress=lambda _: None)
    counts = {each.name: each.current for each in past.emulator.truth().deployments}
    assert counts == {plan.name: plan.replicas for plan in live.deployments}

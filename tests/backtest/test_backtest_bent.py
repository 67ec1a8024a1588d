"""Need under bent physics: the closed form where nothing bends, the exact fleet where it does."""

import numpy as np
import pytest

from autoscaler.backtest.bent import pressure_under
from autoscaler.backtest.load import Objective, load_of
from autoscaler.backtest.trace import synthetic
from autoscaler.emulator.fleet import Completion, Fleet, FleetConfig, Request
from autoscaler.emulator.physics import Physics
from autoscaler.emulator.profile_table import DEFAULT_PROFILE, PROFILES

PROFILE = PROFILES[DEFAULT_PROFILE]
TRACE = synthetic("steady", days=0.02, peak_rate=10.0, seed=1)
BENT = {
    "plain": Physics(),
    "exponent .5": Physics(exponent=0.5),
    "exponent 1.6": Physics(exponent=1.6),
    "plateau": Physics(plateau_seqs=8),
    "step jitter": Physics(step_jitter_ratio=0.05),
    "cached": Physics(cached_prompt_ratio=0.95),
}


def pressure(physics: Physics) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    load = load_of(TRACE, PROFILE, physics)
    return pressure_under(load, Objective(), profile=PROFILE, physics=physics)


def test_where_nothing_bends_it_is_the_closed_form() -> None:
    closed = load_of(TRACE, PROFILE, Physics()).pressure(Objective())

    assert pressure(Physics()) == pytest.approx(closed, rel=0.02)


def test_a_drift_swings_the_need_with_its_period() -> None:
    swung = pressure(Physics(drift_ratio=0.125)) / pressure(Physics())

    assert swung.argmax() == 60  # a quarter of an hour: the crest
    assert swung.max() == pytest.approx(1.2, abs=0.01)


def requests_at(rate: float, seconds: float) -> list[Request]:
    lots = np.random.default_rng(5)
    at = np.cumsum(lots.exponential(1.0 / rate, int(rate * seconds)))
    chosen = lots.integers(0, len(TRACE.prompt), len(at))
    columns = at.tolist(), TRACE.prompt[chosen].tolist(), TRACE.output[chosen].tolist()
    return [Request(a, int(p), int(o)) for a, p, o in zip(*columns, strict=True)]


def is_good(rate: float, physics: Physics) -> bool:
    """Whether one replica serves such a rate within the objectives, on average over minutes."""
    done: list[Completion] = []
    fleet = Fleet(
        FleetConfig(profile=PROFILE, physics=physics, seed=3),
        requests_at(rate, 400.0),
        sink=done.extend,
    )
    fleet.advance(400.0)
    arrival, prefill, first, last, _, output = np.array([o for o in done if o[0] > 60.0]).T
    itl = (last - first).sum() / (output - 1.0).sum()
    objective = Objective()
    limit = objective.itl_ratio * PROFILE.idle_step_seconds()
    return bool(itl <= limit and (prefill - arrival).mean() <= objective.wait_seconds)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(BENT))
def test_the_exact_fleet_meets_the_objectives_just_below_the_rate_of_one_replica(name: str) -> None:
    physics = BENT[name]
    load = load_of(TRACE, PROFILE, physics)
    rate = float(load.requests.sum() / pressure(physics).sum()) / 15.0

    assert is_good(0.88 * rate, physics)
    assert not is_good(1.12 * rate, physics)

"""The slot model, the load it carries, and the peers in it."""

from pathlib import Path

import numpy as np
import pytest

from autoscaler.backtest import baselines
from autoscaler.backtest.clairvoyant import frontier
from autoscaler.backtest.load import Objective, factor_for_peak, load_of
from autoscaler.backtest.measures import score
from autoscaler.backtest.oracles import ForesightOracle, NowOracle
from autoscaler.backtest.slots import Fluid, SlotPolicy, View, World, count_flaps, simulate
from autoscaler.backtest.trace import SHAPES, BadTrace, Trace, read_trace, synthetic
from autoscaler.emulator.physics import Physics
from autoscaler.emulator.profile_table import DEFAULT_PROFILE, PROFILES

PROFILE = PROFILES[DEFAULT_PROFILE]


def world(shape: str = "day", *, peak: float = 4.0, cold: float = 180.0) -> World:
    trace = synthetic(shape, days=0.25, peak_rate=10.0, seed=3)
    plain = load_of(trace, PROFILE, Physics())
    factor = factor_for_peak(plain, Objective(), peak)
    load = load_of(trace, PROFILE, Physics(), factor=factor, seed=1)
    return World(load=load, cold_start_seconds=cold, maximum=20)


def view(**seen: float) -> View:
    plain: dict[str, float] = {
        "at": 15.0,
        "slot": 1,
        "ready": 2,
        "wanted": 2,
        "rate": 1.0,
        "running": 10.0,
        "waiting": 0.0,
        "usage": 0.1,
        "rho": 0.2,
        "itl_seconds": 0.01,
        "ttft_seconds": 0.1,
        "output": 100.0,
        "work": 0.05,
    }
    return View(**(plain | seen))  # type: ignore[arg-type]  # counts are ints in the table above


def test_the_scaled_trace_needs_what_was_asked_for_at_its_peak() -> None:
    load = world(peak=8.0).load
    busiest = np.convolve(load.pressure(Objective()), np.ones(20) / 20, mode="valid").max()

    assert busiest == pytest.approx(8.0, rel=0.05)


def test_copies_of_a_trace_add_up() -> None:
    trace = synthetic("steady", days=0.1, peak_rate=5.0, seed=1)
    one = load_of(trace, PROFILE, Physics())

    many = load_of(trace, PROFILE, Physics(), factor=7.5, seed=2)

    assert many.work.sum() == pytest.approx(7.5 * one.work.sum(), rel=0.01)


def test_superposed_requests_and_superposed_load_agree() -> None:
    trace = synthetic("day", days=0.1, peak_rate=5.0, seed=1)

    exact = load_of(trace.multiplied(3.0, seed=4), PROFILE, Physics())
    fast = load_of(trace, PROFILE, Physics(), factor=3.0, seed=4)

    assert exact.work.mean() == pytest.approx(fast.work.mean(), rel=0.01)
    assert exact.work.std() == pytest.approx(fast.work.std(), rel=0.1)


def test_a_long_prompt_takes_more_of_a_replica() -> None:
    def work(prompt: float, output: float) -> float:
        arrival = np.arange(0.0, 60.0, 1.0)
        lengths = np.full(60, prompt), np.full(60, output)
        trace = Trace(name="t", arrival=arrival, prompt=lengths[0], output=lengths[1])
        return float(load_of(trace, PROFILE, Physics()).work.sum())

    assert work(4000, 150) > work(400, 150)
    assert work(400, 600) > work(400, 150)


def test_no_work_is_lost_and_none_invented() -> None:
    plant = Fluid(world=world(), ready=1)
    arrived = 0.0
    for slot in range(200):
        before = plant.backlog
        plant.serve(slot)
        arriving = float(plant.world.load.work[slot]) * 15.0
        arrived += arriving
        assert plant.backlog >= 0.0
        assert before + arriving - plant.backlog <= 15.0 + 1e-9


def test_a_start_serves_after_the_cold_start_and_is_billed_at_once() -> None:
    plant = Fluid(world=world(cold=60.0), ready=1)
    plant.scale(0, 3)

    seen = [plant.serve(slot) for slot in range(6)]

    assert [v.ready for v in seen] == [1, 1, 1, 1, 3, 3]
    assert [v.wanted for v in seen] == [3] * 6


def test_going_down_stops_loading_replicas_first() -> None:
    plant = Fluid(world=world(), ready=2)
    plant.scale(0, 5)

    plant.scale(1, 3)

    assert (plant.ready, plant.wanted) == (2, 3)


def test_more_replicas_never_serve_worse() -> None:
    waits = [
        simulate(baselines.Static(replicas=n), world(), initial=n).longest_wait_seconds
        for n in (1, 2, 4, 8)
    ]

    assert waits == sorted(waits, reverse=True)


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_every_shape_has_its_load(shape: str) -> None:
    assert world(shape).load.work.mean() > 0


@pytest.mark.slow
def test_the_foresight_oracle_never_pays_less_than_the_clairvoyant() -> None:
    place = world("bursts")
    need = place.load.need(place.objective)
    best = frontier(need, place.load.requests, cold=place.cold_slots)

    run = simulate(ForesightOracle(world=place, target=1.0), place)

    assert run.attainment > 0.98
    assert run.cost >= best.cost_at(run.attainment)


@pytest.mark.slow
def test_knowing_the_present_costs_more_than_knowing_the_future() -> None:
    place = world("bursts")
    best = frontier(place.load.need(place.objective), place.load.requests, cold=place.cold_slots)

    def gap(policies: list[SlotPolicy]) -> float:
        runs = [simulate(policy, place) for policy in policies]
        return score(runs, best, wanted=0.98, static_cost=1e9).gap

    targets = (0.5, 0.7, 0.9, 1.0)
    now = gap([NowOracle(world=place, target=t, hold_seconds=600.0) for t in targets])
    ahead = gap([ForesightOracle(world=place, target=t) for t in targets])
    assert 0.0 <= ahead < now


def test_the_hpa_goes_up_at_once_and_down_after_its_window() -> None:
    hpa = baselines.hpa_concurrency(10.0)

    assert hpa.decide(view(running=45.0)) == 5
    assert [hpa.decide(view(wanted=5, ready=5, running=10.0)) for _ in range(19)] == [5] * 19
    assert hpa.decide(view(wanted=5, ready=5, running=10.0)) == 1


def test_the_hpa_stays_within_its_tolerance() -> None:
    assert baselines.hpa_concurrency(10.0).decide(view(running=21.0)) == 2


def test_knative_panics_on_twice_its_capacity_and_does_not_fall_while_it_does() -> None:
    kpa = baselines.KnativeKpa(target=10.0)

    assert kpa.decide(view(at=15.0, running=40.0)) == 6
    assert kpa.decide(view(at=30.0, running=1.0)) == 6


def test_ray_waits_for_its_delays() -> None:
    ray = baselines.RayServe(target=10.0)

    assert [ray.decide(view(running=40.0)) for _ in range(3)] == [2, 2, 4]


def test_skyserve_waits_five_minutes_to_go_up() -> None:
    sky = baselines.SkyServe(target=1.0)

    counts = [sky.decide(view(rate=4.0)) for _ in range(20)]

    assert counts == [2] * 19 + [4]


def test_aws_needs_three_high_minutes() -> None:
    aws = baselines.AwsTargetTracking(target=5.0)

    counts = [aws.decide(view(slot=slot, at=15.0 * slot, running=40.0)) for slot in range(1, 13)]

    assert counts == [2] * 11 + [8]


def test_dynamo_only_observes_while_replicas_load() -> None:
    planner = baselines.DynamoPlanner(
        target=1.0, alpha_seconds=0.007, itl_seconds=0.021, ttft_seconds=1.0
    )

    assert planner.decide(view(itl_seconds=0.05)) == 3
    assert planner.decide(view(itl_seconds=0.05, wanted=3)) == 3


def test_a_reversal_within_a_quarter_of_an_hour_is_a_flap() -> None:
    assert count_flaps([(0, 1), (60, -1), (200, 1), (210, 1)]) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b,c\n1,2,3\n", "header names arrival_s"),
        ("arrival_s,prompt_tokens,output_tokens\n1,x,3\n", "could not convert"),
        ("arrival_s,prompt_tokens,output_tokens\n1,2,3\n2,-1,3\n", "row 3"),
        ("arrival_s,prompt_tokens,output_tokens\n", "holds no request"),
    ],
    ids=["no such columns", "no number", "negative", "empty"],
)
def test_a_bad_trace_is_named_with_its_fault(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)

    with pytest.raises(BadTrace, match=says):
        read_trace(path)


def test_a_missing_trace_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadTrace, match="no such file"):
        read_trace(tmp_path / "none.csv")


def test_a_trace_is_read_in_order_of_arrival(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("arrival_s,prompt_tokens,output_tokens,more\n5,10,20,x\n3,11,21,y\n")

    trace = read_trace(path)

    assert trace.arrival.tolist() == [0.0, 2.0]
    assert trace.prompt.tolist() == [11.0, 10.0]

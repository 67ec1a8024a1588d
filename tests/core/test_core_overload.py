"""Overload: how a jump is sized from few answers, how long a queue may drain, what proves a cap."""

import math
from dataclasses import replace

import pytest
from core_world import ACTIVE, START, World

from autoscaler.core.assess import CAP_PRIOR, cap_of
from autoscaler.core.overload import Overload, followed, told, watched
from autoscaler.core.policy import Policy, Slo
from autoscaler.core.slope import LIKELY_RATIO, MOST_SLOPE, slope_of
from autoscaler.core.state import State
from autoscaler.core.window import Sample
from autoscaler.core.words import FailureReason, Mode

ALPHA = 0.01


def good(at: float, *, itl: float = 0.015) -> Sample:
    return Sample(at=START + at, ended_at=START + at + 1.0, replicas=2, itl=itl, ttft=0.05)


def waited(at: float, wait: float) -> Sample:
    """A probe that waits; beyond 30 s it times out."""
    sent = START + at
    if wait > 30.0:
        late = FailureReason.TIMEOUT_TTFT
        return Sample(at=sent, ended_at=sent + 30.0, replicas=2, failure=late)
    return Sample(at=sent, ended_at=sent + wait + 1.0, replicas=2, itl=0.03, ttft=wait)


def shown(*waiting: Sample) -> tuple[tuple[Sample, ...], Overload]:
    samples = (good(0.0), *waiting)
    return samples, followed(Overload(), samples, threshold=1.0, now=START + 300.0)


def test_two_answers_suffice_to_bound_a_jump_from_below() -> None:
    """A queue that takes a second to grow by two: 21 s of wait 12 s after it began."""
    samples, overload = shown(waited(3.0, 2.0), waited(15.0, 21.0))
    found = slope_of(samples, overload, now=START + 60.0, same_count=True)
    assert overload.is_shown
    assert found is not None
    assert found.low == pytest.approx((21.0 - 0.05) / 15.0)
    assert found.high == MOST_SLOPE


def test_of_a_jump_that_one_probe_survived_time_outs_tell_when_it_began() -> None:
    """10.5 s at 28 s, and a time-out at 45 s: a queue that began after 19 s."""
    samples, overload = shown(waited(28.0, 10.5), waited(45.0, 60.0))
    found = slope_of(samples, overload, now=START + 90.0, same_count=True)
    assert found is not None
    assert found.low == pytest.approx(10.45 / (28.0 - 18.9), rel=0.02)
    assert found.value == pytest.approx(LIKELY_RATIO * found.low)
    assert found.high == MOST_SLOPE


def test_an_answer_and_a_time_out_at_a_new_count_show_growth_and_no_more() -> None:
    samples, overload = shown(waited(28.0, 10.5), waited(45.0, 60.0))
    found = slope_of(samples, overload, now=START + 90.0, same_count=False)
    assert found is not None
    assert found.low == pytest.approx((30.0 - 10.5) / (45.0 - 28.0))


def test_probes_that_were_sent_at_one_instant_say_nothing_of_growth_between_them() -> None:
    samples, overload = shown(waited(28.0, 10.5), waited(28.0, 60.0))
    found = slope_of(samples, overload, now=START + 90.0, same_count=True)
    assert found is not None
    assert found.low == pytest.approx((30.0 - 0.05) / 28.0)


@pytest.mark.parametrize("late", [0, 5, 30])
def test_ever_so_many_later_time_outs_take_nothing_back(late: int) -> None:
    waits = (waited(28.0, 10.5), *(waited(45.0 + 7.0 * n, 60.0) for n in range(late + 1)))
    samples, overload = shown(*waits)
    found = slope_of(samples, overload, now=START + 290.0, same_count=True)
    assert found is not None
    assert found.low == pytest.approx(1.15, rel=0.02)


def test_a_bound_that_grows_old_does_not_lower_the_load_that_was_told() -> None:
    """The first answers of a steep jump leave the slope's window before a replica starts."""
    world = World(load=lambda t: 0.5 if t < 1800.0 else 2.0, policy=ACTIVE, cold_start=600.0)
    world.run(1800.0 + 540.0)
    told_early = [o.decision.estimate.load for o in world.outcomes if o.decision.ask is not None]
    assert told_early[-1] is not None
    assert world.state.overload.load is not None
    assert world.state.overload.load >= 0.99 * told_early[-1]


def test_a_time_out_soon_after_a_good_probe_is_a_steep_slope() -> None:
    samples, overload = shown(waited(2.0, 3.0), waited(4.0, 6.0), waited(20.0, 60.0))
    found = slope_of(samples, overload, now=START + 60.0, same_count=True)
    assert found is not None
    assert found.low >= (30.0 - 0.05) / 20.0


def test_waits_prove_nothing_of_a_count_that_came_in_between() -> None:
    samples, overload = shown(waited(3.0, 2.0), waited(15.0, 21.0))
    assert slope_of(samples, overload, now=START + 60.0, same_count=False) is None


def test_the_good_probe_before_a_queue_does_not_flatten_its_slope() -> None:
    grown = [waited(20.0 + 5.0 * n, 1.5 + 0.4 * 5.0 * n) for n in range(6)]
    samples, overload = shown(*grown)
    found = slope_of(samples, overload, now=START + 60.0, same_count=True)
    assert found is not None
    assert found.value == pytest.approx(0.4, rel=0.05)


def test_the_backlog_grows_by_what_the_slope_told_and_is_gone_with_the_queue() -> None:
    _, overload = shown(waited(3.0, 2.0), waited(15.0, 21.0))
    overload = told(overload, 6.0, replicas=2, at=START + 63.0)
    assert overload.backlog == pytest.approx(4.0 * 60.0)
    overload = told(overload, None, replicas=8, at=START + 93.0)
    assert overload.backlog == pytest.approx(4.0 * 60.0 - 2.0 * 30.0)
    over = followed(overload, (good(100.0),), threshold=1.0, now=START + 102.0)
    assert (over.backlog, over.backlog_at) == (0.0, None)


def test_a_queue_is_given_the_time_that_its_own_arithmetic_says() -> None:
    """Ten minutes of four times the load, then just enough replicas: nothing more is asked for."""
    policy = Policy(
        mode=Mode.ACTIVE,
        matched="test",
        min_replicas=1,
        max_replicas=40,
        alpha_seconds=ALPHA,
        slo=Slo(itl_seconds=0.03),
        headroom_calibrates=False,
    )
    world = World(policy=policy, replicas=3, load=lambda t: 2.0 if t < 1800.0 else 8.0)
    world.cold_start = 420.0
    world.run(6.0 * 3600.0)
    grown = [count for at, count in world.puts if 1800.0 <= at < 5400.0 and count > 3]
    assert grown
    assert max(grown) <= math.ceil(8.0 / 0.8) + 2


def test_what_single_replicas_carried_without_a_queue_is_a_bound_less_the_highest() -> None:
    calm = tuple(good(15.0 * n, itl=0.016) for n in range(20))
    odd = (good(310.0, itl=0.5), good(320.0, itl=0.4))
    assert watched(Overload(), calm[:5]).highest_itl is None
    assert watched(Overload(), (*calm, *odd)).highest_itl == 0.016
    lucky = tuple(good(400.0 + n, itl=0.022) for n in range(3))
    assert watched(Overload(), (*calm, *lucky)).highest_itl == 0.022


def test_a_latency_that_was_carried_may_be_planned_for_until_a_queue_is_watched() -> None:
    """Full lies a head-room above what was carried, so that planning reaches it again."""
    policy = Policy(headroom_ratio=0.8, headroom_calibrates=False)
    carried = State(overload=Overload(highest_itl=0.02))
    assert cap_of(State(), policy, ALPHA) == (CAP_PRIOR, False)
    cap, learned = cap_of(carried, policy, ALPHA)
    assert cap == pytest.approx(0.5 / 0.8)
    assert learned
    seen = replace(carried, overload=Overload(highest_itl=0.02, plateaus=(0.0225,)))
    assert cap_of(seen, policy, ALPHA)[0] == pytest.approx(1.0 - ALPHA / 0.0225)


def test_a_queue_at_an_endpoint_that_never_showed_a_latency_moves_nothing() -> None:
    """Streams of one chunk: nothing is known of what a replica carries, so there is no size."""
    world = World(load=lambda t: 0.5 if t < 1800.0 else 2.0, policy=ACTIVE)
    shown_probe = world._probe
    world._probe = lambda: replace(shown_probe(), itl_seconds=None)  # type: ignore[method-assign]
    world.run(2400.0)
    assert world.state.overload.shown_since is not None
    assert world.puts == []


def late(at: float) -> Sample:
    return waited(at, 60.0)


def broken(at: float) -> Sample:
    sent = START + at
    return Sample(at=sent, ended_at=sent + 0.1, replicas=2, failure=FailureReason.CONNECT)


@pytest.mark.parametrize(
    ("then", "is_shown"),
    [
        ((broken(40.0),), False),
        ((broken(40.0), late(45.0)), False),
        ((broken(40.0), late(45.0), late(50.0)), True),
        ((broken(40.0), late(45.0), broken(48.0), late(50.0), late(55.0)), False),
        ((broken(40.0), late(45.0), late(50.0), broken(100.0), late(105.0), late(110.0)), True),
    ],
    ids=["at once", "one wait", "two waits", "twice", "one by one"],
)
def test_a_connection_lost_by_itself_ends_an_overload_until_probes_wait_again(
    then: tuple[Sample, ...], *, is_shown: bool
) -> None:
    _, overload = shown(waited(3.0, 2.0), waited(15.0, 21.0))
    after = followed(overload, then, threshold=1.0, now=START + 300.0)
    assert after.is_shown is is_shown


def test_a_lost_connection_before_anything_was_shown_leaves_nothing_to_take_up() -> None:
    _, overload = shown(waited(3.0, 2.0), broken(10.0), late(15.0), late(20.0), late(25.0))
    assert overload.shown_since is None


def test_room_left_after_one_queue_is_not_set_against_the_next() -> None:
    _, overload = shown(waited(3.0, 2.0), waited(15.0, 21.0))
    overload = told(overload, 6.0, replicas=2, at=START + 63.0)
    overload = told(overload, None, replicas=8, at=START + 263.0)
    assert overload.backlog == pytest.approx(4.0 * 60.0 - 2.0 * 200.0)
    overload = told(overload, 9.0, replicas=8, at=START + 273.0)
    assert overload.backlog == pytest.approx(1.0 * 10.0)


def test_a_queue_that_still_grows_after_an_ask_is_met_with_what_it_grew_by() -> None:
    """A load that grows by one replica in 200 s: a later ask looks a cold start ahead."""
    policy = replace(ACTIVE, alpha_seconds=ALPHA, max_replicas=40)
    world = World(policy=policy, load=lambda t: 0.3 + min(12.0, max(0.0, t - 1800.0) / 200.0))
    world.run(5400.0)
    foresaw = [
        one.because
        for outcome in world.outcomes
        for one in outcome.decision.steps
        if one.rule == "overload" and "by the time that replicas have started" in one.because
    ]
    assert foresaw
    assert max(count for _, count in world.puts) <= math.ceil(12.3 / 0.8) + 2


@pytest.mark.parametrize("seconds", [60.0, 100.0])
def test_a_load_that_outruns_every_ask_is_caught_before_the_overload_is_over(
    seconds: float,
) -> None:
    """From a tenth of a replica's load to twelve, in 12 and 20 minutes: probes only time out."""
    policy = replace(ACTIVE, alpha_seconds=ALPHA, max_replicas=40)
    world = World(policy=policy, load=lambda t: 0.3 + min(12.0, max(0.0, t - 1800.0) / seconds))
    world.run(5400.0)
    assert not world.state.overload.is_shown
    assert 12 < world.replicas <= 24
    assert world.outcomes[-1].decision.estimate.load == pytest.approx(12.3, rel=0.15)

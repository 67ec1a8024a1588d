"""SEMANTICS §3, line by line: who may be scaled, bounds, failures, blindness, trust (2 to 6)."""

from dataclasses import replace
from itertools import pairwise

import pytest
from core_world import (
    ACTIVE,
    HOUR,
    MINUTE,
    START,
    TRUSTED,
    World,
    counts,
    deployment,
    kinds,
    last,
    steady,
)

from autoscaler.core.model import Ask, Observation, Orders, Pause
from autoscaler.core.policy import Policy, Slo
from autoscaler.core.state import State
from autoscaler.core.step import step
from autoscaler.core.words import FailureReason, Mode, Reason, Status, Verdict

# -- 2: who may be scaled ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "policy",
    [
        replace(TRUSTED, matched=None),
        replace(TRUSTED, max_replicas=None),
        replace(TRUSTED, mode=Mode.ADVISORY),
    ],
    ids=["unmatched", "without a max", "advisory"],
)
def test_only_a_managed_active_deployment_is_ever_asked_for(policy: Policy) -> None:
    world = steady(0.9, 1, policy).run(HOUR)
    assert world.puts == []
    assert last(world).decision.target > 1  # but it is recommended for


def test_a_paused_deployment_is_watched_and_not_scaled() -> None:
    pause = Pause(since=START, until=None, by="ann")
    world = steady(0.9, 1, orders=Orders(pause=pause)).run(HOUR)
    assert world.puts == []
    assert last(world).decision.reason is Reason.PAUSED
    assert last(world).decision.recommended > 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.FAILED, Reason.UNHEALTHY),
        (Status.INITIALIZING, Reason.NOT_READY),
        (Status.TERMINATING, Reason.NOT_READY),
        (Status.UNKNOWN, Reason.TRANSITIONAL),
    ],
)
def test_nothing_is_asked_for_in_a_status_that_is_not_ready(status: Status, reason: Reason) -> None:
    world = steady(3.0, 1)
    world.status = status
    world.run(HOUR)
    assert world.puts == []
    assert last(world).decision.reason is reason


def test_the_transition_of_our_own_ask_may_be_asked_beyond() -> None:
    """2 run, 3 are on their way, and even the least load is more than 3 will carry."""
    world = World(load=lambda t: 1.0 if t < 1800 else 4.0, policy=TRUSTED, replicas=2)
    world.run(1800)
    asked = Ask(count=3, from_count=2, asked_at=START + 1790.0, outcome="accepted")
    world.ask, world.status = asked, Status.INITIALIZING
    world.run(90)
    assert counts(world)
    assert min(counts(world)) > 3


# -- 3: bounds --------------------------------------------------------------------------------


def test_a_count_above_max_is_approached_in_steps_after_the_first_settling_window() -> None:
    world = steady(0.5, 8, replace(TRUSTED, max_replicas=4), probing=False).run(HOUR)
    assert world.puts[0][0] >= 120.0
    assert counts(world) == [6, 5, 4]
    assert last(world).decision.reason is Reason.NO_EVIDENCE


def test_a_count_above_a_max_that_is_the_min_is_told_to_be_above_it() -> None:
    world = steady(0.2, 2, replace(TRUSTED, min_replicas=1, max_replicas=1)).run(4 * MINUTE)
    reasons = [o.decision.reason for o in world.outcomes if o.decision.target < o.decision.current]
    assert reasons
    assert set(reasons) == {Reason.ABOVE_MAX}


def test_a_count_below_min_is_approached_without_probes() -> None:
    policy = replace(TRUSTED, min_replicas=9, max_replicas=12)
    world = steady(0.5, 1, policy, probing=False).run(HOUR)
    assert counts(world) == [5, 9]


def test_bounds_do_not_hold_on_a_count_that_was_not_read_freshly() -> None:
    policy = replace(TRUSTED, max_replicas=4)
    observation = Observation(
        at=START + HOUR,
        deployment=deployment(replicas=8),
        read_at=START + HOUR - 61.0,
        started_at=START,
    )
    outcome = step(State(), observation, policy)
    assert outcome.decision.ask is None
    assert outcome.decision.reason is Reason.STALE_DATA


# -- 4: failures ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("failure", list(FailureReason))
def test_failures_alone_move_nothing(failure: FailureReason) -> None:
    world = steady(0.9, 3).run(20 * MINUTE)
    before = len(world.puts)
    current = world.replicas
    world.failing = failure
    world.run(HOUR)
    assert len(world.puts) == before
    assert world.replicas == current


def overloaded(**changes: object) -> World:
    """One replica at a load of 1.05, its queue slowly growing, and nothing more to give."""
    policy = replace(TRUSTED, max_replicas=1)
    world = World(load=lambda t: 0.5 if t < 600 else 1.05, policy=policy, **changes)  # type: ignore[arg-type]
    world.run(660)
    assert last(world).decision.estimate.overloaded
    return world


@pytest.mark.parametrize(
    "failure", [FailureReason.TIMEOUT_HEADERS, FailureReason.TIMEOUT_TTFT, FailureReason.HTTP_429]
)
def test_an_overload_that_was_shown_stays_shown_while_probes_wait(failure: FailureReason) -> None:
    world = overloaded()
    world.failing = failure
    world.run(10 * MINUTE)
    assert last(world).decision.estimate.overloaded


def test_an_overload_ends_with_another_kind_of_failure() -> None:
    world = overloaded()
    world.failing = FailureReason.CONNECT
    world.run(MINUTE)
    assert not last(world).decision.estimate.overloaded


def test_an_overload_is_not_believed_for_more_than_half_an_hour() -> None:
    world = overloaded()
    world.failing = FailureReason.TIMEOUT_TTFT
    world.run(31 * MINUTE)
    assert not last(world).decision.estimate.overloaded


# -- 5: what cannot be seen -------------------------------------------------------------------


@pytest.mark.slow
def test_without_probes_nothing_moves_inside_the_bounds() -> None:
    world = steady(0.5, 4).run(HOUR)
    settled = len(world.puts)
    world.probing = False
    world.run(2 * HOUR)
    assert len(world.puts) == settled
    assert last(world).decision.verdict is Verdict.BLIND


def test_a_fallback_raises_after_its_time_and_never_lowers() -> None:
    policy = replace(TRUSTED, fallback_after_seconds=600.0, fallback_replicas=3)
    world = steady(0.5, 1, policy, probing=False).run(HOUR)
    assert counts(world) == [3]
    assert world.puts[0][0] >= 600.0
    assert steady(0.5, 5, policy, probing=False).run(HOUR).puts == []


def test_nothing_goes_down_in_the_first_settling_window_after_a_restart() -> None:
    world = steady(0.3, 6).run(9 * MINUTE)
    world.started_at = START + world.t
    begun = world.t
    world.run(HOUR)
    assert world.puts
    assert world.puts[0][0] >= begun + 120.0


# -- 6: down only on trusted evidence ---------------------------------------------------------


@pytest.mark.slow
def test_a_fleet_that_was_never_idle_is_not_drained_on_a_wrong_alpha() -> None:
    """8 replicas at rho 0.6: their lowest latency is twice the idle one, and looks idle."""
    world = steady(4.8, 8, ACTIVE).run(6 * HOUR)
    assert world.puts == []
    assert last(world).decision.reason is Reason.DOWN_UNTRUSTED


@pytest.mark.slow
def test_with_a_written_slo_down_goes_one_at_a_time_a_hold_apart() -> None:
    policy = replace(ACTIVE, slo=Slo(itl_seconds=0.1))
    world = steady(1.0, 6, policy).run(4 * HOUR)
    assert counts(world)[:2] == [5, 4]
    times = [at for at, _ in world.puts]
    assert all(later - at >= 600.0 for at, later in pairwise(times))


@pytest.mark.slow
def test_a_step_down_whose_prediction_fails_is_undone_at_once_and_told() -> None:
    """A trial at 4.8 of load: alpha seems 18 ms and is 10, so one replica less is a surprise."""
    policy = replace(ACTIVE, slo=Slo(itl_seconds=0.06))
    world = World(load=lambda _: 4.2, policy=policy, replicas=6, cap=0.95, noise=0.01)
    told: set[str] = set()
    for _ in range(4 * 240):
        told |= kinds(world.tick())
    assert "failed_step" in told
    assert counts(world)[0] == 5
    assert counts(world)[1] >= 6
    alpha = last(world).decision.estimate.alpha_seconds
    assert alpha is not None
    assert alpha < 0.016

"""Time in each status: what nobody saw is unknown, and never up."""

import random
from dataclasses import replace

import pytest
from helpers_accounts import DAY, HOUR, MINUTE, START, deployment, month_of_eras, month_of_looks
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core import uptime
from autoscaler.core.codec import decode, encode
from autoscaler.core.model import Deployment
from autoscaler.core.uptime import UptimeState
from autoscaler.core.words import Status

READY = deployment(uptime_seconds=100)
FAILED = deployment(status=Status.FAILED)
LOADING = deployment(status=Status.INITIALIZING)


def seen(*looks: tuple[float, Deployment], scaling: bool = False) -> UptimeState:
    state = UptimeState()
    for at, look in looks:
        state = uptime.observe(state, look, at=at, scaling=scaling, max_gap_seconds=60.0)
    return state


def test_time_belongs_to_the_status_seen_before() -> None:
    assert seen((0.0, READY), (15.0, FAILED), (30.0, FAILED)).seconds == {
        "ready": 15.0,
        "failed": 15.0,
    }


def test_the_platforms_own_date_of_a_change_splits_the_time() -> None:
    state = seen((0.0, READY), (15.0, replace(FAILED, updated_at=5.0)))

    assert state.seconds == {"ready": 5.0, "failed": 10.0}
    assert state.since == 5.0


def test_a_gap_in_observation_is_unknown_and_not_up() -> None:
    assert seen((0.0, READY), (HOUR, READY)).seconds == {"unknown": HOUR}


def test_our_own_scaling_has_a_bucket_of_its_own() -> None:
    state = seen((0.0, READY), (15.0, LOADING), (30.0, LOADING), scaling=True)

    assert state.seconds == {"ready": 15.0, "scaling": 15.0}


def test_a_failure_while_scaling_is_a_failure() -> None:
    assert seen((0.0, FAILED), (15.0, FAILED), scaling=True).seconds == {"failed": 15.0}


def test_a_ready_session_that_restarts_is_counted() -> None:
    looks = [(0.0, 100), (15.0, 115), (30.0, 3), (45.0, 18)]

    state = seen(*((at, replace(READY, uptime_seconds=up)) for at, up in looks))

    assert state.sessions == 2


def test_a_clock_that_rounds_is_no_restart() -> None:
    state = seen((0.0, READY), (15.0, replace(READY, uptime_seconds=98)))

    assert state.sessions == 1


def test_a_clock_that_steps_back_adds_nothing() -> None:
    assert seen((100.0, READY), (50.0, READY)).seconds == {}


def test_a_deployment_found_gone_closes_its_time() -> None:
    state = uptime.close(seen((0.0, READY)), at=15.0, max_gap_seconds=60.0)

    assert state.seconds == {"ready": 15.0}
    assert uptime.close(UptimeState(), at=1.0, max_gap_seconds=60.0) == UptimeState()
    assert uptime.close(state, at=HOUR, max_gap_seconds=60.0).seconds["unknown"] == HOUR - 15.0


def test_trouble_is_kept_as_evidence() -> None:
    state = seen((0.0, READY), (10.0, FAILED), (20.0, FAILED), (30.0, READY), (40.0, READY))

    assert [(s.start, s.end, s.bucket) for s in state.spans] == [(10.0, 30.0, "failed")]


@pytest.mark.parametrize(
    ("down", "breached"),
    [(60.0, ()), (2 * HOUR, (0.999,)), (10 * HOUR, (0.999, 0.99)), (DAY, (0.999, 0.99, 0.98))],
    ids=["within", "below 99.9", "below 99", "below 98"],
)
def test_the_month_is_held_against_the_platforms_sla(
    down: float, breached: tuple[float, ...]
) -> None:
    state = UptimeState(days={"2026-01-05": {"ready": 30 * DAY - down, "failed": down}})

    assert uptime.report(state, "2026-01").breached == breached


def test_a_month_without_observation_has_no_ratio_and_breaches_nothing() -> None:
    report = uptime.report(UptimeState(days={"2026-01-05": {"unknown": DAY}}), "2026-01")

    assert report.uptime_ratio is None
    assert report.breached == ()


def test_the_view_tells_the_platforms_uptime_verbatim() -> None:
    shown = uptime.view(
        seen((0.0, READY), (15.0, READY)), uptime_seconds=115, availability_ratio=None
    )

    assert shown.uptime_seconds == 115
    assert shown.seconds == {"ready": 15.0}


@given(
    st.lists(
        st.tuples(st.floats(min_value=0.01, max_value=200.0), st.sampled_from([READY, FAILED])),
        max_size=30,
    )
)
def test_every_second_is_accounted_for_exactly_once(steps: list[tuple[float, Deployment]]) -> None:
    at, looks = 0.0, [(0.0, READY)]
    for length, look in steps:
        at += length
        looks.append((at, look))

    state = seen(*looks)

    assert sum(state.seconds.values()) == pytest.approx(at)
    assert sum(sum(d.values()) for d in state.days.values()) == pytest.approx(at)
    assert decode(UptimeState, encode(state)) == state


@pytest.mark.slow
def test_uptime_of_a_month_agrees_with_the_truth_within_a_tenth_of_a_point() -> None:
    looks, _, _ = month_of_looks(random.Random(7))
    eras, end = month_of_eras(random.Random(7)), START + 31 * DAY
    truth = {"ready": 0.0, "failed": 0.0, "scaling": 0.0}
    for era, after in zip(eras, [*eras[1:], None], strict=True):
        word = "scaling" if era.ask else era.status.value
        truth[word] += (after.start if after else end) - era.start
    state = UptimeState()

    for look in looks:
        state = uptime.observe(
            state,
            look.deployment,
            at=look.at,
            scaling=look.ask is not None,
            max_gap_seconds=MINUTE,
        )

    unknown = state.seconds["unknown"]
    assert unknown > 0
    for word, seconds in truth.items():
        assert abs(state.seconds[word] - seconds) <= 31 * DAY / 1000 + unknown
    assert sum(state.seconds.values()) == pytest.approx(31 * DAY)

"""Error budgets: which probe is an event of which objective, and when a burn is worth a page."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core import slo
from autoscaler.core.codec import decode, encode
from autoscaler.core.model import ProbeResult
from autoscaler.core.policy import Slo
from autoscaler.core.slo import SloState, Thresholds
from autoscaler.core.words import FailureReason, UntrustedReason

LIMITS = Thresholds(ttft_seconds=1.0, itl_seconds=0.05)
GOOD = ProbeResult(
    id="p",
    deployment_id="dep-1",
    profile="short",
    scheduled_at=0.0,
    sent_at=0.0,
    duration_seconds=1.0,
    failure=None,
    ttft_seconds=0.2,
    itl_seconds=0.02,
)


def failed(reason: FailureReason) -> ProbeResult:
    return replace(GOOD, failure=reason, ttft_seconds=None, itl_seconds=None)


def counted(pattern: str, *, every: float = 15.0) -> SloState:
    """Count one availability event per character, `x` being bad, the first at 0."""
    state = SloState()
    for index, mark in enumerate(pattern):
        state = slo.count(state, {slo.AVAILABILITY: mark == "x"}, at=index * every)
    return state


def test_a_good_probe_is_a_good_event_of_all_three() -> None:
    assert slo.judge(GOOD, LIMITS) == {"availability": False, "ttft": False, "itl": False}


def test_a_slow_probe_is_bad_for_latency_and_available() -> None:
    slow = replace(GOOD, ttft_seconds=1.5, itl_seconds=0.06)

    assert slo.judge(slow, LIMITS) == {"availability": False, "ttft": True, "itl": True}


def test_latency_counts_from_the_scheduled_start() -> None:
    late = replace(GOOD, scheduled_at=0.0, sent_at=0.9)

    assert slo.judge(late, LIMITS)["ttft"]


def test_a_timeout_is_a_bad_event_of_ttft_though_it_has_none() -> None:
    assert slo.judge(failed(FailureReason.TIMEOUT_TTFT), LIMITS) == {
        "availability": True,
        "ttft": True,
    }


def test_a_stall_is_a_bad_event_of_itl() -> None:
    stalled = replace(failed(FailureReason.TIMEOUT_STALL), ttft_seconds=0.2)

    assert slo.judge(stalled, LIMITS) == {"availability": True, "ttft": False, "itl": True}


@pytest.mark.parametrize("reason", [FailureReason.HTTP_AUTH, FailureReason.HTTP_4XX])
def test_our_own_mistake_spends_no_budget(reason: FailureReason) -> None:
    assert slo.judge(failed(reason), LIMITS) == {}


@pytest.mark.parametrize(
    "result",
    [
        replace(GOOD, untrusted=(UntrustedReason.CLIENT_FAULT,)),
        replace(GOOD, warmup=True),
        replace(GOOD, profile="liveness"),
        replace(GOOD, profile="calibrate"),
    ],
    ids=["untrusted", "warm-up", "liveness", "calibration"],
)
def test_what_does_not_count_is_no_event(result: ProbeResult) -> None:
    assert slo.judge(result, LIMITS) == {}


@pytest.mark.parametrize(
    "reason", [UntrustedReason.LOOP_LAG, UntrustedReason.BUFFERED, UntrustedReason.CACHED_PREFIX]
)
def test_a_probe_with_spoiled_latencies_still_tells_that_the_endpoint_answered(
    reason: UntrustedReason,
) -> None:
    assert slo.judge(replace(GOOD, untrusted=(reason,)), LIMITS) == {"availability": False}


def test_an_objective_without_a_threshold_is_not_judged() -> None:
    assert slo.judge(GOOD, Thresholds(ttft_seconds=None, itl_seconds=None)) == {
        "availability": False
    }


def test_without_a_written_slo_the_limits_follow_the_model() -> None:
    limits = slo.thresholds(Slo(), alpha_seconds=0.01, idle_ttft_seconds=0.5)

    assert limits == Thresholds(ttft_seconds=2.5, itl_seconds=3 * 0.01)
    assert slo.thresholds(Slo(), alpha_seconds=None, idle_ttft_seconds=None) == Thresholds(
        ttft_seconds=1.0, itl_seconds=None
    )


def test_a_written_slo_is_taken_as_it_is() -> None:
    wanted = Slo(ttft_seconds=0.4, itl_seconds=0.03)

    limits = slo.thresholds(wanted, alpha_seconds=0.02, idle_ttft_seconds=9.0)

    assert limits == Thresholds(ttft_seconds=0.4, itl_seconds=0.03)


def test_one_blip_an_hour_pages_nobody() -> None:
    state = counted("." * 239 + "x")

    assert slo.burns(state, Slo(), at=240 * 15.0) == ()


def test_an_endpoint_that_fails_for_five_minutes_pages() -> None:
    state = counted("." * 220 + "x" * 20)

    fast = slo.burns(state, Slo(), at=240 * 15.0)

    assert ("availability", "fast", "1h") in {(b.slo, b.speed, b.long) for b in fast}


def test_a_slow_burn_makes_a_ticket_and_no_page() -> None:
    """2 % bad at 99.5 %: burn rate 4, above 3 over a day and two hours, below 6."""
    state = counted(("x" + "." * 49) * 60, every=30.0)

    speeds = {b.speed for b in slo.burns(state, Slo(), at=3000 * 30.0)}

    assert speeds == {"slow"}


def test_the_alert_ends_soon_after_the_trouble() -> None:
    state = counted("x" * 40 + "." * 60)

    assert not [b for b in slo.burns(state, Slo(), at=100 * 15.0) if b.long == "1h"]


def test_a_window_without_events_has_no_burn_rate() -> None:
    assert slo.burn_rate(SloState(), "ttft", "1h", at=0.0, objective=0.98) is None


def test_the_budget_left_is_one_when_nothing_was_bad() -> None:
    view = slo.views(counted("." * 50), Slo(), LIMITS, at=750.0)[0]

    assert (view.slo, view.events, view.budget_left_ratio) == ("availability", 50, 1.0)


def test_events_older_than_their_window_are_forgotten() -> None:
    state = counted("x" * 10)
    state = slo.count(state, {slo.AVAILABILITY: False}, at=31 * 86400.0)

    assert slo.totals(state, slo.AVAILABILITY, "30d", at=31 * 86400.0) == (1, 0)


def test_an_event_that_arrives_late_finds_its_bucket() -> None:
    state = slo.count(counted("."), {slo.AVAILABILITY: True}, at=600.0)
    state = slo.count(state, {slo.AVAILABILITY: True}, at=310.0)
    state = slo.count(state, {slo.AVAILABILITY: True}, at=-500.0)

    assert slo.totals(state, slo.AVAILABILITY, "6h", at=600.0) == (4, 3)


@given(st.text(alphabet=".x", min_size=1, max_size=200), st.sampled_from(sorted(slo.WINDOWS)))
def test_a_window_counts_what_fell_into_it_give_or_take_one_bucket(
    pattern: str, window: str
) -> None:
    state = counted(pattern)
    end = (len(pattern) - 1) * 15.0
    reach = slo.WINDOWS[window]
    inside = [m for i, m in enumerate(pattern) if i * 15.0 > end - reach]

    events, bad = slo.totals(state, slo.AVAILABILITY, window, at=end)

    assert len(inside) <= events <= len(pattern)
    assert inside.count("x") <= bad <= events
    assert decode(SloState, encode(state)) == state


def test_the_view_counts_the_bad_events_of_each_window() -> None:
    """So that "at least 3 bad" is asked of the window that burns, not of 30 days."""
    state = counted("xx" + "." * 238 + "x")
    [view] = slo.views(state, Slo(), Thresholds(ttft_seconds=None, itl_seconds=None), at=3600.0)
    assert view.bad == 3
    assert view.bad_by_window.keys() == view.burn_rates.keys() == slo.WINDOWS.keys()
    assert (view.bad_by_window["5m"], view.bad_by_window["2h"]) == (1, 3)

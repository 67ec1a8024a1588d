"""Cron, record, head-room, slope, explanation: the parts by themselves."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from core_past import daily, written
from core_world import ACTIVE, HOUR, START, World

from autoscaler.core.codec import encode
from autoscaler.core.cron import active_since, parse_cron
from autoscaler.core.explain import REASONS, sentences
from autoscaler.core.headroom import Calibration, calibrated, replayed
from autoscaler.core.headroom import Terms as HeadroomTerms
from autoscaler.core.overload import Overload, followed
from autoscaler.core.policy import Schedule
from autoscaler.core.record import BIN_SECONDS, MOST_BINS, recorded, whole
from autoscaler.core.replay import differences, read_observations, replay
from autoscaler.core.slope import Slope, slope_of
from autoscaler.core.state import State
from autoscaler.core.window import Sample
from autoscaler.core.words import FailureReason, Reason


def instant(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("cron", "zone", "at", "holds"),
    [
        ("0 9 * * *", "UTC", "2026-03-02T09:00:00", True),
        ("0 9 * * *", "UTC", "2026-03-02T08:59:59", False),
        ("0 9 * * *", "UTC", "2026-03-02T10:00:00", False),
        ("0 9 * * mon-fri", "UTC", "2026-03-01T09:30:00", False),
        ("0 9 * * 0", "UTC", "2026-03-01T09:30:00", True),
        ("0 9 * * 7", "UTC", "2026-03-01T09:30:00", True),
        ("*/20 * * * *", "UTC", "2026-03-01T09:39:00", True),
        ("0 9 1 jan *", "UTC", "2026-03-01T09:30:00", False),
        ("0 9 13 * fri", "UTC", "2026-03-06T09:30:00", True),  # either day field suffices
        ("30 14 * * *", "Asia/Kolkata", "2026-03-01T09:30:00", True),
        ("30 2 * * *", "Europe/Berlin", "2026-03-29T01:45:00", True),  # a time that was skipped
    ],
)
def test_a_schedule_holds_from_its_cron_instant(
    cron: str, zone: str, at: str, *, holds: bool
) -> None:
    schedule = Schedule(cron=cron, timezone=zone, duration_seconds=HOUR)
    assert (active_since(schedule, instant(at)) is not None) is holds


def test_a_schedule_may_last_over_midnight() -> None:
    schedule = Schedule(cron="0 22 * * *", timezone="UTC", duration_seconds=8 * HOUR)
    assert active_since(schedule, instant("2026-03-02T05:59:00")) == instant("2026-03-01T22:00:00")
    assert active_since(schedule, instant("2026-03-02T06:01:00")) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("* * * *", "4 fields"),
        ("60 * * * *", "minute '60'"),
        ("* * * 13 *", "month '13'"),
        ("* 5-2 * * *", "runs backwards"),
        ("*/0 * * * *", "no whole number above 0"),
        ("* * * * someday", "day of week"),
    ],
)
def test_a_bad_cron_says_which_field(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_cron(text)


# -- record -----------------------------------------------------------------------------------


def test_a_record_keeps_two_weeks_to_a_third_of_a_percent() -> None:
    needs: list[float | None] = [1.0 + (n % 288) / 50.0 for n in range(MOST_BINS + 300)]
    record = written(needs)
    assert record.size == MOST_BINS
    newest = record.bin(record.first + record.size - 1)
    assert newest is not None
    assert newest[0] == pytest.approx(needs[-1], rel=0.003)
    assert len(record.text) == 4 * MOST_BINS


def test_what_was_not_seen_is_a_hole_and_never_zero() -> None:
    record = written([1.0, None, 2.0])
    assert [mean for _, mean, _ in record.bins(0)] == [pytest.approx(v, rel=0.003) for v in (1, 2)]
    later = recorded(record, 3.0, at=START + 20 * BIN_SECONDS)
    assert later.bin(later.first + 10) is None


def test_a_clock_that_steps_back_begins_a_new_record() -> None:
    record = recorded(written([1.0, 2.0]), 1.0, at=START - 10 * BIN_SECONDS)
    assert record.size == 0


# -- head-room --------------------------------------------------------------------------------

ROOM = HeadroomTerms(
    tolerance=0.05,
    hold_seconds=600.0,
    cold_start_seconds=180.0,
    attainment=0.98,
    least=1,
    most=20,
    rate_per_need=5.0,
)


def test_less_head_room_costs_less_and_attains_less() -> None:
    past = [(daily(n), 1.05 * daily(n)) for n in range(288 * 3)]
    tight, wide = replayed(past, ROOM, 1.0), replayed(past, ROOM, 0.6)
    assert tight.cost < wide.cost
    assert tight.attainment < wide.attainment


def test_head_room_moves_a_step_a_day_at_most() -> None:
    record = written([daily(n) for n in range(288 * 3)])
    at = START + 3 * 86_400.0
    first = calibrated(Calibration(at=at - 86_400.0), record, ROOM, given=0.8, at=at)
    assert first.headroom in {0.75, 0.8, 0.85}
    assert calibrated(first, record, ROOM, given=0.8, at=at + 3600.0) == first
    assert first.because


def test_head_room_waits_for_a_day_of_evidence() -> None:
    record = written([1.0] * 100)
    found = calibrated(Calibration(at=1.0), record, ROOM, given=0.8, at=START + 2 * 86_400.0)
    assert found.headroom is None


# -- overload ---------------------------------------------------------------------------------


def queue(slope: float, *, deadline: float = 30.0, every: float = 5.0) -> tuple[Sample, ...]:
    found = []
    for number in range(60):
        at = every * number
        wait = slope * at
        over = wait > deadline
        found.append(
            Sample(
                at=at,
                ended_at=at + min(wait, deadline) + 0.2,
                replicas=1,
                ttft=None if over else wait + 0.1,
                itl=None if over else 0.03,
                failure=FailureReason.TIMEOUT_TTFT if over else None,
            )
        )
    return tuple(found)


@pytest.mark.parametrize("slope", [0.1, 0.17, 0.29, 0.53])
def test_the_slope_of_ttft_is_found_within_a_tenth_though_many_timed_out(slope: float) -> None:
    samples = queue(slope)
    overload = followed(Overload(), samples, threshold=1.0, now=300.0)
    found = slope_of(samples, overload, now=310.0, same_count=True)
    assert overload.is_shown
    assert found is not None
    assert found.value == pytest.approx(slope, rel=0.1)
    assert found.low <= found.value <= found.high


def test_no_slope_without_a_queue() -> None:
    assert slope_of((), Overload(), now=0.0, same_count=True) is None
    assert Slope(value=0.0, low=0.0, high=0.0).value == 0.0


# -- explain, replay --------------------------------------------------------------------------


def test_every_reason_has_its_words() -> None:
    assert set(REASONS) == set(Reason)


def test_a_decision_explains_itself_as_an_object_and_as_json() -> None:
    world = World(
        load=lambda t: 0.5 if t < 600 else 0.95, policy=replace(ACTIVE, alpha_seconds=0.01)
    )
    world.run(900)
    decided = next(o.decision for o in world.outcomes if o.decision.ask is not None)
    text = list(sentences(decided))
    assert text == list(sentences(encode(decided)))
    assert text[0] == "chat-a goes up from 1 to 2 (scale_up_slo)."
    assert any(line.startswith("With 2: ") for line in text)
    assert any("Idle latency is 10 ms a token (trusted: given)." in line for line in text)


def test_another_policy_replays_to_other_decisions() -> None:
    policy = replace(ACTIVE, alpha_seconds=0.01)
    world = World(load=lambda _: 0.9, policy=policy)
    seen = []
    for _ in range(40):
        world.t += world.decide
        seen.append(world.observe((world._probe(),)))
    before = [encode(one) for one in replay(seen, policy, State())]
    read = list(read_observations(encode(one) for one in seen))
    assert list(differences(before, replay(read, policy, State()))) == []
    assert list(differences(before, replay(read, replace(policy, headroom_ratio=0.4), State())))


def test_a_whole_count_is_at_least_one_and_ignores_dust() -> None:
    assert [whole(need) for need in (0.0, 0.3, 1.0, 1.0 + 1e-12, 2.01)] == [1, 1, 1, 1, 3]

"""The open loop: a jittered grid, one probe in flight, and nothing hidden."""

import itertools
from dataclasses import dataclass, field, replace

import pytest
from helpers_probes import deployment
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaler.core.model import Decision, Estimate
from autoscaler.core.words import Attention, Reason, Verdict
from autoscaler.ports import Due
from autoscaler.probes.config import LIVENESS, LONG, SHORT, Match, ScheduleConfig
from autoscaler.probes.load import added_load
from autoscaler.probes.schedule import ProbeSchedule

WALL = 1_000_000.0
MINUTE = 60.0


@dataclass
class Skips:
    """The part of a Meter that the schedule needs."""

    reasons: list[tuple[str, str]] = field(default_factory=list)

    def probe_skipped(self, deployment: str, reason: str) -> None:
        self.reasons.append((deployment, reason))

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the schedule must not call {name}")


def decided(attention: Attention) -> Decision:
    return Decision(
        at=0.0,
        deployment_id="dep-1",
        deployment="chat-a",
        current=2,
        recommended=2,
        target=2,
        verdict=Verdict.HOLD,
        reason=Reason.WITHIN_TOLERANCE,
        because="",
        steps=(),
        estimate=Estimate(at=0.0),
        attention=attention,
    )


STEADY = decided(Attention.STEADY)
DOUBT = decided(Attention.DOUBT)
IDLE = decided(Attention.IDLE)
OVERLOAD = decided(Attention.OVERLOAD)


class Story:
    """Drives a schedule from one due probe to the next; probes take `seconds`."""

    def __init__(self, config: ScheduleConfig | None = None, *, seconds: float = 1.0) -> None:
        self.meter = Skips()
        self.plan = ProbeSchedule(config or ScheduleConfig(profiles=(SHORT,)), self.meter)  # type: ignore[arg-type]  # a part of a Meter
        self.seconds = seconds
        self.at = 100.0
        self.sent: list[tuple[float, Due]] = []
        self.running: list[tuple[float, Due]] = []

    def watch(self, decision: Decision | None = STEADY, id: str = "dep-1") -> None:  # noqa: A002  # as the field is called
        self.plan.watch(deployment("", id=id, name=id), decision, monotonic=self.at)

    def run(self, seconds: float) -> list[float]:
        """Send whatever is due for a while; returns the instants of sends."""
        until, before = self.at + seconds, len(self.sent)
        while (next_at := self.plan.next_at()) is not None and next_at <= until:
            self.at = max(self.at, next_at)
            for end, due in [pair for pair in self.running if pair[0] <= self.at]:
                self.plan.finished(due)
                self.running.remove((end, due))
            for due in self.plan.due(self.at, now=WALL + self.at):
                self.plan.started(due, monotonic=self.at)
                self.sent.append((self.at, due))
                self.running.append((self.at + self.seconds, due))
        self.at = until
        return [at for at, _ in self.sent[before:]]


def gaps(instants: list[float]) -> list[float]:
    return [later - sooner for sooner, later in itertools.pairwise(instants)]


@pytest.mark.parametrize(
    ("decision", "interval"),
    [(STEADY, 15.0), (IDLE, 30.0), (None, 5.0), (DOUBT, 5.0)],
    ids=["steady", "idle", "nothing known", "in doubt"],
)
def test_the_interval_follows_the_decision(decision: Decision | None, interval: float) -> None:
    story = Story()
    story.watch(decision)
    instants = story.run(60 * MINUTE)
    assert len(instants) == pytest.approx(60 * MINUTE / interval, abs=2)
    assert story.plan.interval_seconds("dep-1") == interval
    assert all(0.4 * interval - 1e-6 <= gap <= 1.6 * interval + 1e-6 for gap in gaps(instants))
    assert len({round(gap, 3) for gap in gaps(instants)}) > 20


def test_scheduled_instants_lie_on_the_wall_clock() -> None:
    story = Story()
    story.watch()
    story.run(MINUTE)
    assert all(due.scheduled_at == pytest.approx(WALL + at) for at, due in story.sent)


def test_deployments_are_spread_over_the_interval() -> None:
    """In no tenth of an interval do more than twice as many begin as on average."""
    story = Story()
    for i in range(500):
        story.watch(id=f"dep-{i}")
    instants = story.run(15.0)
    tenths = [0] * 10
    for at in instants:
        tenths[min(9, int((at - 100.0) / 1.5))] += 1
    assert max(tenths) < 2 * len(instants) / 10


def test_a_probe_that_outlasts_its_interval_is_counted_and_not_doubled() -> None:
    story = Story(seconds=40.0)
    story.watch()
    story.run(10 * MINUTE)
    assert story.plan.counts.overlap == len(story.meter.reasons)
    assert set(story.meter.reasons) == {("dep-1", "overlap")}
    places = story.plan.counts.overlap + story.plan.counts.sent
    assert places == pytest.approx(40, abs=1)
    assert story.plan.counts.sent == pytest.approx(10 * MINUTE / 45, abs=3)


def test_in_overload_two_may_be_in_flight_and_only_short_ones() -> None:
    story = Story(ScheduleConfig(profiles=(SHORT, LONG)), seconds=18.0)
    story.watch(OVERLOAD)
    story.run(20 * MINUTE)
    assert {due.profile for _, due in story.sent} == {"short"}
    assert len(story.sent) == pytest.approx(80, abs=6)


def test_other_profiles_have_their_own_cadence_and_step_aside() -> None:
    quick = replace(LONG, name="long", interval_seconds=20.0)
    story = Story(ScheduleConfig(profiles=(SHORT, quick), liveness_seconds=7.0), seconds=3.0)
    story.watch()
    story.run(20 * MINUTE)
    counts = dict.fromkeys(("short", "long", LIVENESS), 0)
    for _, due in story.sent:
        counts[due.profile] += 1
    assert counts["long"] == pytest.approx(60, abs=6)
    assert counts[LIVENESS] > 100
    assert counts["short"] + story.plan.counts.overlap == pytest.approx(80, abs=2)
    in_flight = [(at, at + 3.0) for at, _ in story.sent]
    assert all(b[0] >= a[1] - 1e-6 for a, b in itertools.pairwise(in_flight))


def test_a_profile_may_be_for_some_deployments_only() -> None:
    only = replace(LONG, match=Match(name="dep-2"), interval_seconds=20.0)
    story = Story(ScheduleConfig(profiles=(SHORT, only)))
    story.watch(id="dep-1")
    story.watch(id="dep-2")
    story.run(5 * MINUTE)
    assert {due.deployment_id for _, due in story.sent if due.profile == "long"} == {"dep-2"}


def test_after_a_standstill_the_missed_are_counted_and_one_is_sent() -> None:
    story = Story()
    story.watch()
    story.run(MINUTE)
    sent = story.plan.counts.sent
    story.at += 10 * MINUTE
    assert len(story.run(0.0)) == 1
    assert story.plan.counts.sent == sent + 1
    assert story.plan.counts.missed == pytest.approx(39, abs=1)
    assert story.plan.counts.late == 1
    assert len(story.meter.reasons) == story.plan.counts.missed
    assert story.sent[-1][1].scheduled_at > WALL + story.at - 15.0


def test_a_quicker_pace_begins_at_once_and_a_slower_one_after_the_next() -> None:
    story = Story()
    story.watch(IDLE)
    story.run(5 * MINUTE)
    story.watch(None)
    assert len(story.run(10.0)) >= 1
    assert len(story.run(MINUTE)) == pytest.approx(12, abs=2)


def test_what_is_not_watched_is_not_probed() -> None:
    story = Story()
    story.watch()
    story.run(MINUTE)
    story.plan.unwatch("dep-1")
    assert story.run(MINUTE) == []
    assert story.plan.next_at() is None
    assert story.plan.interval_seconds("dep-1") is None
    for _, due in story.running:
        story.plan.finished(due)
    story.watch()
    assert story.run(MINUTE)


def test_it_is_known_since_when_a_probe_is_in_flight() -> None:
    story = Story(seconds=60.0)
    story.watch()
    assert story.plan.in_flight_since("dep-1") is None
    first = story.run(20.0)[0]
    assert story.plan.in_flight_since("dep-1") == first


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.floats(0.01, 40.0), st.sampled_from([STEADY, IDLE, OVERLOAD, None])),
        max_size=20,
    )
)
def test_whatever_happens_every_place_on_the_grid_is_accounted_for(
    turns: list[tuple[float, Decision | None]],
) -> None:
    """Never more in flight than allowed, never a probe before its time, never one twice."""
    story = Story(seconds=12.0)
    story.watch(STEADY)
    for seconds, decision in turns:
        story.watch(decision)
        story.run(seconds)
        allowed = 2
        assert len(story.running) <= allowed
    numbers = [due.number for _, due in story.sent]
    assert len(numbers) == len(set(numbers))
    assert all(due.scheduled_at <= WALL + at + 1e-6 for at, due in story.sent)
    assert story.plan.counts.sent == len(story.sent)


def test_the_added_load_is_bounded_and_small() -> None:
    config = ScheduleConfig()
    steady = added_load(config)
    assert steady.probes_per_minute == pytest.approx(4.2)
    assert steady.output_tokens_per_minute <= 600
    assert steady.share_of_replica < 0.002
    doubt = added_load(config, Attention.DOUBT)
    assert doubt.output_tokens_per_minute == 600
    assert added_load(config, Attention.OVERLOAD).probes_per_minute == pytest.approx(4.0)
    assert added_load(config, batch=1).share_of_replica < 0.1

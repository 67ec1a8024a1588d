"""Whatever happens, and wherever it restarts: no end without its trigger, no trigger twice."""

import json

import pytest
from helpers_alerts import (
    POLL,
    RULES,
    T0,
    about,
    fleet,
    probe,
    subject,
    through_json,
    with_status,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from autoscaler.core.alerting.engine import evaluate
from autoscaler.core.alerting.facts import DeploymentFacts, FleetFacts
from autoscaler.core.alerting.silences import add_silence, build_silence
from autoscaler.core.alerting.state import AlertsState
from autoscaler.core.codec import encode
from autoscaler.core.notification import Notification
from autoscaler.core.snapshot import AlertState
from autoscaler.core.words import FailureReason, Status

pytestmark = pytest.mark.slow

NAMES = ("chat-a", "chat-b")
FAILURES = st.sampled_from(
    [None, FailureReason.CONNECT, FailureReason.HTTP_AUTH, FailureReason.HTTP_429]
)


class Incidents(RuleBasedStateMachine):
    """Two deployments live through arbitrary incidents; a twin restarts before every look."""

    def __init__(self) -> None:
        super().__init__()
        self.at = T0
        self.state = AlertsState()
        self.twin = AlertsState()
        self.rows: list[Notification] = []
        self.status = dict.fromkeys(NAMES, Status.READY)
        self.made = dict.fromkeys(NAMES, 0)
        self.plane_at = T0
        self.gone: set[str] = set()

    def look(self, *probes: tuple[str, FailureReason | None]) -> None:
        self.at += POLL
        facts = self.facts(dict(probes))
        one = evaluate(self.state, facts, RULES)
        other = evaluate(through_json(self.twin), facts, RULES)
        assert json.dumps(encode(one.state)) == json.dumps(encode(other.state))
        assert one.notifications == other.notifications
        self.state, self.twin = one.state, other.state
        self.rows.extend(one.notifications)

    def facts(self, probes: dict[str, FailureReason | None]) -> FleetFacts:
        subjects = [self.subject(name, probes) for name in NAMES if name not in self.gone]
        return fleet(self.at, *subjects)

    def subject(self, name: str, probes: dict[str, FailureReason | None]) -> DeploymentFacts:
        status = self.status[name]
        seen = with_status(status, name=name, id=f"dep-{name}-{self.made[name]}")
        results = (probe(self.at, probes[name]),) if name in probes else ()
        return subject(
            self.at,
            deployment=seen,
            probes=results,
            confirmed_failed=status is Status.FAILED,
            status_since=T0 - 7200,
        )

    @rule(name=st.sampled_from(NAMES), status=st.sampled_from(list(Status)))
    def change_status(self, name: str, status: Status) -> None:
        self.status[name] = status
        self.look()

    @rule(name=st.sampled_from(NAMES), failure=FAILURES, times=st.integers(1, 4))
    def probe(self, name: str, failure: FailureReason | None, times: int) -> None:
        for _ in range(times):
            self.look((name, failure))

    @rule(seconds=st.sampled_from([15, 120, 1800]))
    def wait(self, seconds: int) -> None:
        self.at += seconds
        self.look()

    @rule(name=st.sampled_from(NAMES), seconds=st.integers(10, 300))
    def silence(self, name: str, seconds: int) -> None:
        silence = build_silence(
            [f"deployment={name}"], at=self.at, seconds=seconds, by="ada", reason="x"
        )
        self.state = add_silence(self.state, silence)
        self.twin = add_silence(self.twin, silence)
        self.look()

    @rule(name=st.sampled_from(NAMES))
    def delete(self, name: str) -> None:
        self.gone.add(name)
        self.look()

    @precondition(lambda self: self.gone)
    @rule(name=st.sampled_from(NAMES))
    def make_anew(self, name: str) -> None:
        self.gone.discard(name)
        self.made[name] += 1
        self.look()

    @invariant()
    def each_key_is_queued_once(self) -> None:
        keys = [row.key for row in self.rows]
        assert len(keys) == len(set(keys))

    @invariant()
    def each_episode_is_one_trigger_then_at_most_one_end(self) -> None:
        episodes: dict[tuple[str, int], list[Notification]] = {}
        for row in self.rows:
            episodes.setdefault((row.fingerprint, row.episode), []).append(row)
        for rows in episodes.values():
            events = [row.event for row in rows]
            assert events[0] == "trigger", about(rows[0])
            assert events.count("trigger") == 1
            assert events.count("resolve") <= 1
            assert "resolve" not in events[:-1]
            assert [row.sequence for row in rows] == sorted({row.sequence for row in rows})

    @invariant()
    def what_has_ended_was_told_if_its_trigger_was(self) -> None:
        for record in self.state.records.values():
            if record.state is AlertState.RESOLVED:
                assert record.end_told
            if record.state is AlertState.PENDING:
                assert record.told == ()


TestIncidents = Incidents.TestCase
TestIncidents.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, derandomize=True
)

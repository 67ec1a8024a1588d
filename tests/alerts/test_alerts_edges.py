"""The corners: unknown subjects, empty facts, state of other versions, totals that start anew."""

import json
from dataclasses import replace

import pytest
from helpers_alert_facts import CALM, plane, slo
from helpers_alerts import RULES, T0, Story, decision, fleet, instants, probe, subject, with_status

from autoscaler.core.alerting.conditions import fleet as of_fleet
from autoscaler.core.alerting.findings import FleetScope, Look
from autoscaler.core.alerting.lifecycle import fingerprint
from autoscaler.core.alerting.state import (
    MEMORY_KIND,
    STATE_KEY,
    AlertsState,
    Memory,
    restore_state,
    state_documents,
)
from autoscaler.core.codec import Undecodable, encode
from autoscaler.core.model import Ask, Notice
from autoscaler.core.redaction import HIDDEN, cut, redact, safe
from autoscaler.core.snapshot import AlertState, JobView, ReceiverView
from autoscaler.core.words import FailureReason, Status, Verdict


def test_an_alert_that_left_the_catalogue_ends() -> None:
    story = Story()
    story.see(fleet(T0, subject(T0, deployment=with_status(Status.FAILED), confirmed_failed=True)))
    key = fingerprint("NeevDeploymentFailed", "p-1", "chat-a", "")
    gone = replace(story.state.records[key], name="NeevOfAnotherVersion", fingerprint="f")
    story.state = replace(story.state, records={"f": gone})
    story.see_one(T0 + 15)
    assert story.state.records["f"].ended_because == "withdrawn"
    assert story.state.records["f"].state is AlertState.RESOLVED


def test_old_evidence_begins_no_new_episode() -> None:
    """The same read, looked at again after the deployment was taken for gone."""
    failed = subject(T0, deployment=with_status(Status.FAILED), confirmed_failed=True)
    story = Story()
    story.see(fleet(T0, failed))
    story.see(fleet(T0 + 1, replace(failed, gone=True)))
    story.see(fleet(T0 + 2, failed))
    assert story.told("NeevDeploymentFailed") == ["trigger", "resolve"]


def test_without_facts_nothing_is_said() -> None:
    silent = fleet(
        T0,
        control_plane=plane(T0, last_success_at=None),
        self_offline=None,
        loop_lag_p99_seconds=None,
    )
    scope = FleetScope(silent, Memory(), RULES)
    for condition in (
        of_fleet.control_plane_stale,
        of_fleet.control_plane_auth,
        of_fleet.unreadable_items,
        of_fleet.self_offline,
        of_fleet.overloaded,
    ):
        assert [finding.look for finding in condition(scope)] == [Look.UNKNOWN]


def test_a_control_plane_never_read_is_stale_once_the_daemon_says_so() -> None:
    story = Story()
    story.see(fleet(T0, control_plane=plane(T0, last_success_at=None, is_stale=True)))
    assert "NeevControlPlaneStale" in story.firing()


def test_a_budget_without_events_says_nothing() -> None:
    story = Story()
    view = replace(slo("ttft", rates=CALM), budget_left_ratio=None)
    story.see_one(T0, slos=(view,))
    assert "NeevErrorBudgetExhausted" not in story.firing()


def test_an_ask_whose_count_is_there_is_not_stuck() -> None:
    story = Story()
    ask = Ask(count=2, from_count=1, asked_at=T0 - 5000, outcome="overdue")
    story.see_one(T0, ask=ask)
    assert "NeevScaleStuck" not in story.firing()


def test_missed_jobs_raise_the_alarm_and_a_restart_counts_from_zero() -> None:
    def job(missed: int) -> JobView:
        return JobView(
            name="decide",
            last_success_at=T0,
            last_duration_seconds=0.1,
            failures=0,
            missed=missed,
        )

    story = Story()
    for count, at in enumerate(instants(T0, 60)):
        story.see(fleet(at, jobs=(job(count % 40),)))
    assert "NeevDaemonOverloaded" in story.firing()
    seen = story.found("NeevDaemonOverloaded")
    assert seen is not None
    assert "job runs were missed" in seen.description


def test_a_daemon_without_a_lag_sampler_still_counts_missed_jobs() -> None:
    story = Story()
    view = JobView(name="x", last_success_at=T0, last_duration_seconds=0, failures=0, missed=50)
    story.see(fleet(T0, loop_lag_p99_seconds=None, jobs=(view,)))
    seen = story.found("NeevDaemonOverloaded")
    assert seen is not None
    assert "unknown" in seen.description


def test_two_moves_in_one_direction_are_no_reversal() -> None:
    story = Story()
    for at in instants(T0, 8, 60):
        story.see_one(at, decision=decision(at, target=3, ask=3))
    assert story.state.memories["dep-chat-a"].reversals == ()


def test_a_warning_about_a_receiver_that_waits_half_an_hour() -> None:
    story = Story()
    waiting = ReceiverView(
        name="chat",
        kind="slack",
        queued=1,
        oldest_at=T0 - 2000,
        dead_letters=0,
        circuit_open=False,
    )
    story.see(fleet(T0, receivers=(waiting,)))
    seen = story.found("NeevNotifyFailing")
    assert seen is not None
    assert "has waited for 33 min" in seen.description


def test_a_blind_decision_ends_no_notice() -> None:
    story = Story()
    told = (Notice(kind="capped_budget", because="the cap refuses it"),)
    story.see_one(T0, notices=told)
    for at in instants(T0 + 15, 60):
        story.see_one(at, decision=decision(at, verdict=Verdict.BLIND))
    assert "NeevBudgetCapped" in story.firing()


def test_a_clock_that_is_set_back_freezes_no_alert() -> None:
    story = Story()
    back = T0 - 3600
    failed = with_status(Status.FAILED)
    for at in instants(T0, 3):
        broken = (probe(at, FailureReason.CONNECT),)
        story.see_one(at, probes=broken)
    story.see_one(T0 + 45, deployment=failed, confirmed_failed=True)
    assert {"NeevEndpointDown", "NeevDeploymentFailed"} <= story.firing()
    for at in instants(back, 4):
        story.see_one(at, probes=(probe(at),))
    assert story.firing() & {"NeevEndpointDown", "NeevDeploymentFailed"} == set()


def test_only_what_changed_is_written() -> None:
    story = Story()
    story.see_one(T0)
    before = story.state
    assert state_documents(before, before) == {}
    story.see(fleet(T0 + 15, subject(T0 + 15, gone=True)))
    changed = state_documents(story.state, before)
    assert changed[MEMORY_KIND, "dep-chat-a"] is None


def test_a_memory_of_another_version_fills_again_and_unreadable_alerts_are_said() -> None:
    state = restore_state({}, {"dep-1": {"probes": "nonsense"}, "fleet": encode(Memory())})
    assert set(state.memories) == {"fleet"}
    with pytest.raises(Undecodable):
        restore_state({STATE_KEY[1]: {"records": 5}}, {})
    assert restore_state({}, {}) == AlertsState()


@pytest.mark.parametrize(
    "secret",
    [
        "sk-nc-abcdef0123456789",
        "pat-nc-abcdef0123456789",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "xoxb-12345-67890-abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    ],
)
def test_secrets_are_taken_out_wherever_they_stand(secret: str) -> None:
    for text in (
        secret,
        f"Bearer {secret}",
        f'{{"token": "{secret}"}}',
        f"https://h/?key={secret}",
    ):
        assert secret not in redact(text)
        assert HIDDEN in redact(text)


def test_text_is_cut_after_it_is_redacted() -> None:
    assert "sk-nc" not in safe("x" * 250 + " sk-nc-0123456789")
    assert cut("abcdef", 4) == "abc…"
    assert safe("two\n lines") == "two lines"


def test_a_password_in_an_address_is_taken_out() -> None:
    assert redact("https://ada:pw@host/x") == f"https://{HIDDEN}@host/x"
    assert json.dumps(redact("https://hooks.slack.com/services/T0/B0/xyz")).count("T0") == 0


@pytest.mark.parametrize(
    ("events", "bad", "told"),
    [
        (1, 1, []),
        (149, 149, []),
        (150, 3, ["trigger"]),
        (2000, 39, []),
    ],
    ids=["a single bad probe", "the first bad minutes", "three allowed, three bad", "some left"],
)
def test_a_budget_is_spent_only_where_it_allowed_three_bad_probes(
    events: int, bad: int, told: list[str]
) -> None:
    """At an objective of 98 % that is from 150 probes on; a total outage before that burns."""
    left = 1.0 - (bad / events) / 0.02
    view = replace(slo("ttft", rates=CALM, left=round(left, 9)), events=events, bad=bad)
    story = Story()
    for at in instants(T0, 5):
        story.see(fleet(at, subject(at, slos=(view,), probes=(probe(at),))))
    assert story.told("NeevErrorBudgetExhausted") == told

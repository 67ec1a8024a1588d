"""What the engine promises beside the conditions: restarts, deletions, storms, causes."""

from dataclasses import replace

import pytest
from helpers_alert_stories import DOWN, FAILED, failed, failing, go_down
from helpers_alerts import (
    RULES,
    T0,
    Story,
    about,
    deployment,
    fleet,
    instants,
    probe,
    subject,
    with_status,
)

from autoscaler.core.alerting.engine import BREATH, evaluate, evaluate_in_steps
from autoscaler.core.alerting.facts import ControlPlaneFacts
from autoscaler.core.alerting.messages import read_alert
from autoscaler.core.alerting.state import AlertsState
from autoscaler.core.snapshot import ControlPlaneView, Severity
from autoscaler.core.words import FailureReason, Status


def test_a_restored_alert_does_not_end_on_old_evidence() -> None:
    """After a restart the last known deployment is loaded, ready or not: it proves nothing."""
    story = Story()
    story.see(fleet(T0, failed(T0)))
    old = subject(T0 - 15)
    for at in instants(T0 + 100, 5):
        story.see(fleet(at, old, complete=False))
    assert FAILED in story.firing()


def test_a_restored_alert_stays_while_its_deployment_is_not_known_yet() -> None:
    story = Story()
    story.see(fleet(T0, failed(T0)))
    for at in instants(T0 + 100, 5):
        story.see(fleet(at, complete=False))
    assert FAILED in story.firing()


def test_a_deleted_deployment_ends_its_alerts() -> None:
    story = Story()
    at = go_down(story)
    story.see(fleet(at, subject(at, gone=True)))
    assert DOWN not in story.firing()
    end = next(row for row in story.rows if row.event == "resolve")
    assert read_alert(end.payload).because == "deployment_deleted"


def test_a_deployment_missing_from_complete_lists_ends_its_alerts() -> None:
    story = Story()
    at = go_down(story)
    story.see(fleet(at, complete=True))
    assert story.told(DOWN) == ["trigger", "resolve"]


def test_a_deployment_made_anew_under_its_name_begins_anew() -> None:
    story = Story()
    story.see(fleet(T0, failed(T0)))
    for offset in (15, 30):
        at = T0 + offset
        seen = with_status(Status.FAILED, id="dep-other")
        story.see(fleet(at, subject(at, deployment=seen, confirmed_failed=True)))
    assert story.told(FAILED) == ["trigger", "resolve", "trigger"]


def test_a_severity_that_rises_is_told_once_under_the_same_episode() -> None:
    story = Story()
    for offset in range(0, 3000, 60):
        at = T0 + offset
        seen = with_status(Status.INITIALIZING)
        story.see(fleet(at, subject(at, deployment=seen, status_since=T0)))
    rows = [row for row in story.rows if about(row) == "NeevDeploymentStuckInitializing"]
    assert [row.event for row in rows] == ["trigger", "escalate"]
    escalated = read_alert(rows[1].payload)
    assert escalated.previous_severity is Severity.WARNING
    assert escalated.alert.severity is Severity.CRITICAL
    assert len({row.episode for row in rows}) == 1


def test_reminders_come_at_growing_distance() -> None:
    story = Story(rules=replace(RULES, reminder_seconds=3600.0))
    for at in instants(T0, 16 * 6, 600):
        story.see(fleet(at, failed(at)))
    sent = [row.created_at - T0 for row in story.rows if row.event == "reminder"]
    assert sent == [3600.0, 3 * 3600.0, 7 * 3600.0, 15 * 3600.0]


def test_a_warning_waits_for_the_group_and_a_critical_one_does_not() -> None:
    story = Story()
    story.see(fleet(T0, failed(T0)))
    seen = subject(T0 + 15, deployment=with_status(Status.TERMINATING), status_since=T0 - 7200)
    story.see(fleet(T0 + 15, seen))
    waits = {about(row): row.next_attempt_at - row.created_at for row in story.rows}
    assert waits[FAILED] == 0
    assert waits["NeevDeploymentStuckTerminating"] == 30


def test_a_storm_of_criticals_is_one_message_and_what_outlasts_it_is_told() -> None:
    names = [f"chat-{n:02}" for n in range(14)]
    story = Story()
    for at in instants(T0, 3):
        story.see(fleet(at, *(failing(at, name) for name in names)))
    assert story.told("NeevAlertStorm") == ["trigger"]
    assert story.told(DOWN) == []
    folded = (
        [alert for alert in story.outcome.alerts if alert.name == DOWN] if story.outcome else []
    )
    assert {alert.inhibited_by for alert in folded} == {"NeevAlertStorm"}
    at = T0 + 60
    for offset in range(0, 900, 120):
        now = at + offset
        good = [subject(now, deployment=deployment(n), probes=(probe(now),)) for n in names[3:]]
        story.see(fleet(now, *(failing(now, name) for name in names[:3]), *good))
    assert story.told("NeevAlertStorm") == ["trigger", "resolve"]
    assert story.told(DOWN) == ["trigger"] * 3


def test_transitions_of_our_own_ask_are_no_flapping() -> None:
    story = Story()
    for count, at in enumerate(instants(T0, 20, 60)):
        status = Status.READY if count % 2 else Status.INITIALIZING
        story.see_one(at, deployment=with_status(status), settling=True)
    assert "NeevFlapping" not in story.firing()


def test_a_down_endpoint_is_seen_through_our_own_transition() -> None:
    story = Story()
    for at in instants(T0, 4):
        story.see_one(
            at,
            deployment=with_status(Status.INITIALIZING),
            settling=True,
            probes=(probe(at, FailureReason.CONNECT),),
        )
    assert DOWN in story.firing()


@pytest.mark.parametrize(
    ("words", "down"),
    [
        pytest.param("XX.XX.", False, id="never three in a row, too few of ten"),
        pytest.param("X.X.XX.X.X", True, id="six of ten"),
        pytest.param("XXX", True, id="three in a row"),
        pytest.param("XXX.", True, id="one answer is no end"),
        pytest.param("XXX..", False, id="two answers are"),
        pytest.param("XXXXXXXX..X", False, id="old failures do not count after a recovery"),
        pytest.param("XXAX", False, id="a refused key is an answer"),
        pytest.param("XXXAA", False, id="refused keys end an outage"),
    ],
)
def test_up_and_down_follow_the_run_of_probes(words: str, down: bool) -> None:  # noqa: FBT001
    failures = {"X": FailureReason.CONNECT, ".": None, "A": FailureReason.HTTP_AUTH}
    story = Story()
    for word, at in zip(words, instants(T0, len(words)), strict=True):
        story.see_one(at, probes=(probe(at, failures[word]),))
    assert (DOWN in story.firing()) is down


def test_warmups_and_untrusted_probes_do_not_count() -> None:
    story = Story()
    for at in instants(T0, 6):
        story.see_one(at, probes=(probe(at, FailureReason.CONNECT, warmup=True),))
    assert DOWN not in story.firing()


def test_without_new_probes_a_down_endpoint_stays_down() -> None:
    story = Story()
    at = go_down(story)
    for now in instants(at, 50):
        story.see_one(now)
    assert DOWN in story.firing()


def test_what_a_cause_explained_is_told_only_on_evidence_from_after_it() -> None:
    """The control plane comes back: a stuck scale is told if the next read still shows it."""
    story = Story()
    stuck = with_status(Status.TERMINATING)
    stale = ControlPlaneFacts(view=ControlPlaneView(last_success_at=T0 - 1000))
    story.see(fleet(T0, control_plane=stale))
    seen = subject(T0, deployment=stuck, status_since=T0 - 7200)
    story.see(fleet(T0 + 1, seen, control_plane=stale))
    story.see(fleet(T0 + 15, seen))
    assert story.told("NeevDeploymentStuckTerminating") == []
    again = subject(T0 + 30, deployment=stuck, status_since=T0 - 7200)
    story.see(fleet(T0 + 30, again))
    assert story.told("NeevDeploymentStuckTerminating") == ["trigger"]


def test_a_network_that_seems_lost_explains_before_its_own_alert_fires() -> None:
    """Probes fail within 30 s, our own network counts as lost after a minute."""
    story = Story()
    for at in instants(T0, 3):
        story.see(fleet(at, failing(at), self_offline=True))
    assert DOWN in story.firing()
    assert "NeevSelfOffline" not in story.firing()
    assert story.told(DOWN) == []
    story.see(fleet(T0 + 45, failing(T0 + 45), self_offline=False))
    assert story.told(DOWN) == ["trigger"]


def test_an_evaluation_in_steps_says_the_same_and_lets_others_run() -> None:
    subjects = [failed(T0, name=f"chat-{number:03}") for number in range(BREATH // 2)]
    facts = fleet(T0, *subjects)
    steps = evaluate_in_steps(AlertsState(), facts, RULES)
    turns = 0
    while True:
        try:
            next(steps)
        except StopIteration as over:
            outcome = over.value
            break
        turns += 1
    assert turns > 10
    assert outcome == evaluate(AlertsState(), facts, RULES)

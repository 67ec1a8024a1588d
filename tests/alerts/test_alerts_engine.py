"""What the engine promises beside the conditions: restarts, deletions, silences, storms, routes."""

from dataclasses import replace

import pytest
from helpers_alert_cases import plane
from helpers_alerts import (
    POLL,
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

from autoscaler.core.alerting.facts import ControlPlaneFacts, DeploymentFacts
from autoscaler.core.alerting.messages import ChangeMessage, read_alert
from autoscaler.core.alerting.rules import (
    AlertOverride,
    AlertRules,
    MaintenanceWindow,
    ReceiverRule,
    Route,
)
from autoscaler.core.alerting.silences import add_silence, build_silence, expire_silence
from autoscaler.core.alerting.telling import tell_change
from autoscaler.core.snapshot import AlertState, ControlPlaneView, ReceiverView, Severity
from autoscaler.core.words import FailureReason, Status

FAILED = "NeevDeploymentFailed"
DOWN = "NeevEndpointDown"


def failed(at: float, *, confirmed: bool = True, name: str = "chat-a") -> DeploymentFacts:
    return subject(at, deployment=with_status(Status.FAILED, name=name), confirmed_failed=confirmed)


def failing(at: float, name: str = "chat-a") -> DeploymentFacts:
    return subject(at, deployment=deployment(name), probes=(probe(at, FailureReason.DISCONNECTED),))


def go_down(story: Story, start: float = T0) -> float:
    """Three failed probes; returns the next instant."""
    for at in instants(start, 3):
        story.see(fleet(at, failing(at)))
    assert DOWN in story.firing()
    return start + 3 * POLL


def test_failed_is_pending_at_first_sight_and_fires_once_confirmed() -> None:
    story = Story()
    story.see(fleet(T0, failed(T0, confirmed=False)))
    seen = story.found(FAILED)
    assert seen is not None
    assert seen.state is AlertState.PENDING
    assert story.told(FAILED) == []
    story.see(fleet(T0 + 1, failed(T0 + 1)))
    assert story.told(FAILED) == ["trigger"]


def test_failed_that_was_a_glitch_tells_nobody() -> None:
    story = Story()
    story.see(fleet(T0, failed(T0, confirmed=False)))
    story.see_one(T0 + 1)
    assert story.found(FAILED) is None
    assert story.told(FAILED) == []


def test_failed_ends_only_after_two_polls_that_say_otherwise() -> None:
    story = Story()
    story.see(fleet(T0, failed(T0)))
    story.see_one(T0 + 15)
    story.see(fleet(T0 + 16, subject(T0 + 15)))  # the same poll, looked at again
    assert FAILED in story.firing()
    story.see_one(T0 + 30)
    assert story.told(FAILED) == ["trigger", "resolve"]


def test_failed_in_between_keeps_one_episode() -> None:
    story = Story()
    for at, is_failed in [(0, True), (15, False), (30, True), (45, False), (60, False)]:
        now = T0 + at
        story.see(fleet(now, failed(now) if is_failed else subject(now)))
    assert story.told(FAILED) == ["trigger", "resolve"]


def test_failed_again_later_is_a_new_episode_under_a_new_key() -> None:
    story = Story()
    for at, is_failed in [(0, True), (15, False), (30, False), (45, True)]:
        now = T0 + at
        story.see(fleet(now, failed(now) if is_failed else subject(now)))
    keys = [row.key for row in story.rows if about(row) == FAILED]
    assert len(set(keys)) == 3
    assert [row.episode for row in story.rows if about(row) == FAILED] == [1, 1, 2]


def test_failed_is_muted_by_neither_flapping_nor_stale_control_plane_nor_storm() -> None:
    story = Story()
    for count, at in enumerate(instants(T0, 8, 60)):
        status = Status.READY if count % 2 else Status.INITIALIZING
        story.see_one(at, deployment=with_status(status))
    assert "NeevFlapping" in story.firing()
    at = T0 + 600
    many = [failed(at, name=f"chat-{n}") for n in range(30)]
    late = plane(at, last_success_at=at - 1000)
    story.see(fleet(at, failed(at), *many, control_plane=late))
    assert story.told(FAILED) == ["trigger"] * 31


def test_a_silence_mutes_failed_and_shows_it() -> None:
    story = Story()
    silence = build_silence(
        ["alertname=NeevDeploymentFailed"], at=T0, seconds=600, by="ada", reason="known"
    )
    story.state = add_silence(story.state, silence)
    story.see(fleet(T0, failed(T0)))
    seen = story.found(FAILED)
    assert seen is not None
    assert seen.silenced_by == silence.id
    assert story.told(FAILED) == []


def test_a_silence_that_runs_out_lets_the_trigger_through() -> None:
    story = Story()
    silence = build_silence(["deployment=~chat-.*"], at=T0, seconds=60, by="ada", reason="x")
    story.state = add_silence(story.state, silence)
    for at in instants(T0, 6):
        story.see(fleet(at, failed(at)))
    assert story.told(FAILED) == ["trigger"]


def test_a_silence_does_not_swallow_the_end_of_what_was_told() -> None:
    story = Story()
    story.see(fleet(T0, failed(T0)))
    silence = build_silence(["deployment=chat-a"], at=T0, seconds=600, by="ada", reason="x")
    story.state = add_silence(story.state, silence)
    story.see_one(T0 + 15)
    story.see_one(T0 + 30)
    assert story.told(FAILED) == ["trigger", "resolve"]


def test_an_expired_silence_mutes_no_more() -> None:
    story = Story()
    silence = build_silence(["deployment=chat-a"], at=T0, seconds=600, by="ada", reason="x")
    story.state = add_silence(story.state, silence)
    ended = expire_silence(story.state, silence.id, at=T0 + 1)
    assert ended is not None
    assert expire_silence(ended, silence.id, at=T0 + 2) is None
    story.state = ended
    story.see(fleet(T0 + 2, failed(T0 + 2)))
    assert story.told(FAILED) == ["trigger"]


def test_a_maintenance_window_mutes_what_matches_while_it_lasts() -> None:
    window = MaintenanceWindow(
        name="upgrade", matchers=("deployment=chat-a",), starts_at=T0, duration_seconds=60
    )
    story = Story(rules=replace(RULES, maintenance=(window,)))
    story.see(fleet(T0, failed(T0)))
    seen = story.found(FAILED)
    assert seen is not None
    assert seen.silenced_by == "maintenance:upgrade"
    story.see(fleet(T0 + 60, failed(T0 + 60)))
    assert story.told(FAILED) == ["trigger"]


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


def two_receivers(**changes: object) -> AlertRules:
    receivers = (ReceiverRule(name="pager"), ReceiverRule(name="chat"))
    return replace(AlertRules(receivers=receivers), **changes)  # type: ignore[arg-type]  # a test's shorthand


def test_the_first_route_that_matches_takes_an_alert() -> None:
    routes = (
        Route(matchers=("severity=critical",), receivers=("pager",)),
        Route(receivers=("chat",)),
    )
    story = Story(rules=two_receivers(routes=routes))
    story.see(fleet(T0, failed(T0)))
    assert {row.receiver for row in story.rows if about(row) == FAILED} == {"pager"}


def test_a_route_may_proceed() -> None:
    routes = (
        Route(matchers=("severity=critical",), receivers=("pager",), proceed=True),
        Route(receivers=("chat",)),
    )
    story = Story(rules=two_receivers(routes=routes))
    story.see(fleet(T0, failed(T0)))
    assert {row.receiver for row in story.rows} == {"pager", "chat"}


def test_an_alert_that_no_route_takes_goes_to_all() -> None:
    routes = (Route(matchers=("deployment=other",), receivers=("pager",)),)
    story = Story(rules=two_receivers(routes=routes))
    story.see(fleet(T0, failed(T0)))
    assert {row.receiver for row in story.rows} == {"pager", "chat"}


def test_a_receiver_hears_nothing_below_its_least_severity_and_always_the_end() -> None:
    rules = AlertRules(receivers=(ReceiverRule(name="pager", min_severity=Severity.CRITICAL),))
    story = Story(rules=rules)
    seen = subject(T0, deployment=with_status(Status.TERMINATING), status_since=T0 - 7200)
    story.see(fleet(T0, seen))
    assert story.rows == []
    story.see(fleet(T0 + 15, failed(T0 + 15)))
    story.rules = two_receivers()
    story.see_one(T0 + 30)
    story.see_one(T0 + 45)
    ends = [row.receiver for row in story.rows if row.event == "resolve" and about(row) == FAILED]
    assert ends == ["pager", "chat"]


def test_a_failing_receiver_is_told_of_through_the_others() -> None:
    routes = (Route(receivers=("pager",)),)
    story = Story(rules=two_receivers(routes=routes))
    broken = ReceiverView(
        name="pager",
        kind="pagerduty",
        queued=1,
        oldest_at=T0 - 600,
        dead_letters=0,
        circuit_open=True,
        oldest_critical_at=T0 - 600,
    )
    story.see(fleet(T0, receivers=(broken,)))
    assert [row.receiver for row in story.rows if about(row) == "NeevNotifyFailing"] == ["chat"]


def test_a_dead_letter_raises_the_alert_for_an_hour() -> None:
    story = Story(rules=two_receivers())
    view = ReceiverView(
        name="pager", kind="webhook", queued=0, oldest_at=None, dead_letters=0, circuit_open=False
    )
    story.see(fleet(T0, receivers=(view,)))
    dead = replace(view, dead_letters=1, last_error="answered 400")
    for at in instants(T0 + 15, 62, 60):
        story.see(fleet(at, receivers=(dead,)))
    assert story.told("NeevNotifyFailing") == ["trigger", "resolve"]


def test_an_alert_may_be_switched_off_and_another_severity_given() -> None:
    overrides = {
        FAILED: AlertOverride(severity=Severity.WARNING),
        DOWN: AlertOverride(enabled=False),
    }
    story = Story(rules=replace(RULES, overrides=overrides))
    for at in instants(T0, 4):
        story.see(fleet(at, failing(at)))
    story.see(fleet(T0 + 90, failed(T0 + 90)))
    assert DOWN not in story.firing()
    seen = story.found(FAILED)
    assert seen is not None
    assert seen.severity is Severity.WARNING


def test_a_receiver_taken_out_of_the_configuration_ends_its_alert() -> None:
    story = Story(rules=two_receivers())
    broken = ReceiverView(
        name="old",
        kind="webhook",
        queued=1,
        oldest_at=T0 - 7200,
        dead_letters=0,
        circuit_open=True,
    )
    story.see(fleet(T0, receivers=(broken,)))
    assert "NeevNotifyFailing" in story.firing()
    for at in instants(T0, 65, 60):
        story.see(fleet(at + 15, decide_seconds=60.0))
    assert "NeevNotifyFailing" not in story.firing()


def test_the_watchdog_always_fires_and_reaches_only_who_asks_for_it() -> None:
    rules = AlertRules(
        receivers=(
            ReceiverRule(name="am", min_severity=Severity.NONE),
            ReceiverRule(name="chat"),
        )
    )
    story = Story(rules=rules)
    story.see(fleet(T0))
    assert [row.receiver for row in story.rows] == ["am"]


def test_secrets_never_reach_an_alert() -> None:
    key = "sk-nc-0123456789abcdef"
    story = Story()
    for at in instants(T0, 3):
        word = FailureReason.DISCONNECTED
        story.see_one(at, probes=(probe(at, word, detail=f"Bearer {key} refused"),))
    assert key not in repr(story.state)
    assert key not in repr(story.rows)


def test_an_alert_says_what_since_when_and_what_to_do_with_evidence() -> None:
    story = Story()
    go_down(story)
    seen = story.found(DOWN)
    assert seen is not None
    assert seen.summary.startswith("chat-a: ")
    assert seen.description
    assert seen.suggested_action
    assert seen.runbook == "NeevEndpointDown.md"
    assert seen.evidence["reason"] == "disconnected"
    assert seen.evidence["probe_id"].startswith("pr-")
    assert "Nothing to do." in seen.evidence["decision"]


def test_a_scale_action_is_told_to_those_who_want_changes() -> None:
    rules = AlertRules(
        receivers=(ReceiverRule(name="pager", changes=True), ReceiverRule(name="chat"))
    )
    change = ChangeMessage(
        at=T0,
        project="p-1",
        deployment="chat-a",
        from_replicas=2,
        to_replicas=4,
        reason="scale_up_slo",
        because="Load.",
    )
    rows = tell_change(change, rules)
    assert [(row.receiver, row.event) for row in rows] == [("pager", "change")]
    assert tell_change(change, rules)[0].key == rows[0].key


def test_throughput_far_below_the_same_hour_of_other_days_is_told() -> None:
    story = Story()
    hour, day = 3600.0, 86400.0
    begin = T0 - T0 % hour
    for back in range(7, 0, -1):
        for offset in range(3):
            at = begin - back * day + offset * 60
            story.see_one(at, probes=(probe(at, itl_seconds=0.02),))
    for at in instants(begin, 58, 60):
        slow = tuple(probe(at - step, itl_seconds=0.07) for step in (1.0, 0.0))
        story.see_one(at, probes=slow)
    seen = story.found("NeevTokenThroughputDrop")
    assert seen is not None
    assert seen.state is AlertState.FIRING
    assert seen.severity is Severity.WARNING


def test_a_deployment_that_appears_or_vanishes_is_told() -> None:
    story = Story()
    story.see(fleet(T0, subject(T0)))
    other = subject(T0 + 15, deployment=deployment("chat-b"))
    story.see(fleet(T0 + 15, subject(T0 + 15), other))
    seen = story.found("NeevExternalChange")
    assert seen is not None
    assert "chat-b appeared" in seen.description

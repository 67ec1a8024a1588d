"""Who is told, and what an alert says."""

from dataclasses import replace

from helpers_alert_stories import DOWN, FAILED, failed, failing, go_down, two_receivers
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

from autoscaler.core.alerting.messages import ChangeMessage
from autoscaler.core.alerting.rules import (
    AlertOverride,
    AlertRules,
    ReceiverRule,
    Route,
)
from autoscaler.core.alerting.telling import tell_change
from autoscaler.core.snapshot import AlertState, ReceiverView, Severity
from autoscaler.core.words import FailureReason, Status


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

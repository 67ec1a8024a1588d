"""The alert on `failed`, and what mutes it: a person's word and nothing else."""

from dataclasses import replace

from helpers_alert_facts import plane
from helpers_alert_stories import FAILED, failed
from helpers_alerts import (
    RULES,
    T0,
    Story,
    about,
    fleet,
    instants,
    subject,
    with_status,
)

from autoscaler.core.alerting.rules import (
    MaintenanceWindow,
)
from autoscaler.core.alerting.silences import add_silence, build_silence, expire_silence
from autoscaler.core.snapshot import AlertState
from autoscaler.core.words import Status


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

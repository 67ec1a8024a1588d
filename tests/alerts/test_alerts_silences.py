"""Silences and maintenance windows: matchers, times, ids."""

import pytest
from helpers_alerts import T0
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core.alerting.rules import MaintenanceWindow
from autoscaler.core.alerting.silences import (
    BadMatcher,
    add_silence,
    build_silence,
    check_matchers,
    drop_expired,
    is_open,
    matches,
)
from autoscaler.core.alerting.state import AlertsState

LABELS = {
    "alertname": "NeevEndpointDown",
    "deployment": "chat-a",
    "severity": "critical",
    "project": "p-1",
    "dimension": "",
}


@pytest.mark.parametrize(
    ("matcher", "holds"),
    [
        ("deployment=chat-a", True),
        ('deployment="chat-a"', True),
        ("deployment = chat-a", True),
        ("deployment!=chat-a", False),
        ("deployment!=chat-b", True),
        ("deployment=~chat-.*", True),
        ("deployment=~chat", False),
        ("deployment!~chat-.*", False),
        ("alertname=~NeevEndpoint(Down|Auth)", True),
        ("dimension=", True),
    ],
)
def test_a_matcher_reads_as_alertmanagers(matcher: str, holds: bool) -> None:  # noqa: FBT001
    assert matches([matcher], LABELS) is holds


def test_all_matchers_must_hold() -> None:
    assert matches(["deployment=chat-a", "severity=critical"], LABELS)
    assert not matches(["deployment=chat-a", "severity=warning"], LABELS)


@pytest.mark.parametrize(
    ("matchers", "word"),
    [
        ([], "at least one"),
        (["deployment"], "no matcher"),
        (["colour=red"], "labels"),
        (["deployment=~("], "unterminated"),
    ],
)
def test_a_bad_matcher_is_refused_with_a_sentence(matchers: list[str], word: str) -> None:
    with pytest.raises(BadMatcher, match=word):
        check_matchers(matchers)


@given(st.text(max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        check_matchers([text])
    except BadMatcher:
        return
    assert matches([text], LABELS) in {True, False}


def test_a_repeated_silence_is_no_second() -> None:
    silence = build_silence(["deployment=chat-a"], at=T0, seconds=60, by="ada", reason="x")
    again = build_silence(["deployment=chat-a"], at=T0, seconds=60, by="ada", reason="x")
    state = add_silence(add_silence(AlertsState(), silence), again)
    assert state.silences == (silence,)


def test_an_expired_silence_stays_listed_for_a_day() -> None:
    silence = build_silence(["deployment=chat-a"], at=T0, seconds=60, by="ada", reason="x")
    assert drop_expired((silence,), T0 + 3600) == (silence,)
    assert drop_expired((silence,), T0 + 2 * 86400) == ()


def test_a_window_by_cron_holds_in_its_time_zone() -> None:
    """T0 is Friday, 15 January 2027, 08:00 UTC: 13:30 in Kolkata."""
    window = MaintenanceWindow(
        name="weekly", cron="0 13 * * fri", timezone="Asia/Kolkata", duration_seconds=3600
    )
    assert is_open(window, T0)
    assert not is_open(window, T0 + 1800)
    assert is_open(window, T0 + 7 * 86400)
    assert not is_open(window, T0 + 86400)

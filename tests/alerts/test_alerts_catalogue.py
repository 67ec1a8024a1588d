"""Each alert of the catalogue: it fires, holds, ends, and an explained one keeps quiet.

Every look of a story passes the state through JSON, so each story is one of restarts as well.
"""

import pytest
from helpers_alert_cases import CASES, Case, merged
from helpers_alerts import T0, Story, about

from autoscaler.core.alerting.catalogue import BY_NAME, CATALOGUE, STORM
from autoscaler.core.snapshot import Alert, AlertState

BY_CASE = {f"{case.name}-{case.dimension}".rstrip("-"): case for case in CASES}
LONE = {"NeevWatchdog", STORM, "NeevTokenThroughputDrop"}
"""Alerts with a test file of their own."""

each_alert = pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=key, marks=[pytest.mark.slow] if case.loud else [])
        for key, case in BY_CASE.items()
    ],
)


def found(story: Story, case: Case) -> Alert | None:
    assert story.outcome is not None
    return next(
        (
            alert
            for alert in story.outcome.alerts
            if (alert.name, alert.dimension) == (case.name, case.dimension)
        ),
        None,
    )


def fires(story: Story, case: Case) -> bool:
    alert = found(story, case)
    return alert is not None and alert.state is AlertState.FIRING


def test_every_alert_of_the_catalogue_has_a_story() -> None:
    assert {case.name for case in CASES} | LONE == set(BY_NAME)


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(CATALOGUE)


def test_causes_are_alerts_of_the_catalogue() -> None:
    assert {cause for spec in CATALOGUE for cause in spec.inhibited_by} <= set(BY_NAME)


@each_alert
def test_it_fires_holds_and_ends(case: Case) -> None:
    story = Story()
    at = T0
    for _ in range(3):
        story.see(case.make(at, None))
        assert not fires(story, case)
        at += case.step
    began, count = at, 0
    while not fires(story, case):
        assert at - began <= case.fires + case.step / 2, "it fires too late"
        story.see(case.make(at, count))
        at, count = at + case.step, count + 1
    assert at - case.step - began >= case.not_before, "it fires too early"
    for _ in range(4):
        story.see(case.make(at, count))
        assert fires(story, case), "it does not hold"
        at, count = at + case.step, count + 1
    if case.ends == float("inf"):
        return
    began = at
    while fires(story, case):
        assert at - began <= case.ends + case.step / 2, "it ends too late"
        story.see(case.make(at, None))
        at += case.step
    assert at - case.step - began >= case.keeps - 4 * case.step, "it ends too early"
    told = story.told(case.name)
    fingerprints = {row.fingerprint for row in story.rows if about(row) == case.name}
    assert told.count("trigger") == told.count("resolve") == len(fingerprints)


EXPLAINED = [
    (case, cause)
    for case in CASES
    for cause in CASES
    if cause.name in BY_NAME[case.name].inhibited_by
    and (
        BY_NAME[case.name].inhibited_dimensions is None
        or case.dimension in (BY_NAME[case.name].inhibited_dimensions or ())
    )
    and not case.loud
]


EXCLUDE_ONE_ANOTHER = {
    ("NeevEndpointDown", "NeevDeploymentFailed"),
    ("NeevEndpointDown", "NeevDeploymentStuckInitializing"),
    ("NeevEndpointDegraded", "NeevEndpointDown"),
    ("NeevDeploymentUnreadable", "NeevControlPlaneStale"),
}
"""Pairs of which the cause takes the effect's evidence away, so that it cannot even begin."""


@pytest.mark.parametrize(
    ("case", "cause"),
    [
        pytest.param(case, cause, id=f"{case.name}-{case.dimension}-by-{cause.name}")
        for case, cause in EXPLAINED
    ],
)
def test_a_cause_keeps_it_quiet_and_visible(case: Case, cause: Case) -> None:
    """The cause fires first; then both are true; the effect is shown and never sent."""
    story = Story()
    at, count = T0, 0
    story.see(merged(case.make(at, None), cause.make(at, None)))
    while not fires(story, cause):
        assert at - T0 < 4000
        at, count = at + cause.step, count + 1
        story.see(merged(case.make(at, None), cause.make(at, count)))
    step, seen = min(case.step, cause.step), 0
    limit = at + case.fires + 10 * case.step
    while not fires(story, case) and at < limit:
        at, count = at + step, count + 1
        story.see(merged(case.make(at, seen), cause.make(at, count)))
        seen += 1
    alert = found(story, case)
    if (case.name, cause.name) in EXCLUDE_ONE_ANOTHER:
        assert not fires(story, case)
    else:
        assert alert is not None
        assert alert.inhibited_by in BY_NAME[case.name].inhibited_by
    assert story.told(case.name) == []

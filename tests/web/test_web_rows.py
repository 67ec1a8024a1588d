"""The page's table and top: what each cell says, and what is never made up."""

from dataclasses import replace
from decimal import Decimal

import pytest
from helpers_web_day import NOW
from helpers_web_fleet import alert_of, snapshot_of, view_of

from autoscaler.core.model import Ask, Orders, Override, Pause
from autoscaler.core.policy import Policy
from autoscaler.core.snapshot import ControlPlaneView, DeploymentView
from autoscaler.core.words import Mode
from autoscaler.web.rows import row_of, standing
from autoscaler.web.summary import advisory_of, cards_of, warnings_of


def _card(title: str, **changes: object) -> tuple[str, str, str]:
    snapshot = replace(snapshot_of(3), **changes)  # type: ignore[arg-type]  # by name
    card = next(card for card in cards_of(snapshot) if card.title == title)
    return card.figure, card.note, card.tone


def _view(**changes: object) -> DeploymentView:
    return replace(view_of(1), **changes)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    ("orders", "words"),
    [
        (Orders(pause=Pause(since=NOW, until=None, by="a")), "paused"),
        (Orders(pause=Pause(since=NOW, until=NOW + 600, by="a")), "paused, 10 min left"),
        (Orders(override=Override(replicas=3, until=NOW + 60, by="a")), "held at 3, 60 s left"),
        (Orders(), "active"),
    ],
)
def test_a_standing_order_is_said_with_its_end(orders: Orders, words: str) -> None:
    assert standing(_view(orders=orders), NOW) == words


def test_what_no_entry_matches_is_watched_only_and_has_no_bounds() -> None:
    row = row_of(_view(policy=Policy(mode=Mode.ACTIVE), ask=None), NOW)
    assert row.standing == "watched only"
    assert row.bounds == "no bounds"


def test_an_open_ask_is_shown_before_a_target() -> None:
    view = _view(ask=Ask(count=6, from_count=2, asked_at=NOW))
    view = replace(view, deployment=replace(view.deployment, replicas=2))
    row = row_of(view, NOW)
    assert (row.replicas, row.wanted, row.wanted_word) == (2, 6, "asked")
    assert row.pips == ("on", "on", "coming", "coming", "coming", "coming")


def test_replicas_that_leave_are_drawn_as_leaving() -> None:
    view = _view(ask=Ask(count=1, from_count=3, asked_at=NOW))
    view = replace(view, deployment=replace(view.deployment, replicas=3))
    assert row_of(view, NOW).pips == ("on", "going", "going", "free", "free", "free")


def test_many_replicas_are_a_number_and_no_drawing() -> None:
    view = _view(ask=None)
    row = row_of(replace(view, deployment=replace(view.deployment, replicas=40)), NOW)
    assert row.pips == ()


def test_what_is_not_known_is_a_dash_and_sorts_last() -> None:
    view = _view(cost=None, decision=None, ask=None, slos=())
    row = row_of(replace(view, probe=replace(view.probe, ttft_p90=None)), NOW)
    assert row.cost == row.ttft.text == "–"
    assert row.cost_value == row.ttft.value == -1
    assert row.need is None
    assert row.decision is None
    assert row.itl.limit == ""


def test_a_muted_alert_asks_for_no_attention() -> None:
    loud, muted = alert_of(1), replace(alert_of(1), silenced_by="s-1")
    assert row_of(_view(alerts=(loud,)), NOW).needs_attention
    quiet = row_of(_view(alerts=(muted, replace(loud, inhibited_by="NeevEndpointDown"))), NOW)
    assert quiet.alerts == ()


def test_no_price_is_no_run_rate() -> None:
    assert _card("Run rate", fleet_cost=None)[:2] == ("–", "no price is known")


def test_a_platform_never_seen_and_one_not_seen_lately_are_bad() -> None:
    never = ControlPlaneView(last_success_at=None, last_error="401: log in again")
    assert _card("Platform seen", control_plane=never) == ("never", "401: log in again", "bad")
    old = ControlPlaneView(last_success_at=NOW - 400, is_stale=True, last_error="timeout")
    assert _card("Platform seen", control_plane=old) == ("7 min", "timeout", "bad")


def test_no_objective_counted_is_no_budget() -> None:
    snapshot = snapshot_of(1)
    bare = tuple(replace(view, slos=()) for view in snapshot.deployments)
    assert _card("Error budget", deployments=bare)[0] == "–"


def test_a_stale_platform_is_the_first_warning_and_many_are_cut() -> None:
    plane = ControlPlaneView(last_success_at=NOW - 400, is_stale=True, last_error="timeout")
    many = tuple(f"warning {index}" for index in range(40))
    found = warnings_of(replace(snapshot_of(1), control_plane=plane, warnings=many))
    assert found[0].startswith("The platform cannot be read: timeout.")
    assert found[-1] == "… and 21 more in the log."


@pytest.mark.parametrize(
    ("amount", "words"), [("-12.5", "saved $12.50"), ("3", "cost $3.00"), ("0", "")]
)
def test_the_advice_says_what_following_it_would_have_brought(amount: str, words: str) -> None:
    snapshot = snapshot_of(1, mode=Mode.ADVISORY)
    view = replace(snapshot.deployments[0], shadow_cost=Decimal(amount))
    advisory = advisory_of(replace(snapshot, deployments=(view,)))
    assert advisory is not None
    assert (words in advisory.balance) if words else advisory.balance == ""

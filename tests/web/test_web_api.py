"""The reading half of the HTTP API over a real local server, and the one form of its refusals."""

import json
from collections.abc import AsyncIterator

import pytest
from helpers_web import FakeConsole
from helpers_web_day import NOW
from helpers_web_fleet import snapshot_of
from helpers_web_site import Start, sites

from autoscaler.core.codec import decode
from autoscaler.core.snapshot import DeploymentView, HistoryPoint

PAUSE = "/api/v1/deployments/chat-frontdoor/pause"


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with sites() as begin:
        yield begin


async def test_status_is_the_snapshot_with_a_count_in_place_of_the_deployments(
    start: Start,
) -> None:
    status, text, headers = await (await start()).get("/api/v1/status")
    body = json.loads(text)
    assert status == 200
    assert body["deployments"] == 10
    assert body["mode"] == "active"
    assert headers["Cache-Control"] == "no-store"


async def test_every_view_survives_the_round_trip(start: Start) -> None:
    site = await start()
    _, text, _ = await site.get("/api/v1/deployments")
    views = tuple(decode(DeploymentView, each) for each in json.loads(text)["deployments"])
    assert views == snapshot_of(10).deployments


@pytest.mark.parametrize("name", ["chat-frontdoor", "dep-0000"])
async def test_a_deployment_is_found_by_name_and_by_id(start: Start, name: str) -> None:
    status, text, _ = await (await start()).get(f"/api/v1/deployments/{name}")
    assert status == 200
    assert decode(DeploymentView, json.loads(text)).deployment.id == "dep-0000"


async def test_history_is_the_last_day_unless_asked_for_less(start: Start) -> None:
    site = await start()
    day = json.loads((await site.get("/api/v1/deployments/chat-frontdoor/history"))[1])["points"]
    path = f"/api/v1/deployments/chat-frontdoor/history?since={NOW - 600}"
    minutes = json.loads((await site.get(path))[1])["points"]
    assert len(day) == 1440
    assert len(minutes) == 10
    assert decode(HistoryPoint, minutes[-1]).at == NOW - 60


async def test_decisions_come_newest_first_and_at_an_instant_the_one_in_force(start: Start) -> None:
    site = await start()
    path = f"/api/v1/decisions?deployment=chat-frontdoor&at={NOW - 3600}&limit=2"
    found = json.loads((await site.get(path))[1])["decisions"]
    assert len(found) == 2
    assert NOW - 3600 >= found[0]["at"] > found[1]["at"]
    latest = json.loads((await site.get("/api/v1/decisions?limit=3"))[1])["decisions"]
    assert len(latest) == 3


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/deployments/nobody", 404, "not_found"),
        ("/api/v1/decisions?deployment=nobody", 404, "not_found"),
        ("/api/v1/decisions?deployment=chat-frontdoor&limit=0", 400, "bad_query"),
        ("/api/v1/decisions?deployment=chat-frontdoor&limit=99999999999", 400, "bad_query"),
        ("/api/v1/decisions?deployment=chat-frontdoor&at=nan", 400, "bad_query"),
        ("/api/v1/deployments/chat-frontdoor/history?since=noon", 400, "bad_query"),
        ("/api/v1/costs?month=2026-13", 400, "bad_query"),
        ("/api/v1/uptimes?month=now", 400, "bad_query"),
        ("/api/v2/status", 404, "not_found"),
        ("/static/../server.py", 404, "not_found"),
        ("/static/%2e%2e%2fserver.py", 404, "not_found"),
    ],
)
async def test_what_cannot_be_answered_is_refused_in_one_form(
    start: Start, path: str, status: int, code: str
) -> None:
    got, text, _ = await (await start()).get(path)
    assert got == status
    assert json.loads(text)["error"]["code"] == code


async def test_a_wrong_method_names_the_right_ones(start: Start) -> None:
    site = await start()
    async with site.client.put(f"{site.url}/api/v1/status") as got:
        assert got.status == 405
        assert "GET" in got.headers["Allow"]


async def test_before_the_first_picture_the_api_says_starting_and_the_page_waits(
    start: Start,
) -> None:
    console = FakeConsole()
    console.picture = None
    site = await start(console)
    status, text, headers = await site.get("/api/v1/status")
    assert (status, json.loads(text)["error"]["code"]) == (503, "starting")
    assert headers["Retry-After"] == "5"
    status, text, _ = await site.get("/")
    assert status == 200
    assert "first look" in text


async def test_costs_alerts_and_silences_are_listed(start: Start) -> None:
    site = await start()
    assert json.loads((await site.get("/api/v1/costs?month=2026-11"))[1])["rows"][0]["cost"]
    reports = json.loads((await site.get("/api/v1/uptimes?month=2026-10"))[1])["rows"]
    assert reports[0]["report"]["month"] == "2026-10"
    alerts = json.loads((await site.get("/api/v1/alerts"))[1])["alerts"]
    assert {alert["name"] for alert in alerts} == {"NeevDeploymentFailed", "NeevWatchdog"}
    assert json.loads((await site.get("/api/v1/silences"))[1])["silences"][0]["id"] == "s-1"


async def test_a_number_that_json_lacks_becomes_null(start: Start) -> None:
    console = FakeConsole()
    console.costs = lambda *, month: [{"cost": float("nan"), "more": [float("inf")]}]  # type: ignore[method-assign]  # one odd answer
    site = await start(console)
    rows = json.loads((await site.get("/api/v1/costs"))[1])["rows"]
    assert rows == [{"cost": None, "more": [None]}]


async def test_requests_are_counted_by_kind_and_code(start: Start) -> None:
    site = await start()
    await site.get("/api/v1/status")
    await site.get("/nothing/here")
    await site.post(PAUSE, token=None)
    counted = "neevscale_http_requests_total"
    assert site.meter.value(counted, "api", "200") == 1
    assert site.meter.value(counted, "other", "404") == 1
    assert site.meter.value(counted, "action", "401") == 1

"""The HTTP API over a real local server: what it reads, what it changes, whom it refuses."""

import json
from collections.abc import AsyncIterator

import pytest
from helpers_web import TOKEN, FakeConsole
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


async def test_every_order_reaches_the_daemon(start: Start) -> None:
    site = await start()
    one = "/api/v1/deployments/dep-0000"
    assert (await site.post(f"{one}/pause", {"reason": "load test", "by": "asha"}))[0] == 200
    order = {"replicas": 3, "seconds": 7200, "by": "ravi", "reason": "launch"}
    assert (await site.post(f"{one}/override", order))[0] == 200
    assert (await site.post(f"{one}/resume", {"by": "asha"}))[0] == 200
    place = {"address": "new.x:443", "by": "ravi", "reason": "announced"}
    assert (await site.post(f"{one}/accept-endpoint", place))[0] == 200
    assert site.console.calls == [
        ("pause", "chat-frontdoor", "asha", "load test"),
        ("override", "chat-frontdoor", "3", "7200.0", "ravi"),
        ("resume", "chat-frontdoor", "asha"),
        ("accept_endpoint", "chat-frontdoor", "new.x:443", "ravi", "announced"),
    ]


async def test_what_the_daemon_denies_is_told_in_its_words(start: Start) -> None:
    site = await start()
    path = "/api/v1/deployments/chat-frontdoor/override"
    status, body = await site.post(path, {"replicas": 60, "seconds": 60})
    assert status == 409
    assert "above max" in str(body["error"])


@pytest.mark.parametrize(
    "body",
    [
        {"replicas": "3", "seconds": 60},
        {"replicas": True, "seconds": 60},
        {"replicas": 0, "seconds": 60},
        {"replicas": 3},
        {"replicas": 3, "seconds": -1},
        {"replicas": 3, "seconds": 1e12},
        {"replicas": 3, "seconds": 60, "reason": "x" * 201},
        {"replicas": 3, "seconds": 60, "colour": "red"},
        [3],
    ],
)
async def test_a_wrong_field_is_named_and_changes_nothing(start: Start, body: object) -> None:
    site = await start()
    status, answer = await site.post("/api/v1/deployments/chat-frontdoor/override", body)
    assert status == 400
    assert "message" in dict(answer["error"])  # type: ignore[call-overload]  # an object
    assert site.console.calls == []


async def test_silences_are_made_and_ended(start: Start) -> None:
    site = await start()
    wish = {"matchers": ["alertname=NeevFlapping"], "seconds": 3600, "by": "asha"}
    assert await site.post("/api/v1/silences", wish) == (200, {"id": "s-2"})
    headers = {"Authorization": f"Bearer {TOKEN}"}
    for identity, wanted in (("s-1", 200), ("s-9", 409)):
        url = f"{site.url}/api/v1/silences/{identity}"
        async with site.client.delete(url, headers=headers) as got:
            assert got.status == wanted


async def test_a_test_alert_names_its_event(start: Start) -> None:
    site = await start()
    assert (await site.post("/api/v1/alerts/test", {"event": "trigger"}))[0] == 200
    assert (await site.post("/api/v1/alerts/test", {"event": "explode"}))[0] == 400


async def test_a_reload_that_fails_keeps_the_old_and_says_why(start: Start) -> None:
    site = await start()
    assert await site.post("/-/reload") == (200, {"reloaded": True, "changed": "nothing changed"})
    site.console.reload_fault = "neevscale.yaml line 3: unknown key 'mod'; did you mean 'mode'?"
    status, body = await site.post("/-/reload")
    assert status == 500
    assert "did you mean" in str(body["error"])
    assert site.meter.reload_ok is False
    _, text, _ = await site.get("/metrics")
    assert "neevscale_config_last_reload_successful 0" in text


async def test_probes_by_hand_are_limited_each_minute(start: Start) -> None:
    site = await start(probes_per_minute=2)
    path = "/api/v1/deployments/chat-frontdoor/probe"
    codes = [(await site.post(path, {"debug": True}))[0] for _ in range(3)]
    assert codes == [200, 200, 429]
    assert (await site.post("/api/v1/deployments/code-assist/probe"))[0] == 200


async def test_probe_is_asked_as_a_blackbox_exporter_is(start: Start) -> None:
    site = await start()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    status, text, _ = await site.get("/probe?deployment=chat-frontdoor&debug=true", **headers)
    assert status == 200
    assert json.loads(text)["ok"] is True
    assert site.console.calls == [("probe", "chat-frontdoor", "True")]
    assert (await site.get("/probe?deployment=chat-frontdoor"))[0] == 401


async def test_changes_are_off_without_a_token_and_say_how_to_turn_them_on(start: Start) -> None:
    for nothing in (None, lambda: None, lambda: ""):
        site = await start(admin_token=nothing)
        status, body = await site.post(PAUSE, token=None)
        assert status == 403
        assert "web.admin_token_file" in str(body["error"])
        assert site.console.calls == []


@pytest.mark.parametrize("token", [None, "", "wrong", "adm-secret-toke", "é"])
async def test_a_change_needs_the_token(start: Start, token: str | None) -> None:
    site = await start()
    status, body = await site.post(PAUSE, token=token)
    assert status == 401
    assert TOKEN not in json.dumps(body)
    assert site.console.calls == []


async def test_a_rotated_token_counts_at_once(start: Start) -> None:
    tokens = ["first"]
    site = await start(admin_token=lambda: tokens[-1])
    assert (await site.post(PAUSE, token="first"))[0] == 200
    tokens.append("second")
    assert (await site.post(PAUSE, token="first"))[0] == 401
    assert (await site.post(PAUSE, token="second"))[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_another_site_changes_nothing_even_with_the_token(
    start: Start, headers: dict[str, str]
) -> None:
    site = await start()
    status, body = await site.post(PAUSE, **headers)
    assert status == 403
    assert "cross_site" in str(body["error"])
    assert site.console.calls == []


async def test_the_page_behind_a_proxy_may_change_things(start: Start) -> None:
    site = await start(external_url="https://scale.example/neev/", route_prefix="/")
    origin = {"Origin": "https://scale.example", "Sec-Fetch-Site": "same-origin"}
    assert (await site.post(PAUSE, **origin))[0] == 200


async def test_a_form_of_another_page_is_no_change(start: Start) -> None:
    """A cross-site form can send no JSON content type without asking first."""
    site = await start()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with site.client.post(site.url + PAUSE, data={"by": "evil"}, headers=headers) as got:
        assert got.status == 415
    assert site.console.calls == []


async def test_a_body_beyond_the_limit_is_refused(start: Start) -> None:
    site = await start()
    status, body = await site.post(PAUSE, {"reason": "x" * 70_000})
    assert status == 413
    assert "too_large" in str(body["error"])


async def test_requests_are_counted_by_kind_and_code(start: Start) -> None:
    site = await start()
    await site.get("/api/v1/status")
    await site.get("/nothing/here")
    await site.post(PAUSE, token=None)
    counted = "neevscale_http_requests_total"
    assert site.meter.value(counted, "api", "200") == 1
    assert site.meter.value(counted, "other", "404") == 1
    assert site.meter.value(counted, "action", "401") == 1

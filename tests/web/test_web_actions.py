"""The changing half of the HTTP API: what it passes on, and whom it refuses."""

import json
from collections.abc import AsyncIterator

import pytest
from helpers_web import TOKEN
from helpers_web_site import Start, sites

PAUSE = "/api/v1/deployments/chat-frontdoor/pause"


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with sites() as begin:
        yield begin


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

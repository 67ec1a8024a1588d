"""What the control plane may do to us, and what must come of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from helpers_cloud import (
    BASE,
    Fault,
    Platform,
    body,
    client_for,
    config_for,
    deployment_json,
    flood,
    hang,
    hang_in_body,
    reset,
    serving,
    status,
    truncate,
)
from helpers_tls import certificates

from autoscaler.clock import SystemClock
from autoscaler.cloud import CloudClient, Malformed, Rejected, Unavailable, reading
from autoscaler.ports import CloudRefused, CloudUnknown

TRANSIENT = {
    "500": status(500),
    "502 with HTML": body("<html>bad gateway</html>", "text/html", 502),
    "503": status(503),
    "429 without a word": status(429),
    "408": status(408),
    "truncated": truncate,
    "reset": reset,
}
BROKEN = {
    "HTML": body("<html>maintenance</html>", "text/html"),
    "no JSON": body('{"items": ['),
    "a number": body("7"),
    "a list in the wrong place": body('{"items": {"a": 1}}'),
    "deep nesting": body("[" * 100_000),
    "not UTF-8": body(b'{"items": ["\xff\xfe"]}'),
    "flood": flood,
}


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
async def test_a_reading_is_repeated_until_it_succeeds(fault: Fault) -> None:
    async with client_for(Platform(faults=[fault, fault])) as cloud:
        assert (await cloud.list()).complete


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
async def test_a_change_is_sent_once_and_its_outcome_called_unknown(fault: Fault) -> None:
    platform = Platform(faults=[fault])
    async with client_for(platform) as cloud:
        with pytest.raises(CloudUnknown, match="scale deployment dep-1 to 3"):
            await cloud.scale("dep-1", 3)
    assert len(platform.requests) == 1


async def test_a_connection_that_breaks_repeats_no_change_also_when_it_is_an_old_one() -> None:
    """aiohttp would send PUT and DELETE a second time by itself."""
    platform = Platform()
    async with client_for(platform) as cloud:
        await cloud.list()
        platform.faults = [reset, reset]
        with pytest.raises(CloudUnknown, match="connection broke"):
            await cloud.scale("dep-1", 3)
        with pytest.raises(CloudUnknown, match="connection broke"):
            await cloud.delete("dep-1")
    assert [method for method, _ in platform.requests] == ["GET", "PUT", "DELETE"]


@pytest.mark.parametrize("fault", [hang, hang_in_body], ids=["headers", "body"])
async def test_a_hang_ends_at_the_deadline_and_is_metered_as_timeout(fault: Fault) -> None:
    metered: list[tuple[str, str]] = []
    platform = Platform(faults=[fault])
    async with client_for(
        platform, deadline_seconds=0.05, meter=lambda op, code, _: metered.append((op, code))
    ) as cloud:
        with pytest.raises(Unavailable, match=r"within 0\.05 s"):
            await cloud.scale("dep-1", 3)
    assert metered == [("scale", "timeout")]


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
async def test_an_answer_that_is_none_is_malformed_and_not_repeated(fault: Fault) -> None:
    platform = Platform(faults=[fault])
    async with client_for(platform) as cloud:
        with pytest.raises(Malformed):
            await cloud.list()
    assert len(platform.requests) == 1


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
async def test_a_scale_answer_that_is_none_is_accepted_or_unknown(fault: Fault) -> None:
    async with client_for(Platform(faults=[fault])) as cloud:
        try:
            assert await cloud.scale("dep-1", 3) is None
        except CloudUnknown:
            assert fault is flood


@pytest.mark.parametrize("code", [400, 403, 404, 409, 422])
async def test_a_refusal_is_for_good(code: int) -> None:
    platform = Platform(faults=[status(code, "invalid_request")])
    async with client_for(platform) as cloud:
        with pytest.raises(CloudRefused, match=f"HTTP {code}"):
            await cloud.scale("dep-1", 3)
    assert len(platform.requests) == 1


async def test_readings_give_up_and_say_what_the_last_answer_was() -> None:
    platform = Platform(faults=[status(503)] * 20)
    async with client_for(platform) as cloud:
        with pytest.raises(Unavailable, match="list deployments: HTTP 503"):
            await cloud.list()
    assert len(platform.requests) == reading.MOST_ATTEMPTS


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_server_that_asks_for_more_time_than_there_is_is_not_asked_again(
    form: str,
) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    retry = {"seconds": "600", "date": later}[form]
    platform = Platform(faults=[status(429, "slow_down", Retry_After=retry)] * 2)
    async with client_for(platform) as cloud:
        with pytest.raises(Unavailable):
            await cloud.list()
    assert len(platform.requests) == 1


@pytest.mark.parametrize("retry", ["0", "-1", "soon", "Mon, 01 Jan 2001 00:00:00 GMT"])
async def test_a_strange_or_past_retry_after_delays_nothing(retry: str) -> None:
    platform = Platform(faults=[status(503, Retry_After=retry)])
    async with client_for(platform) as cloud:
        assert (await cloud.list()).complete


async def test_a_redirect_is_not_followed_and_no_credential_travels() -> None:
    thief = Platform()
    async with serving(thief) as elsewhere:

        async def redirect(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=307, headers={"Location": f"{elsewhere}{BASE}"})

        async with client_for(Platform(faults=[redirect, redirect])) as cloud:
            with pytest.raises(Malformed, match="not followed"):
                await cloud.list()
            with pytest.raises(CloudUnknown, match="not followed"):
                await cloud.scale("dep-1", 2)
    assert thief.requests == []


async def test_plain_http_to_another_machine_is_never_spoken() -> None:
    config = config_for("http://192.0.2.1")
    async with CloudClient(config, clock=SystemClock()) as cloud:
        with pytest.raises(CloudUnknown, match="https"):
            await cloud.list()


async def test_a_port_that_nobody_listens_on_is_named() -> None:
    config = config_for("http://127.0.0.1:9")
    async with CloudClient(config, clock=SystemClock()) as cloud:
        with pytest.raises(Unavailable, match=r"no connection to 127\.0\.0\.1:9"):
            await cloud.list()


async def test_what_the_server_says_is_cut_and_shows_no_key() -> None:
    said = f'{{"code": "bad", "message": "key pat-nc-{"a" * 40} {"x" * 1000}"}}'
    async with client_for(Platform(faults=[body(said, code=400)])) as cloud:
        with pytest.raises(Rejected) as caught:
            await cloud.scale("dep-1", 3)
    assert "pat-nc-" not in str(caught.value)
    assert len(str(caught.value)) <= 256


async def test_every_request_is_metered_with_its_code() -> None:
    metered: list[tuple[str, str]] = []
    platform = Platform([deployment_json()], faults=[status(500)])
    async with client_for(platform, meter=lambda op, code, _: metered.append((op, code))) as cloud:
        await cloud.list()
        await cloud.get("dep-2")
    assert metered == [("list", "500"), ("list", "200"), ("get", "404")]


@pytest.mark.parametrize(("asked", "low", "high"), [(None, 0, 0.5), (7.0, 7, 7.5), (900.0, 30, 31)])
async def test_the_delay_is_drawn_on_top_of_what_the_server_asks_for(
    asked: float | None, low: float, high: float
) -> None:
    now = asyncio.get_running_loop().time()
    error = Unavailable("busy", retry_after_seconds=asked)
    for _ in range(50):
        delay = reading._Patience(now + 60, 0.5).delay(error)
        assert low <= delay <= high
        assert reading._Patience(now + low, 0.5).delay(error) is False or low == 0


async def test_delays_double_up_to_their_cap_and_nothing_else_is_repeated() -> None:
    patience = reading._Patience(asyncio.get_running_loop().time() + 3600, 0.5)
    longest = [0.5, 1, 2, 4, 8, 8, 8]
    assert all(patience.delay(Unavailable("x")) <= limit for limit in longest)
    assert patience.delay(Malformed("x")) is False


async def test_a_certificate_of_ones_own_is_trusted_only_where_it_is_named(tmp_path: Path) -> None:
    context, authority = certificates(tmp_path)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", Platform().handle)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    try:
        url = str(server.make_url("")).rstrip("/")
        async with CloudClient(config_for(url), clock=SystemClock()) as stranger:
            with pytest.raises(Unavailable, match="certificate is not trusted"):
                await stranger.list()
        trusting = config_for(url, ca_file=authority)
        async with CloudClient(trusting, clock=SystemClock()) as friend:
            assert (await friend.list()).complete
    finally:
        await server.close()

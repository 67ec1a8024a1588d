"""Health, headers, prefixes, and the page as a hostile text meets it."""

import gzip
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
from helpers_web import TOKEN, FakeConsole, meter_at
from helpers_web_fleet import snapshot_of, view_of
from helpers_web_site import Start, sites

from autoscaler.core.words import Mode
from autoscaler.web import WebConfig, WebServer
from autoscaler.web.health import wants_openmetrics
from autoscaler.web.limits import Buckets
from autoscaler.web.server import split_listen

PROMETHEUS_ACCEPT = (
    "application/openmetrics-text;version=1.0.0;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
)


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with sites() as begin:
        yield begin


@pytest.mark.parametrize("path", ["/-/healthy", "/livez", "/healthz"])
async def test_liveness_follows_the_loops(start: Start, path: str) -> None:
    site = await start()
    assert (await site.get(path))[:2] == (200, "OK\n")
    site.console.healthy = (False, "the decide loop stands since 40 s")
    status, text, _ = await site.get(f"{path}?verbose")
    assert status == 503
    assert "decide loop" in text


@pytest.mark.parametrize("path", ["/-/ready", "/readyz"])
async def test_readiness_follows_the_daemon_and_liveness_does_not(start: Start, path: str) -> None:
    site = await start()
    site.console.ready = (False, "shutting down")
    status, text, _ = await site.get(path)
    assert (status, text) == (503, "not ready: shutting down\n")
    assert (await site.get("/livez"))[0] == 200


async def test_every_answer_carries_the_security_headers(start: Start) -> None:
    site = await start()
    for path in ("/", "/metrics", "/api/v1/status", "/nothing", "/static/app.js"):
        _, _, headers = await site.get(path)
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (PROMETHEUS_ACCEPT, True),
        ("text/plain;version=0.0.4", False),
        ("", False),
        ("*/*", False),
        ("application/openmetrics-text;q=0.2,text/plain;q=0.5", False),
        ("application/openmetrics-text;q=x,text/plain;q=0.5", True),
    ],
)
def test_openmetrics_is_given_to_who_prefers_it(accept: str, *, wanted: bool) -> None:
    assert wants_openmetrics(accept) is wanted


async def test_metrics_are_packed_for_who_can_unpack(start: Start) -> None:
    site = await start()
    async with aiohttp.ClientSession(auto_decompress=False) as raw:
        headers = {"Accept-Encoding": "gzip", "Accept": PROMETHEUS_ACCEPT}
        async with raw.get(f"{site.url}/metrics", headers=headers) as got:
            assert got.headers["Content-Encoding"] == "gzip"
            assert got.headers["Content-Type"].startswith("application/openmetrics-text")
            packed = gzip.decompress(await got.read())
    status, text, plain_headers = await site.get("/metrics", **{"Accept-Encoding": "identity"})
    assert status == 200
    assert plain_headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert packed.endswith(b"# EOF\n")
    assert "neevscale_deployment_replicas" in text


async def test_everything_lives_under_the_prefix_and_the_root_leads_there(start: Start) -> None:
    site = await start(external_url="https://scale.example/neev/")
    root = site.url.removesuffix("/neev")
    assert site.url.endswith("/neev")
    assert (await site.get("/metrics"))[0] == 200
    status, text, _ = await site.get("/")
    assert status == 200
    assert 'href="/neev/static/app.css"' in text
    async with site.client.get(f"{root}/", allow_redirects=False) as got:
        assert (got.status, got.headers["Location"]) == (302, "/neev/")
    async with site.client.get(f"{root}/metrics") as got:
        assert got.status == 404


async def test_a_proxy_that_strips_the_prefix_still_gets_working_links(start: Start) -> None:
    site = await start(external_url="https://scale.example/neev/", route_prefix="/")
    _, text, _ = await site.get("/")
    assert 'href="/neev/static/app.css"' in text


async def test_the_live_part_is_made_once_for_each_picture(start: Start) -> None:
    site = await start()
    _, _, headers = await site.get("/page/fleet")
    known = {"If-None-Match": headers["ETag"]}
    assert (await site.get("/page/fleet", **known))[0] == 304
    assert site.console.picture is not None
    site.console.picture = replace(site.console.picture, at=site.console.picture.at + 15)
    assert (await site.get("/page/fleet", **known))[0] == 200


async def test_a_static_file_is_checked_and_not_sent_twice(start: Start) -> None:
    site = await start()
    _, _, headers = await site.get("/static/app.js")
    assert (await site.get("/static/app.js", **{"If-None-Match": headers["ETag"]}))[0] == 304
    assert (await site.get("/static/nothing.js"))[0] == 404


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\x00\x1b[31m\u202e\udcff&\"'"


async def test_hostile_names_are_shown_as_text(start: Start) -> None:
    view = view_of(0, name=HOSTILE)
    deployment = replace(view.deployment, id=f'"><b>{HOSTILE}', model_name=HOSTILE, region=HOSTILE)
    assert view.decision is not None
    decision = replace(view.decision, because=HOSTILE * 50)
    hostile = replace(view, deployment=deployment, decision=decision)
    snapshot = replace(snapshot_of(1), deployments=(hostile,), warnings=(HOSTILE,))
    site = await start(FakeConsole(snapshot))
    status, text, _ = await site.get("/")
    assert status == 200
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "\x1b" not in text
    assert "\x00" not in text
    assert "\u202e" not in text
    assert "&lt;script&gt;" in text
    assert (await site.get("/api/v1/deployments"))[0] == 200
    assert (await site.get("/metrics"))[0] == 200


async def test_ten_megabytes_of_text_do_not_reach_the_page(start: Start) -> None:
    view = view_of(0, name="n" * 10_000_000)
    snapshot = replace(snapshot_of(1), deployments=(view,), warnings=("w" * 10_000_000,))
    site = await start(FakeConsole(snapshot))
    _, text, _ = await site.get("/")
    assert len(text) < 100_000


async def test_advisory_mode_says_that_nothing_will_be_scaled_and_how_to_switch(
    start: Start,
) -> None:
    site = await start(FakeConsole(snapshot_of(7, mode=Mode.ADVISORY)))
    _, text, _ = await site.get("/")
    assert "Advisory mode: nothing will be scaled" in text
    assert "would have done this by now" in text
    assert "mode: active" in text
    assert "max_replicas" in text
    _, active, _ = await (await start()).get("/")
    assert "Advisory mode" not in active


async def test_the_page_of_an_empty_project_says_so(start: Start) -> None:
    site = await start(FakeConsole(replace(snapshot_of(1), deployments=())))
    _, text, _ = await site.get("/")
    assert "No deployment is listed" in text


async def test_a_taken_address_is_an_error_and_leaves_nothing_open() -> None:
    first = WebServer(FakeConsole(), meter_at(), WebConfig(listen="127.0.0.1:0"))
    await first.start()
    try:
        taken = WebConfig(listen=f"127.0.0.1:{first.port}")
        second = WebServer(FakeConsole(), meter_at(), taken)
        with pytest.raises(OSError, match="in use"):
            await second.start()
        await second.stop()
    finally:
        await first.stop()


@pytest.mark.parametrize(
    ("listen", "wanted"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        (":9464", (None, 9464)),
        ("[::1]:80", ("::1", 80)),
    ],
)
def test_listen_is_a_host_and_a_port(listen: str, wanted: tuple[str | None, int]) -> None:
    assert split_listen(listen) == wanted


@pytest.mark.parametrize("listen", ["9464", "host:", "host:port", "host:99999", ""])
def test_a_wrong_listen_is_refused_with_an_example(listen: str) -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:9464"):
        split_listen(listen)


def test_a_bucket_refills_with_time() -> None:
    now = [0.0]
    buckets = Buckets(per_second=0.5, burst=2, clock=lambda: now[0], max_keys=2)
    assert [buckets.wait_seconds("a") for _ in range(3)] == [0.0, 0.0, 2.0]
    now[0] = 2.0
    assert buckets.wait_seconds("a") == 0.0
    assert buckets.wait_seconds("b") == buckets.wait_seconds("c") == 0.0


async def test_the_token_is_in_no_page_and_no_metric(start: Start) -> None:
    site = await start()
    for path in ("/", "/metrics", "/api/v1/status"):
        assert TOKEN not in (await site.get(path))[1]

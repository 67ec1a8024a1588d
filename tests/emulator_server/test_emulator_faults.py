"""Every kind of fault as a client sees it, switched on over HTTP while the platform runs."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest
from helpers_emulator import ONE, VIRTUAL_START, Client, platform

from autoscaler.clock import LoopClock, SystemClock, run_virtual
from autoscaler.emulator.faults import Fault, FaultKind
from autoscaler.emulator.scenario import DeploymentPlan, Scenario

STREAM: dict[str, Any] = {"stream": True, "max_tokens": 6, "ignore_eos": True}
TWO = Scenario(deployments=(DeploymentPlan(name="chat-a"), DeploymentPlan(name="chat-b")))


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with platform(TWO, SystemClock()) as client:
        yield client


def virtually(story: Callable[[Client], Awaitable[None]]) -> None:
    async def run() -> None:
        async with platform(ONE, LoopClock(VIRTUAL_START)) as client:
            await story(client)

    run_virtual(run())


async def test_a_status_comes_with_either_form_of_retry_after(client: Client) -> None:
    name = await client.fault(kind="status", status=429, retry_after="seconds")
    reply = await client.get(client.deployments)
    assert (reply.status, reply.headers["Retry-After"]) == (429, "5")
    assert set(reply.body) == {"code", "message"}
    await client.fault(id=name, kind="status", status=503, retry_after="date")
    reply = await client.get(client.deployments)
    assert isinstance(parsedate_to_datetime(reply.headers["Retry-After"]), datetime)
    chat = await client.chat("chat-a")
    assert (chat.status, chat.body["error"]["type"]) == (503, "InternalServerError")


async def test_a_fault_can_be_limited_listed_and_removed(client: Client) -> None:
    faults = f"{client.emulator.platform.origin}/emulator/faults"
    name = await client.fault(kind="status", deployment="chat-b", operations=["get"])
    assert (await client.get(client.deployment("chat-a"))).status == 200
    assert (await client.get(client.deployment("chat-b"))).status == 503
    assert (await client.get(client.deployments)).status == 200
    assert [fault["id"] for fault in (await client.get(faults)).body["faults"]] == [name]
    assert (await client.call("DELETE", f"{faults}/{name}")).status == 204
    assert (await client.get(client.deployment("chat-b"))).status == 200
    assert (await client.call("DELETE", f"{faults}/{name}")).status == 404
    await client.fault(kind="status")
    assert (await client.call("DELETE", faults)).status == 204
    assert (await client.get(client.deployments)).status == 200


async def test_a_fault_that_makes_no_sense_is_refused(client: Client) -> None:
    url = f"{client.emulator.platform.origin}/emulator/faults"
    reply = await client.call("POST", url, json={"kind": "status", "probability": 2})
    assert (reply.status, "probability" in reply.body["message"]) == (400, True)


async def test_a_scenario_brings_its_faults_along() -> None:
    scenario = Scenario(faults=(Fault(kind=FaultKind.STATUS, status=500),))
    async with platform(scenario, SystemClock()) as client:
        assert (await client.get(client.deployments)).status == 500


@pytest.mark.parametrize("kind", ["refused", "reset"])
async def test_a_broken_connection_gives_no_answer(client: Client, kind: str) -> None:
    await client.fault(kind=kind, operations=["get", "chat"])
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.get(client.deployment("chat-a"))
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.chat("chat-a")
    requests = client.emulator.truth().requests
    assert (requests["get 0"], requests["chat 0"]) == (1, 1)


@pytest.mark.parametrize("kind", ["hang", "slow"])
def test_a_hang_closes_and_a_slow_call_answers(kind: str) -> None:
    async def story(client: Client) -> None:
        await client.fault(kind=kind, seconds=40, operations=["list"])
        start = client.clock.monotonic()
        if kind == "slow":
            assert (await client.get(client.deployments)).status == 200
        else:
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await client.get(client.deployments)
        assert client.clock.monotonic() - start == pytest.approx(40.0, abs=0.01)

    virtually(story)


async def test_bodies_are_spoiled(client: Client) -> None:
    name = await client.fault(kind="truncated")
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.get(client.deployments)
    await client.fault(id=name, kind="html", status=502)
    reply = await client.get(client.deployments)
    assert (reply.status, reply.headers["Content-Type"]) == (502, "text/html")
    await client.fault(id=name, kind="hostile_json")
    assert (await client.get(client.deployments)).body["items"][0] is None
    await client.fault(id=name, kind="wrong_content_type")
    reply = await client.get(client.deployments)
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert len(reply.body["items"]) == 2


async def test_an_expired_token_is_401_whatever_the_token(client: Client) -> None:
    await client.fault(kind="expired_token")
    reply = await client.get(client.deployments)
    assert (reply.status, reply.body["code"]) == (401, "unauthorized")


async def test_lists_lie(client: Client) -> None:
    name = await client.fault(kind="short_list", count=1)
    body = (await client.get(client.deployments)).body
    assert (len(body["items"]), body["pagination"]["total_items"]) == (1, 1)
    await client.fault(id=name, kind="wrong_totals", count=30)
    body = (await client.get(client.deployments)).body
    assert (len(body["items"]), body["pagination"]["total_pages"]) == (2, 2)
    await client.fault(id=name, kind="duplicated_items")
    url = f"{client.deployments}?limit=1&page="
    names = [[i["name"] for i in (await client.get(url + n)).body["items"]] for n in "12"]
    assert names == [["chat-a", "chat-a"], ["chat-a", "chat-b", "chat-b"]]


async def test_a_status_is_forced_on_one_deployment_in_lists_and_reads(client: Client) -> None:
    await client.fault(kind="forced_status", word="upgrading", deployment="chat-b")
    items = (await client.get(client.deployments)).body["items"]
    assert [item["status"] for item in items] == ["ready", "upgrading"]
    assert (await client.view("chat-b"))["status"] == "upgrading"
    assert client.emulator.truth().deployment("chat-b").status == "ready"


def test_an_ignored_scale_call_changes_nothing_and_a_slow_one_comes_later() -> None:
    async def story(client: Client) -> None:
        name = await client.fault(kind="scale_ignored")
        assert (await client.scale("chat-a", 4)).body["status"] == "ready"
        await client.clock.sleep(60.0)
        assert (await client.view("chat-a"))["replicas"] == 2
        await client.fault(id=name, kind="scale_slow", seconds=100)
        assert (await client.scale("chat-a", 4)).body["status"] == "ready"
        await client.clock.sleep(90.0)
        assert (await client.view("chat-a"))["status"] == "ready"
        await client.clock.sleep(20.0)
        assert (await client.view("chat-a"))["status"] == "initializing"
        await client.clock.sleep(20.0)
        assert (await client.view("chat-a"))["replicas"] == 4
        calls = client.emulator.truth().scale_calls
        assert [(call.replicas, call.applied) for call in calls] == [(4, False), (4, True)]

    virtually(story)


@pytest.mark.parametrize(
    ("kind", "applied", "http_status"),
    [("status", False, 503), ("reset", True, 0), ("hostile_json", True, 200)],
)
async def test_the_ledger_knows_whether_a_struck_scale_call_was_carried_out(
    client: Client,
    kind: str,
    applied: bool,  # noqa: FBT001  # a column of the table
    http_status: int,
) -> None:
    await client.fault(kind=kind, operations=["scale"])
    if http_status:
        await client.scale("chat-a", 3)
    else:
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.scale("chat-a", 3)
    truth = client.emulator.truth()
    (call,) = truth.scale_calls
    assert (call.replicas, call.applied, call.http_status) == (3, applied, http_status)
    assert truth.deployment("chat-a").target == (3 if applied else 1)


def contents(events: list[Any]) -> list[str]:
    """Texts of a stream's token chunks."""
    chunks = [e for e in events if isinstance(e, dict) and e.get("choices")]
    return [text for e in chunks if (text := e["choices"][0]["delta"].get("content"))]


def test_a_stream_hangs_before_or_after_tokens_and_closes() -> None:
    async def story(client: Client) -> None:
        for kind in ("hang_first_token", "hang_mid_stream"):
            await client.fault(id="hang", kind=kind, seconds=50, count=2)
            start = client.clock.monotonic()
            with pytest.raises(aiohttp.ClientPayloadError):
                await client.chat("chat-a", **STREAM)
            assert client.clock.monotonic() - start == pytest.approx(50.0, abs=0.1)

    virtually(story)


async def test_a_stream_is_cut_in_the_middle_or_reset(client: Client) -> None:
    await client.fault(id="cut", kind="truncated")
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.chat("chat-a", **STREAM)


async def test_an_error_event_ends_the_stream(client: Client) -> None:
    await client.fault(kind="error_event", count=2)
    reply = await client.chat("chat-a", **STREAM)
    assert (reply.status, len(contents(reply.events))) == (200, 2)
    assert reply.events[-2]["error"]["code"] == 500
    assert reply.events[-1] == "[DONE]"


async def test_streams_end_without_done_or_without_tokens(client: Client) -> None:
    await client.fault(id="end", kind="no_done")
    events = (await client.chat("chat-a", **STREAM)).events
    assert (len(contents(events)), "[DONE]" in events) == (6, False)
    await client.fault(id="end", kind="empty_stream")
    events = (await client.chat("chat-a", **STREAM)).events
    assert (contents(events), len(events), events[-1]) == ([], 2, "[DONE]")


async def test_text_and_model_can_be_wrong(client: Client) -> None:
    await client.fault(kind="degenerate_text", word="!")
    await client.fault(kind="wrong_model", word="other/model")
    events = (await client.chat("chat-a", **STREAM)).events
    assert contents(events) == ["!"] * 6
    assert {event["model"] for event in events[:-1]} == {"other/model"}
    assert (await client.chat("chat-a", max_tokens=1)).body["model"] == "other/model"


async def test_a_stream_can_bear_the_wrong_type_or_hostile_events(client: Client) -> None:
    await client.fault(kind="wrong_content_type")
    await client.fault(kind="hostile_json")
    reply = await client.chat("chat-a", **STREAM)
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert reply.events[0]["choices"] == "none"


async def test_an_event_can_be_huge(client: Client) -> None:
    await client.fault(kind="huge_event", count=2_000_000)
    reply = await client.chat("chat-a", **STREAM)
    assert max(len(line) for line in reply.raw.split(b"\n")) > 2_000_000


async def reads(client: Client) -> list[tuple[float, int]]:
    """(seconds, tokens so far) of each read of a stream of 100 tokens."""
    start, text, seen = client.clock.monotonic(), b"", []
    key = client.emulator.connection.inference_key
    async with client.session.post(
        f"{client.emulator.endpoint_url('chat-a')}/chat/completions",
        json=STREAM | {"max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]},
        headers={"Authorization": f"Bearer {key}"},
    ) as response:
        async for read in response.content.iter_any():
            text += read
            seen.append((client.clock.monotonic() - start, text.count(b'"token_ids"')))
    assert json.loads(text.split(b"\n\n")[0].removeprefix(b"data: "))
    return seen


def test_a_gateway_can_bundle_or_hold_back_the_chunks() -> None:
    async def story(client: Client) -> None:
        await client.fault(id="gateway", kind="merged", seconds=0.25)
        merged = await reads(client)
        assert [round(at, 3) for at, _ in merged[:2]] == [0.25, 0.5]
        assert 30 < merged[0][1] < 40
        await client.fault(id="gateway", kind="buffered")
        held = await reads(client)
        assert held[0][0] == pytest.approx(0.69, abs=0.02)
        assert held[-1][1] == 100

    virtually(story)

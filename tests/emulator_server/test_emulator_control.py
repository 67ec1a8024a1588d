"""The emulated control plane: what it shows, what it refuses, how things change over time."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from helpers_emulator import ONE, VIRTUAL_START, Client, platform

from autoscaler.clock import LoopClock, SystemClock, run_virtual
from autoscaler.emulator.scenario import Deed, DeploymentPlan, Event, Rules, Scenario

ORDER = {
    "name": "new-one",
    "catalog_id": "meta-llama-Llama-3.1-8B-Instruct",
    "region": "as-south-1",
    "gpu_config_id": "gpu-h100-80g-20cpu-125g",
    "gpu_count": 1,
    "plan_id": "plan-ondemand-gpu-h100-80g-20cpu-125g",
}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with platform(ONE, SystemClock()) as client:
        yield client


def clock() -> LoopClock:
    return LoopClock(VIRTUAL_START)


async def test_a_deployment_bears_every_documented_field(client: Client) -> None:
    reply = await client.get(client.deployments)
    (item,) = reply.body["items"]
    assert item == {
        "id": client.emulator.truth().deployment("chat-a").id,
        "name": "chat-a",
        "project_id": "prj-emulated",
        "model_id": "meta-llama/Llama-3.1-8B-Instruct",
        "model_name": "Llama 3.1 8B Instruct",
        "region": "as-south-1",
        "status": "ready",
        "endpoint_url": client.emulator.endpoint_url("chat-a"),
        "gpu_config_id": "gpu-h100-80g-20cpu-125g",
        "gpu_count": 1,
        "replicas": 2,
        "created_at": item["created_at"],
        "updated_at": item["created_at"],
        "uptime_seconds": item["uptime_seconds"],
    }
    assert datetime.fromisoformat(item["created_at"]).tzinfo == UTC
    assert reply.body["pagination"] == {
        "total_items": 1,
        "total_pages": 1,
        "current_page": 1,
        "items_per_page": 20,
    }


async def test_pages_hold_each_deployment_once() -> None:
    plans = tuple(DeploymentPlan(name=f"chat-{n:02}") for n in range(7))
    async with platform(Scenario(deployments=plans), SystemClock()) as client:
        pages = [
            (await client.get(f"{client.deployments}?page={page}&limit=3")).body
            for page in (1, 2, 3, 4)
        ]
    assert [len(page["items"]) for page in pages] == [3, 3, 1, 0]
    names = [item["name"] for page in pages for item in page["items"]]
    assert names == [plan.name for plan in plans]
    assert {page["pagination"]["total_pages"] for page in pages} == {3}


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=-1", "page=x", "page=", "page=1.5", "limit=0", "limit=101", "page=1&page=2"],
)
async def test_a_bad_page_or_limit_is_a_bad_request(client: Client, query: str) -> None:
    reply = await client.get(f"{client.deployments}?{query}")
    assert (reply.status, reply.body["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("token", ["", "sk-nc-0123456789", "pat-nc-other", "a.b.c", "."])
async def test_a_wrong_token_is_unauthorized(client: Client, token: str) -> None:
    client.token = token
    reply = await client.get(client.deployments)
    assert (reply.status, reply.body["code"]) == (401, "unauthorized")


async def test_the_inference_key_opens_nothing_here(client: Client) -> None:
    client.token = client.emulator.connection.inference_key
    assert (await client.get(client.deployments)).status == 401


async def test_another_project_is_forbidden(client: Client) -> None:
    reply = await client.get(client.deployments.replace("prj-emulated", "prj-other"))
    assert (reply.status, reply.body["code"]) == (403, "forbidden")


async def test_an_unknown_deployment_is_not_found(client: Client) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("PUT", "/scale")):
        url = f"{client.deployments}/dep-none{path}"
        reply = await client.call(method, url, json={"replicas": 2} if path else None)
        assert (reply.status, reply.body["code"]) == (404, "not_found")


async def test_unknown_paths_and_methods_answer_in_the_documents_form(client: Client) -> None:
    missing = await client.get(f"{client.emulator.connection.base_url}/none")
    assert (missing.status, missing.body["code"]) == (404, "not_found")
    wrong = await client.call("PATCH", client.deployments)
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET,POST")


async def test_a_deployed_model_is_null_until_ready_and_serves_then() -> None:
    async with platform(ONE, SystemClock()) as client:
        reply = await client.call("POST", client.deployments, json=ORDER)
        assert reply.status == 201
        assert (reply.body["status"], reply.body["endpoint_url"]) == ("initializing", None)
        assert (reply.body["replicas"], reply.body["uptime_seconds"]) == (0, 0)


def test_a_deployment_becomes_ready_after_its_cold_start() -> None:
    async def story() -> None:
        scenario = replace(ONE, rules=Rules(cold_start_seconds=90.0))
        async with platform(scenario, clock()) as client:
            await client.call("POST", client.deployments, json=ORDER)
            await client.clock.sleep(89.0)
            assert (await client.view("new-one"))["status"] == "initializing"
            await client.clock.sleep(11.0)
            view = await client.view("new-one")
            assert (view["status"], view["replicas"], view["uptime_seconds"]) == ("ready", 1, 10)
            assert view["endpoint_url"] == client.emulator.endpoint_url("new-one")
            assert (await client.chat("new-one", max_tokens=2)).status == 200

    run_virtual(story())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"name": "Upper"}, "name"),
        ({"name": "ab"}, "name"),
        ({"name": "a" * 31}, "name"),
        ({"name": "ends-"}, "name"),
        ({"name": "newline\n"}, "name"),
        ({"name": "chat-a"}, "taken"),
        ({"name": 7}, "name"),
        ({"catalog_id": "meta-llama/Llama"}, "catalog_id"),
        ({"catalog_id": "unknown"}, "catalog_id"),
        ({"region": "eu-west-9"}, "region"),
        ({"gpu_config_id": "gpu-none"}, "gpu_config_id"),
        ({"gpu_count": 0}, "gpu_count"),
        ({"gpu_count": 9}, "gpu_count"),
        ({"gpu_count": True}, "gpu_count"),
        ({"plan_id": "plan-other"}, "plan_id"),
        ({"config": []}, "config"),
        ({"config": {"max_num_seqs": 0}}, "max_num_seqs"),
        ({"config": {"max_model_len": "long"}}, "max_model_len"),
        ({"config": {"extra_args": "--x"}}, "extra_args"),
    ],
    ids=str,
)
async def test_a_deploy_call_outside_the_document_is_refused(
    client: Client, change: dict[str, Any], named: str
) -> None:
    reply = await client.call("POST", client.deployments, json=ORDER | change)
    assert (reply.status, reply.body["code"]) == (400, "invalid_request")
    assert named in reply.body["message"]


@pytest.mark.parametrize("missing", sorted(ORDER))
async def test_every_required_field_is_required(client: Client, missing: str) -> None:
    order = {key: value for key, value in ORDER.items() if key != missing}
    reply = await client.call("POST", client.deployments, json=order)
    assert reply.status == 400
    assert missing in reply.body["message"]


@pytest.mark.parametrize("replicas", [0, -1, "3", True, None, 1.5, 10**9])
async def test_a_bad_scale_call_is_refused_and_written_down(
    client: Client, replicas: object
) -> None:
    reply = await client.scale("chat-a", replicas)
    assert (reply.status, reply.body["code"]) == (400, "invalid_request")
    (call,) = client.emulator.truth().scale_calls
    assert (call.http_status, call.applied, call.current) == (400, False, 2)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"NaN", b"\xff", b'{"replicas": NaN}'])
async def test_a_body_that_is_no_json_object_is_refused(client: Client, raw: bytes) -> None:
    url = f"{client.deployment('chat-a')}/scale"
    headers = {"Content-Type": "application/json"}
    reply = await client.call("PUT", url, data=raw, headers=headers)
    assert (reply.status, reply.body["code"]) == (400, "invalid_request")


def test_scaling_up_passes_through_the_transition_and_restarts_uptime() -> None:
    async def story() -> None:
        async with platform(ONE, clock()) as client:
            await client.clock.sleep(100.0)
            reply = await client.scale("chat-a", 4)
            assert (reply.status, reply.body["status"]) == (200, "initializing")
            assert (reply.body["replicas"], reply.body["uptime_seconds"]) == (2, 0)
            assert reply.body["endpoint_url"] is not None
            assert (await client.chat("chat-a", max_tokens=2)).status == 200
            await client.clock.sleep(25.0)
            view = await client.view("chat-a")
            assert (view["status"], view["replicas"]) == ("ready", 4)
            truth = client.emulator.truth()
            ready_at = truth.deployment("chat-a").ready_since
            assert ready_at == VIRTUAL_START + 120.0
            assert [change.after for change in truth.status_changes] == [
                "ready",
                "initializing",
                "ready",
            ]

    run_virtual(story())


def test_the_transitions_word_and_endpoint_are_configurable() -> None:
    async def story() -> None:
        rules = Rules(transition_status="updating", endpoint_in_transition=False)
        async with platform(replace(ONE, rules=rules), clock()) as client:
            body = (await client.scale("chat-a", 3)).body
            assert (body["status"], body["endpoint_url"]) == ("updating", None)

    run_virtual(story())


def test_a_transition_called_ready_keeps_uptime() -> None:
    async def story() -> None:
        rules = Rules(transition_status="ready")
        async with platform(replace(ONE, rules=rules), clock()) as client:
            await client.clock.sleep(50.0)
            body = (await client.scale("chat-a", 3)).body
            assert (body["status"], body["uptime_seconds"]) == ("ready", 50)

    run_virtual(story())


def test_updated_at_moves_with_each_change_and_not_between() -> None:
    async def story() -> None:
        async with platform(ONE, clock()) as client:
            first = (await client.view("chat-a"))["updated_at"]
            await client.clock.sleep(10.0)
            assert (await client.view("chat-a"))["updated_at"] == first
            asked = (await client.scale("chat-a", 3)).body["updated_at"]
            await client.clock.sleep(60.0)
            settled = (await client.view("chat-a"))["updated_at"]
            assert first < asked < settled

    run_virtual(story())


def test_deletion_goes_through_terminating_and_frees_the_name() -> None:
    async def story() -> None:
        async with platform(ONE, clock()) as client:
            url = client.deployment("chat-a")
            assert (await client.call("DELETE", url)).status == 204
            assert (await client.view("chat-a"))["status"] == "terminating"
            assert (await client.scale("chat-a", 3)).status == 400
            assert (await client.chat("chat-a")).status == 503
            assert (await client.call("DELETE", url)).status == 204
            await client.clock.sleep(40.0)
            assert (await client.get(url)).status == 404
            assert (await client.get(client.deployments)).body["items"] == []
            truth = client.emulator.truth().deployment("chat-a")
            assert truth.deleted_at == VIRTUAL_START + 30.0
            assert truth.billed_replica_seconds == pytest.approx(60.0)
            again = await client.call("POST", client.deployments, json=ORDER | {"name": "chat-a"})
            assert again.status == 201

    run_virtual(story())


def test_a_failed_deployment_is_billed_and_starts_a_new_session_when_it_recovers() -> None:
    async def story() -> None:
        events = (
            Event(at_seconds=100.0, deployment="chat-a", deed=Deed.FAIL),
            Event(at_seconds=160.0, deployment="chat-a", deed=Deed.RECOVER),
        )
        async with platform(replace(ONE, events=events), clock()) as client:
            await client.clock.sleep(130.0)
            view = await client.view("chat-a")
            assert (view["status"], view["uptime_seconds"]) == ("failed", 0)
            assert view["endpoint_url"] is None
            assert (await client.chat("chat-a")).status == 503
            await client.clock.sleep(60.0)
            view = await client.view("chat-a")
            assert (view["status"], view["uptime_seconds"]) == ("ready", 30)
            truth = client.emulator.truth()
            assert truth.deployment("chat-a").billed_replica_seconds == pytest.approx(380.0)
            assert [change.at - VIRTUAL_START for change in truth.status_changes] == [0, 100, 160]

    run_virtual(story())


def test_scripted_hands_crashes_and_deletions_take_place() -> None:
    async def story() -> None:
        events = (
            Event(at_seconds=10.0, deployment="chat-a", deed=Deed.SCALE, count=3),
            Event(at_seconds=60.0, deployment="chat-a", deed=Deed.CRASH, count=1),
            Event(at_seconds=100.0, deployment="chat-a", deed=Deed.DELETE),
        )
        async with platform(replace(ONE, events=events), clock()) as client:
            seen: list[tuple[str, int]] = []
            for _ in range(5):
                await client.clock.sleep(20.0 if seen else 15.0)
                view = await client.view("chat-a")
                seen.append((view["status"], view["replicas"]))
            assert seen == [
                ("initializing", 2),
                ("ready", 3),
                ("ready", 3),
                ("ready", 2),
                ("ready", 3),
            ]
            await client.clock.sleep(10.0)
            assert (await client.view("chat-a"))["status"] == "terminating"

    run_virtual(story())


def test_a_deployment_can_be_older_than_the_emulator_and_is_billed_from_its_start() -> None:
    async def story() -> None:
        plan = DeploymentPlan(name="chat-a", age_seconds=86400.0)
        async with platform(Scenario(deployments=(plan,)), clock()) as client:
            await client.clock.sleep(10.0)
            view = await client.view("chat-a")
            assert view["uptime_seconds"] == 86410
            assert view["created_at"] < view["updated_at"]
            truth = client.emulator.truth().deployment("chat-a")
            assert truth.billed_replica_seconds == pytest.approx(10.0)

    run_virtual(story())

"""The emulated control plane: what it shows and what it refuses."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from helpers_emulator import ONE, ORDER, Client, platform

from autoscaler.clock import SystemClock
from autoscaler.emulator.scenario import DeploymentPlan, Scenario


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with platform(ONE, SystemClock()) as client:
        yield client


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

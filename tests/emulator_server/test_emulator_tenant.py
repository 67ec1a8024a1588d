"""Login, refresh, expiring tokens; the inventory and the catalog."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from helpers_emulator import ONE, VIRTUAL_START, Client, Reply, platform

from autoscaler.clock import LoopClock, SystemClock, run_virtual
from autoscaler.emulator.catalog import H100
from autoscaler.emulator.scenario import Deed, Event, InventoryBase, Rules


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with platform(ONE, SystemClock()) as client:
        yield client


async def log_in(client: Client, **fields: Any) -> Reply:
    body = {"email": "ops@example.com", "password": "emulated"} | fields
    url = f"{client.emulator.connection.tenant_url}/api/v1/auth/login"
    return await client.call("POST", url, json=body, headers={"Authorization": ""})


async def refresh(client: Client, token: object) -> Reply:
    url = f"{client.emulator.connection.tenant_url}/api/v1/auth/refresh"
    return await client.call("POST", url, json={"refresh_token": token})


async def test_a_login_opens_the_control_plane(client: Client) -> None:
    body = (await log_in(client)).body
    assert body["expires_in"] == 3600
    assert body["access_token"].count(".") == 2
    client.token = body["access_token"]
    assert (await client.get(client.deployments)).status == 200


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"password": "wrong"}, 401, "unauthorized"),
        ({"email": "nobody@example.com"}, 404, "not_found"),
        ({"password": None}, 400, "invalid_request"),
        ({"email": 7}, 400, "invalid_request"),
    ],
)
async def test_a_bad_login_says_why(
    client: Client, fields: dict[str, Any], status: int, code: str
) -> None:
    reply = await log_in(client, **fields)
    assert (reply.status, reply.body["code"]) == (status, code)


async def test_a_refresh_token_serves_once(client: Client) -> None:
    first = (await log_in(client)).body["refresh_token"]
    second = await refresh(client, first)
    assert second.status == 200
    assert (await refresh(client, first)).status == 401
    assert (await refresh(client, second.body["refresh_token"])).status == 200
    assert (await refresh(client, 7)).status == 400


def test_an_access_token_expires_and_its_refresh_token_later() -> None:
    async def story() -> None:
        rules = Rules(access_token_seconds=600.0, refresh_token_seconds=1200.0)
        async with platform(replace(ONE, rules=rules), LoopClock(VIRTUAL_START)) as client:
            body = (await log_in(client)).body
            client.token = body["access_token"]
            await client.clock.sleep(599.0)
            assert (await client.get(client.deployments)).status == 200
            await client.clock.sleep(1.0)
            reply = await client.get(client.deployments)
            assert (reply.status, "expired" in reply.body["message"]) == (401, True)
            await client.clock.sleep(600.0)
            assert (await refresh(client, body["refresh_token"])).status == 401

    run_virtual(story())


async def test_a_test_can_expire_all_access_tokens_at_once(client: Client) -> None:
    client.token = (await log_in(client)).body["access_token"]
    await client.call("POST", f"{client.emulator.platform.origin}/emulator/tokens/expire")
    assert (await client.get(client.deployments)).status == 401
    client.token = client.emulator.connection.token
    assert (await client.get(client.deployments)).status == 200


async def test_the_inventory_has_prices_and_counts_what_is_taken(client: Client) -> None:
    url = f"{client.emulator.connection.inventory_url}/api/v1beta1/inventory"
    page = (await client.get(f"{url}?gpu_model=H100")).body
    (item,) = page["data"]
    assert (item["config_id"], item["price_per_gpu_per_hour"]) == (H100, 1.99)
    assert (item["available_gpu_count"], item["total_gpu_count"]) == (254, 256)
    await client.scale("chat-a", 200)
    (item,) = (await client.get(f"{url}?gpu_model=H100")).body["data"]
    assert (item["available_gpu_count"], item["availability"]) == (56, "Medium")
    assert (await client.get(f"{url}?region=elsewhere")).body["data"] == []
    assert len((await client.get(f"{url}?limit=3&page=2")).body["data"]) == 1
    assert (await client.get(f"{url}?limit=0")).status == 400


@pytest.mark.parametrize(
    ("base", "answers"),
    [
        (InventoryBase.INVENTORY, {"inventory": 200, "aimodels": 404}),
        (InventoryBase.AIMODELS, {"inventory": 404, "aimodels": 200}),
        (InventoryBase.NOWHERE, {"inventory": 404, "aimodels": 404}),
    ],
)
async def test_the_inventory_is_where_the_scenario_puts_it(
    base: InventoryBase, answers: dict[str, int]
) -> None:
    async with platform(replace(ONE, rules=Rules(inventory=base)), SystemClock()) as client:
        for plane, status in answers.items():
            url = f"{client.emulator.platform.origin}/{plane}/api/v1beta1/inventory"
            assert (await client.get(url)).status == status


async def test_lists_ask_for_a_token(client: Client) -> None:
    where = client.emulator.connection
    client.token = "none"
    for url in (
        f"{where.inventory_url}/api/v1beta1/inventory",
        f"{where.base_url}/api/v1beta1/aimodels-catalog",
    ):
        assert (await client.get(url)).status == 401


async def test_the_catalog_advertises_ranges(client: Client) -> None:
    url = f"{client.emulator.connection.base_url}/api/v1beta1/aimodels-catalog"
    first = (await client.get(url)).body["items"][0]
    assert first["recommended_gpu"]["gpu_config_id"] == H100
    assert first["configurations"]["max_num_seqs"] == {"min": 1, "max": 1024, "default": 256}


def test_a_new_price_holds_from_its_instant_on() -> None:
    async def story() -> None:
        event = Event(
            at_seconds=360.0,
            deployment="chat-a",
            deed=Deed.PRICE,
            price_per_gpu_hour=Decimal("3.98"),
        )
        async with platform(replace(ONE, events=(event,)), LoopClock(VIRTUAL_START)) as client:
            await client.clock.sleep(720.0)
            truth = client.emulator.truth().deployment("chat-a")
            assert truth.price_per_gpu_hour == Decimal("3.98")
            assert truth.bill_exact == (Decimal("1.99") * 2 + Decimal("3.98") * 2) / 10
            assert round(truth.bill_per_minute, 9) == truth.bill_exact

    run_virtual(story())

"""The five operations, catalog and inventory against a server written from the API document."""

import pytest
from helpers_cloud import BASE, Platform, client_for, deployment_json, status

from autoscaler.cloud import DeployRequest, Forbidden, NotFound, Rejected, ServingConfig
from autoscaler.core.words import Status
from autoscaler.ports import CloudRefused, CloudUnknown


async def test_a_list_reads_every_field_that_the_document_names() -> None:
    async with client_for(Platform()) as cloud:
        listing = await cloud.list()
    (deployment,) = listing.deployments
    assert listing.complete
    assert (deployment.id, deployment.name, deployment.replicas) == ("dep-1", "chat-001", 2)
    assert deployment.created_at == 1767225600.0
    assert deployment.updated_at == 1767312000.0
    assert deployment.model_name == "Llama 3.1 8B"
    assert deployment.uptime_seconds == 60


async def test_an_unknown_status_becomes_unknown_and_keeps_its_own_word() -> None:
    platform = Platform([deployment_json(status="scaling", endpoint_url=None, surprise=[1])])
    async with client_for(platform) as cloud:
        (deployment,) = (await cloud.list()).deployments
    assert (deployment.status, deployment.raw_status) == (Status.UNKNOWN, "scaling")
    assert deployment.endpoint_url is None


@pytest.mark.parametrize(
    "broken",
    [
        {"replicas": "two"},
        {"replicas": None},
        {"replicas": -1},
        {"gpu_count": True},
        {"status": 7},
        {"name": ""},
        {"name": "x" * 300},
        {"model_id": None},
    ],
    ids=str,
)
async def test_an_item_that_cannot_be_read_is_named_and_spoils_no_other(
    broken: dict[str, object],
) -> None:
    platform = Platform([deployment_json(1), deployment_json(2, **broken), deployment_json(3)])
    async with client_for(platform) as cloud:
        listing = await cloud.list()
    assert [d.id for d in listing.deployments] == ["dep-1", "dep-3"]
    assert listing.invalid_ids == ("dep-2",)
    assert len(listing.invalid) == 1
    assert next(iter(broken)) in listing.invalid[0]


async def test_items_that_are_no_objects_are_named_by_their_place() -> None:
    async with client_for(Platform([deployment_json(1), None, "text"])) as cloud:
        listing = await cloud.list()
    assert [d.id for d in listing.deployments] == ["dep-1"]
    assert [sentence.split(":")[0] for sentence in listing.invalid] == ["item 2", "item 3"]
    assert not listing.complete, "they might be any deployment"


async def test_a_deployment_that_is_gone_is_none() -> None:
    async with client_for(Platform()) as cloud:
        assert await cloud.get("dep-404") is None
        found = await cloud.get("dep-1")
    assert found is not None
    assert found.id == "dep-1"


async def test_a_scale_call_is_one_put_with_the_count() -> None:
    platform = Platform()
    async with client_for(platform) as cloud:
        scaled = await cloud.scale("dep-1", 5)
    assert platform.requests == [("PUT", f"{BASE}/dep-1/scale")]
    assert platform.bodies == [{"replicas": 5}]
    assert scaled is not None
    assert scaled.replicas == 5


@pytest.mark.parametrize("replicas", [0, -1])
async def test_a_count_that_the_document_forbids_never_leaves(replicas: int) -> None:
    platform = Platform()
    async with client_for(platform) as cloud:
        with pytest.raises(Rejected, match="not sent"):
            await cloud.scale("dep-1", replicas)
    assert platform.requests == []


@pytest.mark.parametrize("hostile", ["../../x", "dep-1/scale", "dep 1", "a?b", "dép", "%2e%2e"])
async def test_an_id_cannot_lead_to_another_path(hostile: str) -> None:
    platform = Platform()
    async with client_for(platform) as cloud:
        with pytest.raises(CloudRefused):
            await cloud.scale(hostile, 2)
    assert platform.requests == []


async def test_a_deploy_sends_what_was_checked_and_nothing_unset() -> None:
    platform = Platform()
    request = DeployRequest(
        name="chat-new",
        catalog_id="meta-llama-Llama-3.1-8B-Instruct",
        region="as-south-1",
        gpu_config_id="gpu-h100-80g-20cpu-125g",
        plan_id="plan-1",
        config=ServingConfig(max_num_seqs=64),
    )
    async with client_for(platform) as cloud:
        made = await cloud.deploy(request)
    assert made is not None
    assert made.status is Status.INITIALIZING
    assert platform.bodies[0]["config"] == {"max_num_seqs": 64}
    assert platform.bodies[0]["gpu_count"] == 1


@pytest.mark.parametrize("name", ["ab", "-abc", "abc-", "Abc", "a" * 31, "a_b", "abc\n"])
def test_a_name_that_the_document_forbids_is_no_request(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        DeployRequest(
            name=name, catalog_id="c", region="r", gpu_config_id="g", plan_id="p", gpu_count=1
        )


async def test_a_delete_is_one_call() -> None:
    platform = Platform()
    async with client_for(platform) as cloud:
        await cloud.delete("dep-1")
        with pytest.raises(NotFound):
            await cloud.delete("dep-1")
    assert platform.requests == [("DELETE", f"{BASE}/dep-1")] * 2


async def test_the_catalog_reads_ranges_in_either_shape_and_skips_what_is_none() -> None:
    async with client_for(Platform()) as cloud:
        items = await cloud.catalog()
    assert [item.id for item in items] == ["meta-llama-Llama-3.1-8B-Instruct", "odd"]
    assert items[0].recommended_gpu_config_id == "gpu-h100-80g-20cpu-125g"
    assert items[0].ranges["max_num_seqs"].high == 256
    assert items[1].ranges["max_model_len"].high == 8192
    assert items[1].ranges["max_model_len"].low is None


ENTRY = {
    "config_id": "gpu-h100-80g-20cpu-125g",
    "gpu_model": "H100",
    "region": "as-south-1",
    "price_per_gpu_per_hour": 1.99,
    "available_gpu_count": 3,
    "availability": "Low",
}


@pytest.mark.parametrize("place", ["/inventory", "/aimodels"])
@pytest.mark.parametrize("key", ["data", "items"])
async def test_the_inventory_is_found_in_either_place_and_under_either_key(
    place: str, key: str
) -> None:
    platform = Platform(inventory={key: [ENTRY, {"no": "id"}]}, inventory_at=place)
    async with client_for(platform) as cloud:
        (item,) = await cloud.inventory()
        before = len(platform.requests)
        await cloud.inventory()
    assert str(item.price_per_gpu_hour) == "1.99"
    assert (item.currency, item.available_gpu_count) == ("USD", 3)
    assert len(platform.requests) == before + 1, "the place that answered is remembered"


async def test_an_inventory_that_is_nowhere_is_empty() -> None:
    platform = Platform()
    async with client_for(platform) as cloud:
        assert await cloud.inventory() == ()
    assert len(platform.requests) == 2


@pytest.mark.parametrize("price", [True, "much", -1, None, "NaN", [1]], ids=str)
async def test_a_price_that_is_none_is_unknown_and_never_zero(price: object) -> None:
    entry = ENTRY | {"price_per_gpu_per_hour": price}
    async with client_for(Platform(inventory={"data": [entry]})) as cloud:
        (item,) = await cloud.inventory()
    assert item.price_per_gpu_hour is None


async def test_a_reading_that_is_refused_leaves_things_unknown_to_the_daemon() -> None:
    async with client_for(Platform(tokens={"other"})) as cloud:
        with pytest.raises(CloudUnknown, match="NEEV_API_TOKEN"):
            await cloud.list()
        with pytest.raises(CloudRefused):
            await cloud.scale("dep-1", 2)


async def test_a_forbidden_change_says_what_to_check() -> None:
    async with client_for(Platform(faults=[status(403, "forbidden")])) as cloud:
        with pytest.raises(Forbidden, match=r"scale deployment dep-1 to 2: HTTP 403.*permissions"):
            await cloud.scale("dep-1", 2)

"""Our client against the emulated platform, which was written from the document and not from it."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from autoscaler.clock import LoopClock
from autoscaler.cloud import CloudClient, CloudConfig, DeployRequest, Rejected, ServingConfig
from autoscaler.core.words import Status
from autoscaler.emulator.faults import Fault, FaultKind, Operation, RetryAfter
from autoscaler.emulator.scenario import DeploymentPlan, InventoryBase, Rules, Scenario
from autoscaler.emulator.server import Emulator
from autoscaler.ports import CloudUnknown

Virtual = Callable[[Coroutine[Any, Any, Any]], Any]
START = 1_800_000_000.0
FLEET = Scenario(
    deployments=tuple(
        DeploymentPlan(name=f"chat-{n}", replicas=1, cold_start_seconds=20.0) for n in range(3)
    )
)


def config(emulator: Emulator, **changes: Any) -> CloudConfig:
    where = emulator.connection
    values: dict[str, Any] = {
        "base_url": where.base_url,
        "tenant_url": where.tenant_url,
        "inventory_url": where.inventory_url,
        "org_id": where.org_id,
        "project_id": where.project_id,
        "token": lambda: where.token,
    }
    return CloudConfig(**values | changes)


def story(
    tell: Callable[[Emulator, CloudClient, LoopClock], Coroutine[Any, Any, None]],
    scenario: Scenario = FLEET,
    **changes: Any,
) -> Coroutine[Any, Any, None]:
    """Runs `tell` with a served emulator and a client of it, on the loop's time."""

    async def run() -> None:
        clock = LoopClock(START)
        async with (
            Emulator(scenario, clock=clock) as emulator,
            CloudClient(config(emulator, **changes), clock=clock) as cloud,
        ):
            await tell(emulator, cloud, clock)

    return run()


def test_all_five_operations_catalog_and_inventory(virtual: Virtual) -> None:
    async def tell(_emulator: Emulator, cloud: CloudClient, clock: LoopClock) -> None:
        listing = await cloud.list()
        assert listing.complete
        assert [d.name for d in listing.deployments] == ["chat-0", "chat-1", "chat-2"]
        first = listing.deployments[0]
        scaled = await cloud.scale(first.id, 3)
        assert scaled is not None
        await clock.sleep(60)
        again = await cloud.get(first.id)
        assert again is not None
        assert (again.replicas, again.status) == (3, Status.READY)
        model = (await cloud.catalog())[0]
        offer = (await cloud.inventory())[0]
        assert offer.price_per_gpu_hour is not None
        made = await cloud.deploy(
            DeployRequest(
                name="new-one",
                catalog_id=model.id,
                region=offer.region,
                gpu_config_id=model.recommended_gpu_config_id or "",
                plan_id=f"plan-ondemand-{model.recommended_gpu_config_id}",
                config=ServingConfig(max_num_seqs=16),
            )
        )
        assert made is not None
        assert made.status is Status.INITIALIZING
        await cloud.delete(made.id)
        await clock.sleep(60)
        assert await cloud.get(made.id) is None

    virtual(story(tell))


@pytest.mark.parametrize("place", list(InventoryBase))
def test_the_inventory_is_found_wherever_it_is(virtual: Virtual, place: InventoryBase) -> None:
    async def tell(_emulator: Emulator, cloud: CloudClient, _clock: LoopClock) -> None:
        found = await cloud.inventory()
        assert bool(found) is (place is not InventoryBase.NOWHERE)

    virtual(story(tell, replace(FLEET, rules=Rules(inventory=place))))


def test_a_login_lives_for_a_day_on_short_tokens(virtual: Virtual) -> None:
    """Tokens live 60 s, the refresh token an hour; nothing fails, and no login is needed twice."""
    rules = Rules(access_token_seconds=60.0, refresh_token_seconds=3600.0)
    scenario = replace(FLEET, rules=rules)

    async def tell(_emulator: Emulator, cloud: CloudClient, clock: LoopClock) -> None:
        for _ in range(100):
            assert (await cloud.list()).complete
            await clock.sleep(40)
        await clock.sleep(7200)
        assert (await cloud.list()).complete

    account = {"token": None, "email": FLEET.email, "password": lambda: FLEET.password}
    virtual(story(tell, scenario, **account))


READ_FAULTS = {
    "status": Fault(kind=FaultKind.STATUS, end_seconds=3.0),
    "429 seconds": Fault(
        kind=FaultKind.STATUS, status=429, retry_after=RetryAfter.SECONDS, end_seconds=3.0
    ),
    "429 date": Fault(
        kind=FaultKind.STATUS, status=429, retry_after=RetryAfter.DATE, end_seconds=3.0
    ),
    "hang": Fault(kind=FaultKind.HANG, end_seconds=3.0),
    "reset": Fault(kind=FaultKind.RESET, end_seconds=3.0),
    "truncated": Fault(kind=FaultKind.TRUNCATED, end_seconds=3.0),
    "refused": Fault(kind=FaultKind.REFUSED, end_seconds=3.0),
}


@pytest.mark.parametrize("name", READ_FAULTS)
def test_a_reading_outlives_a_short_fault(virtual: Virtual, name: str) -> None:
    async def tell(_emulator: Emulator, cloud: CloudClient, _clock: LoopClock) -> None:
        assert (await cloud.list()).complete

    virtual(story(tell, replace(FLEET, faults=(READ_FAULTS[name],))))


@pytest.mark.parametrize(
    "kind",
    [FaultKind.HTML, FaultKind.HOSTILE_JSON, FaultKind.WRONG_CONTENT_TYPE, FaultKind.STATUS,
     FaultKind.HANG, FaultKind.EXPIRED_TOKEN, FaultKind.SHORT_LIST, FaultKind.WRONG_TOTALS,
     FaultKind.DUPLICATED_ITEMS, FaultKind.FORCED_STATUS],
)  # fmt: skip
def test_a_reading_under_any_fault_is_right_or_unknown_or_called_short(
    virtual: Virtual, kind: FaultKind
) -> None:
    async def tell(_emulator: Emulator, cloud: CloudClient, _clock: LoopClock) -> None:
        try:
            listing = await cloud.list()
        except CloudUnknown:
            return
        ids = [d.id for d in listing.deployments]
        assert len(ids) == len(set(ids))
        if listing.complete and kind is not FaultKind.SHORT_LIST:
            assert len(ids) == 3

    virtual(story(tell, replace(FLEET, faults=(Fault(kind=kind, word="scaling"),))))


@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.HANG, FaultKind.STATUS])
def test_a_scale_under_any_fault_reaches_the_platform_at_most_once(
    virtual: Virtual, kind: FaultKind
) -> None:
    metered: list[str] = []

    async def tell(emulator: Emulator, cloud: CloudClient, _clock: LoopClock) -> None:
        first = (await cloud.list()).deployments[0]
        emulator.faults.add(Fault(kind=kind, operations=(Operation.SCALE,)))
        with pytest.raises(CloudUnknown):
            await cloud.scale(first.id, 2)

    virtual(story(tell, meter=lambda operation, _code, _seconds: metered.append(operation)))
    assert metered == ["list", "scale"]


def test_what_the_document_forbids_is_refused_by_us_before_the_platform_could(
    virtual: Virtual,
) -> None:
    async def tell(_emulator: Emulator, cloud: CloudClient, _clock: LoopClock) -> None:
        with pytest.raises(Rejected, match="not sent"):
            await cloud.scale("dep-1", 0)

    virtual(story(tell))

"""A call of ours that a person undoes while nobody looks: what no read proves afterwards.

The platform bills the replicas that were starting, and then shows what it showed before. The ledger
keeps to the lower book and marks the rest, so that the difference to the bill is what the undone
replicas cost, and never more than the mark.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import structlog
from helpers import kill, managed
from helpers_direct import DirectWorld

from autoscaler.core.charging import Ledger
from autoscaler.daemon.fleet import restore_fleet
from autoscaler.emulator.direct import DirectCloud
from autoscaler.emulator.faults import Fault, FaultKind, Operation
from autoscaler.emulator.ledger import (
    DeploymentTruth,
    PriceChange,
    ReplicaChange,
    Truth,
    exact_bill,
)
from autoscaler.emulator.scenario import DeploymentPlan, Scenario

Virtual = Callable[[Any], Any]
COLD_START_SECONDS = 240.0
REST_SECONDS = 1200.0
"""Longer than an ask is open and a missing replica is waited for: after it all is settled."""
PATIENCE_SECONDS = 600
"""Within so long a daemon asks for what is below its min."""
GRAIN_MONEY = Decimal("0.00001")
"""Money of two replicas in a millisecond, the grain of `updated_at`."""
BEFORE, ASKED = 1, 3


async def undone(*, knows: str, until_undone: float, away: float) -> tuple[Truth, Ledger]:
    """Let a daemon ask, die as soon as it `knows` so much, and another one come `away` seconds
    later; a person undoes the call in between.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    plan = DeploymentPlan(name="chat", replicas=BEFORE, cold_start_seconds=COLD_START_SECONDS)
    place = DirectWorld(Scenario(deployments=(plan,), seed=3))
    if knows == "nothing":
        place.direct.faults.add(Fault(kind=FaultKind.RESET, operations=(Operation.SCALE,)))
    daemon = place.daemon(replace(place.config(), policy_for=managed(min_replicas=ASKED)))
    await daemon.start()
    for _ in range(PATIENCE_SECONDS):
        if place.direct.truth().scale_calls:
            break
        await place.clock.sleep(1.0)
    await place.clock.sleep(30.0 if knows == "starting" else 0.5)
    await kill(daemon)
    place.direct.faults.clear()
    await place.clock.sleep(until_undone)
    cloud = DirectCloud(place.direct)
    (seen,) = (await cloud.list()).deployments
    await cloud.scale(seen.id, BEFORE)
    await place.clock.sleep(away - until_undone)
    await place.live(place.daemon(place.config()), REST_SECONDS)
    (watched,) = restore_fleet(place.store)[0]
    return place.direct.truth(), watched.ledger


def bills(unit: DeploymentTruth, *, since: float, until: float) -> tuple[Decimal, Decimal]:
    """The bill of a time, and what of it is for replicas that no read shows."""
    prices = [PriceChange(at=0.0, per_gpu_hour=unit.price_per_gpu_hour)]

    def bill(changes: list[ReplicaChange]) -> Decimal:
        upto = [exact_bill(changes, prices, gpus=unit.gpu_count, until=at) for at in (since, until)]
        return upto[1] - upto[0]

    shown = [replace(change, billed=change.current) for change in unit.replica_changes]
    whole = bill(list(unit.replica_changes))
    return whole, whole - bill(shown)


@pytest.mark.slow
@pytest.mark.parametrize("knows", ["nothing", "accepted", "starting"])
@pytest.mark.parametrize(("until_undone", "away"), [(1.0, 5.0), (20.0, 40.0), (50.0, 600.0)])
def test_what_was_undone_unseen_is_the_difference_and_marked(
    knows: str, until_undone: float, away: float, virtual: Virtual
) -> None:
    truth, ledger = virtual(undone(knows=knows, until_undone=until_undone, away=away))
    unit = truth.deployment("chat")
    assert ledger.unsettled == ()
    assert ledger.began_at is not None
    assert ledger.at is not None
    assert truth.scale_calls[0].replicas == ASKED
    bill, hidden = bills(unit, since=ledger.began_at, until=ledger.at)
    off = ledger.total - bill
    print(f"off {off:+.6f}, unseen {hidden:.6f}, marked {ledger.uncertain:.6f}")
    assert unit.current == BEFORE
    seen_of_it = hidden + off
    assert -GRAIN_MONEY <= seen_of_it <= hidden + GRAIN_MONEY
    assert knows == "starting" or seen_of_it <= GRAIN_MONEY
    assert -off <= ledger.uncertain + GRAIN_MONEY

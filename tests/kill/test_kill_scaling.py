"""kill -9 at random moments: no scale call repeated blindly, no alert lost, the bill right."""

import asyncio
import random
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from kill_rig import ASKS, FAILS, POLL_SECONDS, SETTLING_SECONDS, WANTED, Rig, repeated, rig

from autoscaler.core.charging import Ledger
from autoscaler.core.codec import decode
from autoscaler.emulator.ledger import DeploymentTruth, PriceChange, exact_bill
from autoscaler.store import SqliteStore

ROUNDS = 7
FAILED_ALERT = "NeevDeploymentFailed"


@pytest.mark.slow
async def test_killed_at_random_it_repeats_no_call_loses_no_alert_and_bills_right(
    tmp_path: Path, rng: random.Random
) -> None:
    async with rig(tmp_path) as story:
        for _ in range(ROUNDS):
            await story.start()
            await story.started()
            await trouble(story, rng)
            await asyncio.sleep(rng.uniform(0.0, 2 * SETTLING_SECONDS))
            await story.kill()
        await story.heal()
        await story.start()
        await story.until("the count is back", story.at_wanted)
        await story.until("the alert is over", lambda: is_resolved(story))
        await asyncio.sleep(4 * POLL_SECONDS)
        assert await story.end() == 0
        truth = await story.truth()

    assert repeated(truth.scale_calls, truth) == []
    check_alert(story)
    check_bill(story, truth.deployment(ASKS))
    mine = [c for c in truth.scale_calls if c.name == ASKS and c.replicas == WANTED]
    print(f"{story.starts} starts, {len(mine)} scale calls, {len(story.told)} notifications")
    assert len(mine) > 1
    assert story.told


async def trouble(story: Rig, rng: random.Random) -> None:
    """What goes wrong while a daemon dies: replicas drop, calls get lost, a deployment fails."""
    await story.heal()
    await story.scale_by_hand(ASKS, 1)
    kind = rng.choice(["hang", "status", "reset", "nothing"])
    if kind != "nothing":
        await story.fault(kind=kind, status=500, operations=["scale"], seconds=30)
    if rng.random() < 0.5:
        await story.fault(kind="forced_status", word="failed", deployment=FAILS)


async def is_resolved(story: Rig) -> bool:
    told = [status for _, status, name in story.told if name == FAILED_ALERT]
    return not told or told[-1] == "resolved"


def check_alert(story: Rig) -> None:
    """By key, first deliveries only: firing, resolved, firing, resolved, and so to the end."""
    first: dict[str, str] = {}
    for key, status, name in story.told:
        if name == FAILED_ALERT:
            first.setdefault(key, status)
    statuses = list(first.values())
    assert statuses == ["firing", "resolved"] * (len(statuses) // 2), story.told


def check_bill(story: Rig, unit: DeploymentTruth) -> None:
    """The ledger against the platform's own bill over the same time, within one tick but for what
    was billed for calls that were undone while no daemon ran, which is marked as uncertain.
    """
    store = SqliteStore(story.state)
    ledger = decode(Ledger, store.documents("ledger")[unit.id])
    store.close()
    assert ledger.began_at is not None
    assert ledger.at is not None
    price = [PriceChange(at=0.0, per_gpu_hour=unit.price_per_gpu_hour)]

    def bill(until: float) -> Decimal:
        changes = [c for c in unit.replica_changes if c.at <= until]
        return exact_bill(changes, price, gpus=unit.gpu_count, until=until)

    expected = bill(ledger.at) - bill(ledger.began_at)
    tick = unit.price_per_gpu_hour * unit.gpu_count * WANTED * Decimal(2 * POLL_SECONDS) / 3600
    off = ledger.total - expected
    undone = undone_bill(unit, since=ledger.began_at)
    print(
        f"ledger {ledger.total:.6f}, bill {expected:.6f}, off {off:+.6f}, one tick {tick:.6f},"
        f" billed for calls that were undone {undone:.6f}, marked {ledger.uncertain:.6f}"
    )
    assert ledger.unsettled == ()
    assert -undone - tick <= off <= tick
    assert -off <= tick + ledger.uncertain


def undone_bill(unit: DeploymentTruth, *, since: float) -> Decimal:
    """What was billed for replicas that were taken back before they ran: no look proves them."""
    seconds = passing = 0.0
    at_rest = unit.replica_changes[0].current
    for change, after in pairwise(unit.replica_changes):
        if change.billed > change.current:
            passing += (change.billed - change.current) * max(0.0, after.at - max(change.at, since))
        else:
            seconds += passing if change.current == at_rest else 0.0
            at_rest, passing = change.current, 0.0
    return unit.price_per_gpu_hour * unit.gpu_count * Decimal(repr(seconds)) / 3600

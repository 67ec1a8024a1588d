"""A crash at chosen commits, on either side: what was not written did not leave, and what was
written is not done twice.
"""

import asyncio
from pathlib import Path

import pytest
from crashing_daemon import CRASHED
from kill_rig import ASKS, FAILS, PATIENCE_SECONDS, POLL_SECONDS, WANTED, Rig, repeated, rig
from test_kill_scaling import check_alert, check_bill

BOMB = Path(__file__).with_name("crashing_daemon.py")
POINTS = tuple(
    (f"{side} commit", number) for number in (1, 4, 8, 9) for side in ("before", "after")
)
"""The first settling window holds all asks back for seven ticks: the later commits carry intents
and outcomes.
"""
DELIVERIES = (
    ("before send", 1),
    ("after send", 1),
    ("before delivered", 1),
    ("after delivered", 1),
    ("before delivered", 1),
)
"""Two receivers hear the trigger: the log and the webhook."""


@pytest.mark.slow
async def test_a_crash_at_any_commit_repeats_nothing_and_loses_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path) as story:
        for point, number in POINTS:
            await story.scale_by_hand(ASKS, 1)
            await crash_at(story, point, number)
        await finish(story)
        truth = await story.truth()

    assert repeated(truth.scale_calls, truth) == []
    check_bill(story, truth.deployment(ASKS))
    assert any(c.name == ASKS and c.replicas == WANTED for c in truth.scale_calls)


@pytest.mark.slow
async def test_a_crash_around_a_delivery_repeats_it_under_its_key_at_most(tmp_path: Path) -> None:
    async with rig(tmp_path) as story:
        await story.fault(kind="forced_status", word="failed", deployment=FAILS)
        for point, number in DELIVERIES:
            await crash_at(story, point, number)
        await story.heal()
        await finish(story)

    check_alert(story)
    assert story.told


async def crash_at(story: Rig, point: str, number: int) -> None:
    await story.start((str(BOMB), str(story.config), point, str(number)))
    assert story.daemon is not None
    code = await asyncio.wait_for(story.daemon.wait(), PATIENCE_SECONDS)
    assert code == CRASHED, story.log_tail()


async def finish(story: Rig) -> None:
    """Let a sane daemon put everything in order, and end it."""
    await story.start()
    await story.started()
    await story.until("the count is back", story.at_wanted)
    await story.until("the alert is over", lambda: _is_over(story))
    await asyncio.sleep(4 * POLL_SECONDS)
    assert await story.end() == 0


async def _is_over(story: Rig) -> bool:
    return not story.told or story.told[-1][1] == "resolved"

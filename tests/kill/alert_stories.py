"""Many incidents side by side while the daemon is killed again and again.

Each deployment lives one story: it fails, recovers, its endpoint goes down and comes back, it
fails again and is deleted. The next act begins only when the receiver has been told of the last, so
an alert that is lost shows as a story that never goes on. Emulator, receiver and state outlive the
daemon, which is killed with -9 at random moments or dies at a chosen point of its own writing.
"""

import asyncio
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from alert_world import Tally, Told, World, open_world
from crashing_daemon import CRASHED
from nursery import open_nursery

PATIENCE_SECONDS = 240.0
"""Longest wait of one act, on however slow a machine; longer means that an alert is lost."""
FAILED, DOWN = "NeevDeploymentFailed", "NeevEndpointDown"
POINTS = {
    "before commit": 8,
    "after commit": 8,
    "before send": 4,
    "after send": 4,
    "before delivered": 3,
    "after delivered": 3,
    "after failed": 1,
}
"""Point of the daemon's writing and sending to the most times that it is passed before the daemon
dies there.
"""
CRASHED_RATIO = 0.6
"""Share of the starts that may die at a point, if they reach it in their time."""
SILENCE_SECONDS = 0.5
"""Longest time between two silences that a person keeps."""
KILLED_EARLY_RATIO = 0.1
"""Share of the starts that may be killed before they serve."""


async def live_one_story(world: World, name: str, rng: random.Random) -> None:
    """Fail, recover, endpoint down, recover, fail again, delete; faults are noted, not raised."""
    try:
        await asyncio.sleep(rng.uniform(0, 8))
        failing = {"kind": "forced_status", "word": "failed", "deployment": name}
        fault = await world.fault(**failing)
        await until(world, lambda: world.receiver.state(name, FAILED)[0] >= 1, f"{name} failed")
        await world.heal(fault)
        await until(world, lambda: _over(world, name, FAILED), f"{name} recovered")
        fault = await world.fault(kind="refused", operations=["chat"], deployment=name)
        await until(world, lambda: world.receiver.state(name, DOWN)[0] >= 1, f"{name} down")
        await world.heal(fault)
        await until(world, lambda: _over(world, name, DOWN), f"{name} up again")
        begun = world.receiver.state(name, FAILED)[0]
        fault = await world.fault(**failing)
        await until(
            world, lambda: world.receiver.state(name, FAILED)[0] > begun, f"{name} failed again"
        )
        await world.delete(name)
        await until(world, lambda: _over(world, name, FAILED), f"{name} deleted")
    except TimeoutError as lost:
        world.tally.faults.append(f"lost: {lost}")


def _over(world: World, name: str, alert: str) -> bool:
    return world.receiver.state(name, alert)[1] == "resolved"


async def until(world: World, holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        await asyncio.sleep(0.1)


async def keep_silences(world: World, over: asyncio.Event, rng: random.Random) -> None:
    """Keep silences at random moments: none may come between an alert and its notifications."""
    while not over.is_set():
        await world.silence()
        await asyncio.sleep(rng.uniform(0.0, SILENCE_SECONDS))


async def kill_again_and_again(world: World, over: asyncio.Event, rng: random.Random) -> None:
    """Start the daemon and let it die, until all stories are told; then end it in order."""
    async with open_nursery(world.log, str(world.folder / "neevscale.yaml")) as nursery:
        while not over.is_set():
            point = rng.choice(list(POINTS)) if rng.random() < CRASHED_RATIO else ""
            await nursery.start(point, rng.randint(1, POINTS.get(point, 1)))
            longest = rng.uniform(0, 0.5)
            if rng.random() > KILLED_EARLY_RATIO:
                await until(world, nursery.is_serving, "the daemon serves")
                longest = rng.uniform(0.5, 6.0)
            code = await nursery.end_within(longest, signal.SIGKILL)
            if code == -signal.SIGKILL:
                world.tally.kills += 1
            elif code == CRASHED:
                world.tally.crashes[point] = world.tally.crashes.get(point, 0) + 1
            else:
                world.tally.faults.append(f"ended by itself: {world.log_tail()}")
                return
        await nursery.start("", 1)
        await until(world, nursery.is_serving, "the daemon serves")
        code = await nursery.end_within(2, signal.SIGTERM)
        if code:
            world.tally.faults.append(f"ended with {code}: {world.log_tail()}")


def check(world: World, names: list[str]) -> None:
    """Order and keys at the receiver: trigger, end, trigger, end; nothing missing or twice."""
    tally = world.tally
    keys = [told.key for told in world.receiver.told]
    tally.deliveries += len(keys)
    tally.repeats += len(keys) - len(set(keys))
    tally.refused += world.receiver.refused
    tally.collapsed += sum(1 for told in world.receiver.told if told.collapsed)
    for name in names:
        for alert in (FAILED, DOWN):
            tally.faults += faults_of(world.receiver.first_of(name, alert))


def faults_of(firsts: list[Told]) -> list[str]:
    """What is wrong with the deliveries about one alert, repeats left out."""
    faults: list[str] = []
    open_episode = ""
    for told in firsts:
        episode = told.key.split(".")[1]
        if told.status == "firing" and told.key.split(".")[3] == "trigger":
            if open_episode:
                faults.append(f"a second trigger: {told}")
            open_episode = episode
        elif told.status == "resolved":
            if open_episode != episode and not told.collapsed:
                faults.append(f"an end without its trigger: {told}")
            open_episode = ""
    if open_episode:
        faults.append(f"never ended: {firsts[-1]}")
    return faults


async def sweep(folder: Path, *, stories: int, rng: random.Random) -> Tally:
    """Live `stories` stories side by side under kills; return the counts."""
    names = [f"story-{number:03}" for number in range(stories)]
    async with open_world(folder, names, rng) as world:
        over = asyncio.Event()
        killer = asyncio.create_task(kill_again_and_again(world, over, rng))
        person = asyncio.create_task(keep_silences(world, over, rng))
        await asyncio.gather(*(live_one_story(world, name, rng) for name in names))
        over.set()
        await asyncio.gather(killer, person)
        check(world, names)
        world.tally.stories = stories
        return world.tally

"""The kill sweep: no alert lost, no end without its trigger, repeats only under the same key."""

import random
from pathlib import Path

import pytest
from alert_stories import faults_of, sweep
from alert_world import Told

WORLDS, STORIES = 20, 25


def told(event: str, *, episode: int = 1, collapsed: bool = False) -> Told:
    status = "resolved" if event == "resolve" else "firing"
    return Told(f"f.{episode}.0.{event}.hook", "NeevDeploymentFailed", "a", status, collapsed)


@pytest.mark.parametrize(
    ("deliveries", "faults"),
    [
        ([told("trigger"), told("resolve")], 0),
        ([told("resolve", collapsed=True)], 0),
        ([told("resolve")], 1),
        ([told("trigger"), told("trigger", episode=2), told("resolve", episode=2)], 1),
        ([told("trigger")], 1),
    ],
)
def test_the_checker_sees_what_is_wrong(deliveries: list[Told], faults: int) -> None:
    assert len(faults_of(deliveries)) == faults


@pytest.mark.slow
async def test_a_small_sweep_loses_and_doubles_nothing(tmp_path: Path, rng: random.Random) -> None:
    tally = await sweep(tmp_path, stories=6, rng=rng)
    print(tally.text())
    assert tally.faults == []
    assert tally.kills + sum(tally.crashes.values()) > 0


@pytest.mark.bench
@pytest.mark.parametrize("world", range(WORLDS))
async def test_the_whole_sweep_loses_and_doubles_nothing(
    world: int, tmp_path: Path, rng: random.Random
) -> None:
    """500 stories. A world is as large as one daemon on a shared core still ticks for, and larger
    than what is looked at and written without a turn for others.
    """
    tally = await sweep(tmp_path, stories=STORIES, rng=rng)
    print(f"world {world}: {tally.text()}")
    assert tally.faults == []

"""The story that every driver lives through: two hours of one deployment, everything happening.

Ups and downs of the load, an overload beyond max, failing and lost probes, an unreadable control
plane, a person who overrides, pauses and scales by hand, a restart. What a person does and when the
daemon restarts stands in `ACTS`; the rest in the scenario.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from autoscaler.clock import LoopClock
from autoscaler.emulator.faults import Fault, FaultKind, Operation
from autoscaler.emulator.physics import Physics
from autoscaler.emulator.scenario import Deed, DeploymentPlan, Event, Scenario
from autoscaler.emulator.shapes import Lengths, Shape, ShapeKind
from autoscaler.emulator.workload import Mix, Workload
from autoscaler.ports import Console
from autoscaler.settings import Settings

BASE = 1_799_971_200.0
"""A midnight UTC."""
SECONDS = 7200.0
NAME = "chat"
MINIMUM, MAXIMUM = 1, 4
ALPHA_SECONDS = 0.0243
"""Idle inter-token latency of the profile, as a person would have calibrated it."""


@dataclass(frozen=True)
class Act:
    """Something that is done to the daemon from outside."""

    at_seconds: float
    what: Callable[[Console], None] | None
    """None = the daemon is stopped and started anew."""


def _override(console: Console) -> None:
    console.override(NAME, replicas=3, seconds=420.0, by="ann", reason="a demonstration")


def _pause(console: Console) -> None:
    console.pause(NAME, by="ben", reason="maintenance", seconds=400.0)


RESTART = 2350.0
ACTS = (Act(RESTART, None), Act(2600.0, _override), Act(5850.0, _pause))


def _spike(start: float, length: float, high: float, *, rise: float = 60.0) -> Shape:
    return Shape(
        kind=ShapeKind.SPIKE,
        low=0.0,
        high=high,
        start_seconds=start,
        length_seconds=length,
        rise_seconds=rise,
    )


def _fault(kind: FaultKind, start: float, seconds: float, **fields: object) -> Fault:
    return Fault(kind=kind, start_seconds=start, end_seconds=start + seconds, **fields)  # type: ignore[arg-type]  # by name


def scenario() -> Scenario:
    """A replica serves 2.4 of these requests a second within the SLO; five are too many."""
    mix = Mix(prompt=Lengths(typical=1200, p95=3000), output=Lengths(typical=400, p95=900))
    load = (
        Shape(kind=ShapeKind.CONSTANT, low=0.4),
        _spike(900.0, 700.0, 4.0, rise=200.0),
        _spike(3600.0, 700.0, 8.0, rise=240.0),
        _spike(5900.0, 700.0, 5.0),
    )
    plan = DeploymentPlan(
        name=NAME,
        catalog_id="meta-llama-Llama-3.1-8B-Instruct-L40S",
        replicas=5,
        physics=Physics(max_num_seqs=64),
        workload=Workload(shapes=load, mix=mix),
        cold_start_seconds=60.0,
    )
    chat = (Operation.CHAT,)
    return Scenario(
        deployments=(plan,),
        events=(Event(at_seconds=4950.0, deployment=NAME, deed=Deed.SCALE, count=6),),
        faults=(
            _fault(FaultKind.RESET, 1400.0, 150.0, probability=0.4, seed=3, operations=chat),
            _fault(FaultKind.STATUS, 3900.0, 60.0, status=500, operations=chat),
            _fault(FaultKind.STATUS, 6692.0, 150.0, status=500, operations=(Operation.LIST,)),
        ),
        seed=7,
    )


def settings(folder: Path, cloud: Mapping[str, object], **more: object) -> Settings:
    """What a person would write; holds and windows are short, so that much happens."""
    return Settings.model_validate(
        {
            "mode": "active",
            "cloud": cloud,
            "state": {"path": str(folder / "never-made.db")},
            "web": {"listen": "127.0.0.1:0"},
            "deployments": [
                {
                    "match": {"name": NAME},
                    "min_replicas": MINIMUM,
                    "max_replicas": MAXIMUM,
                    "alpha_seconds": ALPHA_SECONDS,
                    "settling_window_seconds": 60,
                    "scale_down_hold_seconds": 180,
                    "cold_start_seconds": 60,
                    "hand_seconds": 420,
                }
            ],
            **more,
        }
    )


class Driver(Protocol):
    """A daemon that can be started again over what the one before has left."""

    async def start(self) -> Console:
        """Start it."""
        ...

    async def stop(self) -> None:
        """Stop it in order."""
        ...


async def live_through(clock: LoopClock, driver: Driver) -> None:
    """Let the story happen to a driver."""
    console = await driver.start()
    for act in ACTS:
        await _until(clock, act.at_seconds)
        if act.what is None:
            await driver.stop()
            console = await driver.start()
        else:
            act.what(console)
    await _until(clock, SECONDS)
    await driver.stop()


def _until(clock: LoopClock, seconds: float) -> Awaitable[None]:
    return clock.sleep(max(0.0, BASE + seconds - clock.now()))

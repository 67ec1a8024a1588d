"""The load and the troubles of the day before the demo, and how they turn into the live ones.

All of it is data: few and long requests, the same load as many short ones and quicker to emulate.
Towards the end the load becomes the one with which the live scenario begins, so that counts, load
and what has been learned fit when it goes on live.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from autoscaler.emulator.scenario import Deed, DeploymentPlan, Event, Scenario
from autoscaler.emulator.shapes import Lengths, Shape, ShapeKind
from autoscaler.emulator.workload import Mix, Workload

HOUR_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PastLoad:
    """What one deployment carries in the past."""

    mix: Mix
    shapes: tuple[Shape, ...]
    """Requests a second; time is counted from the end of the past."""
    rate_per_replica: float
    """Requests a second that one replica carries: the past begins with as many as it needs."""
    lead_seconds: float
    """So long before the end the load becomes that with which the live scenario begins."""


LOADS: Mapping[str, PastLoad] = {
    "chat": PastLoad(
        mix=Mix(prompt=Lengths(typical=2500, p95=5000), output=Lengths(typical=2400, p95=4800)),
        shapes=(
            Shape(kind=ShapeKind.DAY, low=0.08, high=0.85, start_seconds=-11 * HOUR_SECONDS),
            Shape(
                kind=ShapeKind.SPIKE,
                low=0.0,
                high=0.45,
                start_seconds=-5 * HOUR_SECONDS,
                length_seconds=2400.0,
                rise_seconds=900.0,
            ),
        ),
        rate_per_replica=0.2,
        lead_seconds=7200.0,
    ),
    "search": PastLoad(
        mix=Mix(prompt=Lengths(typical=3000, p95=6000), output=Lengths(typical=3000, p95=6000)),
        shapes=(Shape(kind=ShapeKind.DAY, low=0.2, high=1.3, start_seconds=-11 * HOUR_SECONDS),),
        rate_per_replica=0.4,
        lead_seconds=1800.0,
    ),
    "batch": PastLoad(
        mix=Mix(prompt=Lengths(typical=800, p95=2000), output=Lengths(typical=1600, p95=3200)),
        shapes=(
            Shape(kind=ShapeKind.CONSTANT, low=0.05),
            Shape(
                kind=ShapeKind.SPIKE,
                low=0.0,
                high=2.6,
                start_seconds=-18.8 * HOUR_SECONDS,
                length_seconds=3000.0,
                rise_seconds=2400.0,
                period_seconds=6 * HOUR_SECONDS,
            ),
        ),
        rate_per_replica=0.8,
        lead_seconds=300.0,
    ),
}
"""The load of each deployment. `batch` is still working on its last heap shortly before the end."""
EVENTS = (
    (7.0, "search", Deed.FAIL),
    (6.75, "search", Deed.RECOVER),
    (14.5, "chat", Deed.CRASH),
)
"""(hours before the end, deployment, what happens)."""


def past_scenario(live: Scenario, *, past_seconds: float) -> Scenario:
    """Return the platform of `live` with a day's worth of load and troubles, counted back from the
    end of a past of so many seconds.
    """
    events = (
        Event(at_seconds=past_seconds - ago * HOUR_SECONDS, deployment=name, deed=deed)
        for ago, name, deed in EVENTS
    )
    return replace(
        live,
        deployments=tuple(_in_the_past(plan, past_seconds) for plan in live.deployments),
        events=tuple(event for event in events if event.at_seconds > 0.0),
        faults=(),
    )


def _in_the_past(plan: DeploymentPlan, past_seconds: float) -> DeploymentPlan:
    load = LOADS.get(plan.name)
    if load is None:
        return replace(plan, workload=None)
    moved = (replace(s, start_seconds=past_seconds + s.start_seconds) for s in load.shapes)
    workload = Workload(shapes=tuple(moved), mix=load.mix)
    needed = math.ceil(workload.rate(np.zeros(1))[0] / load.rate_per_replica)
    return replace(plan, workload=workload, replicas=max(plan.replicas, needed))


def opening_loads(live: Scenario) -> dict[str, tuple[float, Workload]]:
    """Return for each deployment how long before the end its load becomes that of the first second
    of the live scenario, and that load.
    """
    return {
        plan.name: (LOADS[plan.name].lead_seconds, plan.workload.held_as_begun())
        for plan in live.deployments
        if plan.workload is not None and plan.name in LOADS
    }

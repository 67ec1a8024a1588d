"""Who competes: ours, every peer, the oracles; each with the range its target is swept over.

Ranges follow from the workload, so that nobody is judged by a target that fits another one: a
concurrency target is a share of the concurrency that the SLO allows on this mix, a rate target of
the rate it allows.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from autoscaler.backtest import baselines, oracles
from autoscaler.backtest.ours import Ours, Path, ProbeMaker
from autoscaler.backtest.slots import SlotPolicy, World
from autoscaler.core.policy import Policy
from autoscaler.core.words import Mode

OURS = "neevscale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One policy and how to build it for a world at a target."""

    name: str
    build: Callable[[World, float, int], SlotPolicy]
    """(world, target, seed) to a fresh policy."""
    span: Callable[[World], tuple[float, float]]
    """The targets to sweep, lowest (most capacity) and highest (least)."""
    kind: str = "peer"
    """`ours`, `peer`, `oracle` or `static`."""


def allowed_rate(world: World) -> float:
    """Return the requests a second that one replica carries within the SLO, on the trace's mix."""
    work = float(world.pressure.sum()) * 15.0
    return float(world.load.requests.sum()) / work


def allowed_concurrency(world: World) -> float:
    """Return the sequences that run on one replica at that rate, by Little's law."""
    output = float(world.load.output.sum() / world.load.requests.sum())
    itl = world.objective.itl_ratio * world.load.alpha_seconds
    return min(allowed_rate(world) * output * itl, float(world.load.batch))


def policy_for(world: World, base: Policy | None = None) -> Policy:
    """Return our policy as a user would state it: SLO, min and max, and nothing else."""
    stated = base or Policy()
    itl = world.objective.itl_ratio * world.load.alpha_seconds
    slo = replace(
        stated.slo,
        itl_seconds=stated.slo.itl_seconds or itl,
        ttft_seconds=stated.slo.ttft_seconds or world.objective.wait_seconds,
    )
    return replace(
        stated,
        mode=Mode.ACTIVE,
        matched="backtest",
        min_replicas=world.minimum,
        max_replicas=world.maximum,
        slo=slo,
    )


def build_ours(
    world: World,
    target: float | None,
    seed: int,
    *,
    base: Policy | None = None,
    path: Path | None = None,
) -> Ours:
    """Return our policy at a fixed head-room, or with None calibrating its own."""
    policy = policy_for(world, base)
    if target is not None:
        policy = replace(policy, headroom_ratio=target, headroom_calibrates=False)
    maker = ProbeMaker(world=world, rng=np.random.default_rng(seed), path=path or Path())
    return Ours(world=world, policy=policy, probes=maker)


def _by_concurrency(build: Callable[..., SlotPolicy]) -> Contender:
    return Contender(
        name="",
        build=lambda _world, target, _seed: build(target=target),
        span=lambda world: (allowed_concurrency(world) / 12, allowed_concurrency(world) * 1.5),
    )


def _dynamo(world: World, target: float, seed: int) -> SlotPolicy:
    del seed
    alpha, objective = world.load.alpha_seconds, world.objective
    return baselines.DynamoPlanner(
        target=target,
        alpha_seconds=alpha,
        itl_seconds=objective.itl_ratio * alpha,
        ttft_seconds=objective.wait_seconds,
    )


def _wva(world: World, target: float, seed: int) -> SlotPolicy:
    del seed
    alpha = world.load.alpha_seconds
    itl = world.objective.itl_ratio * alpha
    return baselines.LlmdWva(target=target, alpha_seconds=alpha, itl_seconds=itl)


def _static(world: World, target: float, seed: int) -> SlotPolicy:
    del seed
    return baselines.Static(replicas=max(1, round(float(np.quantile(world.need, 1.0 - target)))))


CONTENDERS: dict[str, Contender] = {
    contender.name: contender
    for contender in (
        Contender(name=OURS, kind="ours", build=build_ours, span=lambda _world: (0.3, 1.2)),
        replace(_by_concurrency(baselines.hpa_concurrency), name="hpa-concurrency"),
        Contender(
            name="hpa-queue",
            build=lambda _world, target, _seed: baselines.hpa_queue(target),
            span=lambda _world: (0.25, 64.0),
        ),
        Contender(
            name="keda-queue",
            build=lambda _world, target, _seed: baselines.Keda(target=target),
            span=lambda _world: (0.25, 64.0),
        ),
        replace(_by_concurrency(baselines.KnativeKpa), name="knative-kpa"),
        replace(_by_concurrency(baselines.RayServe), name="ray-serve"),
        replace(_by_concurrency(baselines.AwsTargetTracking), name="aws-target-tracking"),
        Contender(
            name="skyserve-qps",
            build=lambda _world, target, _seed: baselines.SkyServe(target=target),
            span=lambda world: (allowed_rate(world) / 4, allowed_rate(world) * 1.3),
        ),
        Contender(name="dynamo-planner", build=_dynamo, span=lambda _world: (0.36, 1.2)),
        Contender(name="llmd-wva", build=_wva, span=lambda _world: (0.36, 1.2)),
        Contender(name="static", kind="static", build=_static, span=lambda _world: (0.0001, 0.2)),
        Contender(
            name="oracle-now",
            kind="oracle",
            build=lambda world, target, _seed: oracles.NowOracle(
                world=world,
                target=target,
                hold_seconds=max(600.0, world.cold_start_seconds),
            ),
            span=lambda _world: (0.45, 1.2),
        ),
        Contender(
            name="oracle-foresight",
            kind="oracle",
            build=lambda world, target, _seed: oracles.ForesightOracle(world=world, target=target),
            span=lambda _world: (0.6, 1.6),
        ),
    )
}
"""Everybody by name. `oracle-now` holds as long as ours may, so that only knowledge differs."""

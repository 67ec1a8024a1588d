"""Builders and readers that the fleet's tests share."""

import random
from collections.abc import Iterable, Sequence

from autoscaler.emulator.fleet import (
    Completion,
    Fleet,
    FleetConfig,
    Physics,
    Profile,
    Request,
    Router,
    Stream,
)
from autoscaler.emulator.profile_table import DEFAULT_PROFILE, PROFILES

H100 = PROFILES[DEFAULT_PROFILE]

KNOBS = Physics(
    plateau_seqs=6,
    exponent=0.6,
    drift_ratio=0.125,
    drift_period_seconds=40.0,
    step_jitter_ratio=0.05,
    cached_prompt_ratio=0.3,
)
"""Everything at once that a replica does besides its profile."""


def poisson(
    rate: float, seconds: float, *, seed: int = 1, prompt: int = 800, output: int = 150
) -> list[Request]:
    """Requests with evenly spread lengths up to twice the given means."""
    lots = random.Random(seed)
    requests, now = [], 0.0
    while (now := now + lots.expovariate(rate)) < seconds:
        requests.append(
            Request(now, lots.randint(1, 2 * prompt), lots.randint(1, 2 * output)),
        )
    return requests


def fleet_of(
    replicas: int = 1,
    workload: Iterable[Request] = (),
    *,
    physics: Physics | None = None,
    profile: Profile = H100,
    router: Router = Router.ROUND_ROBIN,
    cold_start_seconds: float = 60.0,
    drain_seconds: float = 600.0,
    seed: int = 0,
    into: list[Completion] | None = None,
) -> Fleet:
    config = FleetConfig(
        profile=profile,
        physics=physics or Physics(),
        replicas=replicas,
        router=router,
        cold_start_seconds=cold_start_seconds,
        drain_seconds=drain_seconds,
        seed=seed,
    )
    return Fleet(config, workload, sink=None if into is None else into.extend)


def completions(
    requests: Iterable[Request],
    *,
    until: float = 10_000.0,
    replicas: int = 1,
    physics: Physics | None = None,
    profile: Profile = H100,
    router: Router = Router.ROUND_ROBIN,
    seed: int = 0,
) -> list[Completion]:
    """Run the requests through a fleet and return what was finished, in order of arrival."""
    finished: list[Completion] = []
    fleet = fleet_of(
        replicas,
        requests,
        physics=physics,
        profile=profile,
        router=router,
        seed=seed,
        into=finished,
    )
    fleet.advance(until)
    return sorted(finished)


def watch(fleet: Fleet, requests: Sequence[Request], *, until: float) -> list[Stream]:
    """Submit the requests as watched streams, going from token to token of each."""
    streams: list[Stream] = []
    for request in requests:
        go_from_token_to_token(fleet, streams, until=request.arrival_at)
        streams.append(
            fleet.submit(
                request.arrival_at,
                prompt_tokens=request.prompt_tokens,
                output_tokens=request.output_tokens,
            )
        )
    go_from_token_to_token(fleet, streams, until=until)
    return streams


def go_from_token_to_token(fleet: Fleet, streams: Sequence[Stream], *, until: float) -> None:
    while True:
        nexts = [at for stream in streams if (at := stream.next_at()) is not None]
        if not nexts or min(nexts) > until:
            break
        fleet.advance(min(nexts))
    fleet.advance(max(until, fleet.now))


def mean_itl(finished: Iterable[Completion]) -> float:
    many = [c for c in finished if c.output_tokens > 1]
    return sum((c.finished_at - c.first_token_at) / (c.output_tokens - 1) for c in many) / len(many)

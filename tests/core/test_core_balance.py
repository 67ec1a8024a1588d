"""Unequal replicas are told from load that comes and goes."""

import math
import random
from collections.abc import Callable, Iterator

import pytest
from core_world import MINUTE, START, deployment, probe

from autoscaler.core.balance import SHOWN_AFTER, Balance, looked
from autoscaler.core.model import Notice, Observation
from autoscaler.core.policy import Policy
from autoscaler.core.state import State, decode_state, encode_state
from autoscaler.core.step import step
from autoscaler.core.window import Sample
from autoscaler.core.words import Verdict
from autoscaler.emulator.fleet import Fleet, FleetConfig, Physics
from autoscaler.emulator.profile_table import DEFAULT_PROFILE, PROFILES
from autoscaler.emulator.workload import Request

FULL = 30.8
"""Requests a second of these lengths that one replica serves."""
SECONDS = 1400.0


def requests(rate: Callable[[float], float], seed: int) -> Iterator[Request]:
    lots, at = random.Random(seed), 0.0
    while at < SECONDS:
        at += lots.expovariate(max(0.05, FULL * rate(at)))
        prompt, output = lots.lognormvariate(6.5, 0.8), lots.lognormvariate(4.8, 0.7)
        yield Request(at, max(16, int(prompt)), max(4, int(output)))


def fleet(rate: Callable[[float], float], *, replicas: int, seed: int) -> Fleet:
    profile = PROFILES[DEFAULT_PROFILE]
    one = Fleet(FleetConfig(profile=profile, physics=Physics(), replicas=replicas, seed=seed))
    one.feed(requests(rate, seed))
    return one


def probed(fleets: list[Fleet], replicas: int, every: float = 5.0) -> list[Sample]:
    """Probes that each meet one of the fleets by chance."""
    lots, at, flying = random.Random(7), 60.0, []
    while at < SECONDS - 60.0:
        for one in fleets:
            one.advance(at)
        stream = lots.choice(fleets).submit(at, prompt_tokens=64, output_tokens=100)
        flying.append((at, stream))
        at += every * lots.uniform(0.7, 1.3)
    for one in fleets:
        one.advance(SECONDS)
    return [
        Sample(
            at=START + at,
            ended_at=START + stream.tokens[-1],
            replicas=replicas,
            itl=(stream.tokens[-1] - stream.tokens[0]) / (len(stream.tokens) - 1),
        )
        for at, stream in flying
        if stream.finished
    ]


def shown(samples: list[Sample], replicas: int) -> bool:
    balance, at, told = Balance(), START + 6 * MINUTE, False
    while at < START + SECONDS - MINUTE:
        at += MINUTE
        window = tuple(s for s in samples if at - 360.0 <= s.at and s.ended_at <= at)
        balance = looked(balance, window, replicas=replicas, now=at)
        told = told or balance.shown(at) is not None
    return told


@pytest.mark.slow
@pytest.mark.parametrize("shares", [(0.3, 0.8), (0.45, 0.45, 0.45, 0.9)], ids=str)
def test_an_uneven_balancer_is_told(shares: tuple[float, ...]) -> None:
    fleets = [
        fleet(lambda _, share=share: share, replicas=1, seed=5 + number)  # type: ignore[misc]
        for number, share in enumerate(shares)
    ]
    assert shown(probed(fleets, len(shares)), len(shares))


def waves(on: float, off: float, high: float) -> Callable[[float], float]:
    low = (on + off - on * high) / off
    return lambda at: 3 * 0.5 * (high if at % (on + off) < on else low)


@pytest.mark.slow
@pytest.mark.parametrize(
    "rate",
    [
        pytest.param(lambda _: 3 * 0.3, id="quiet"),
        pytest.param(lambda _: 3 * 0.9, id="busy"),
        pytest.param(waves(10.0, 20.0, 1.9), id="bursts of 10 s"),
        pytest.param(waves(20.0, 40.0, 1.8), id="bursts of 20 s"),
        pytest.param(waves(60.0, 60.0, 1.6), id="bursts of a minute"),
    ],
)
def test_an_even_fleet_is_not_told_whatever_its_load(rate: Callable[[float], float]) -> None:
    assert not shown(probed([fleet(rate, replicas=3, seed=2)], 3), 3)


def story(seconds: float, *, replicas: int = 2, every: float = 5.0) -> tuple[State, Notice | None]:
    """Two kinds of replicas, 10 and 25 ms, met by chance; returns the last notice of it."""
    state, lots, found, at = State(), random.Random(3), None, START
    while at < START + seconds:
        instants = [at + every * (number + 0.5) for number in range(int(15.0 // every))]
        probes = tuple(
            probe(one, itl=lots.choice((0.010, 0.025)) * lots.uniform(0.95, 1.05))
            for one in instants
        )
        at += 15.0
        seen = Observation(
            at=at, deployment=deployment(replicas=replicas), read_at=at, probes=probes
        )
        outcome = step(state, seen, Policy(matched="test", max_replicas=4))
        state, notices = outcome.state, outcome.notices
        found = next((one for one in notices if one.kind == "imbalance"), None)
        assert found is None or outcome.decision.verdict is not Verdict.UP
    return state, found


def test_the_notice_comes_with_its_evidence() -> None:
    state, notice = story(20 * MINUTE)
    assert notice is not None
    assert notice.values["low_seconds"] == pytest.approx(0.010, rel=0.03)
    assert notice.values["high_seconds"] == pytest.approx(0.025, rel=0.03)
    assert 0.3 < notice.values["share"] < 0.7
    assert "25" in notice.because
    assert decode_state(encode_state(state)) == state


def test_one_odd_minute_is_no_notice() -> None:
    assert story(10 * MINUTE)[1] is None


def test_a_single_replica_is_never_uneven() -> None:
    assert story(20 * MINUTE, replicas=1)[1] is None


def test_nothing_is_said_of_probes_that_are_far_apart() -> None:
    assert story(20 * MINUTE, every=15.0)[1] is None


def test_a_changed_count_begins_anew() -> None:
    itls = [math.exp(0.4 * (-1) ** (n // 2)) * 0.01 for n in range(72)]
    samples = tuple(
        Sample(at=5.0 * n, ended_at=5.0 * n + 1, replicas=2 + (n > 60), itl=itl)
        for n, itl in enumerate(itls)
    )
    balance = looked(Balance(seen=SHOWN_AFTER), samples, replicas=3, now=360.0)
    assert balance == Balance(looked_at=360.0)

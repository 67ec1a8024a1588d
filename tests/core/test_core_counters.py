"""Requests that the engine counts, in the estimate: they sharpen it, and lies do no harm."""

import json
import math
import random
from dataclasses import dataclass, field, replace

import pytest
from core_world import HOUR, MINUTE, START, World, deployment
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core.codec import encode
from autoscaler.core.counters import Counted, Counters, counted, followed, growth
from autoscaler.core.estimate import CONTRADICTION, Reading, joined
from autoscaler.core.learned import PLAIN
from autoscaler.core.line import Line, Objectives
from autoscaler.core.model import Observation, ProbeResult, Signal
from autoscaler.core.policy import Policy
from autoscaler.core.slope import Slope, both
from autoscaler.core.state import State, decode_state, encode_state
from autoscaler.core.words import Measure

WATCHED = Policy(matched="test", max_replicas=16)
"""Advisory: the count stays, so that worlds with and without counters see the same."""
LINE = Line(
    alpha=0.01,
    cap=0.75,
    rates=PLAIN,
    full_rate=4.0,
    sigma=0.25,
    objectives=Objectives(itl=0.03, ttft=1.0),
)


def readings(
    at: float, served: float, *, waiting: float | None = None, replica: str | None = None
) -> tuple[Signal, ...]:
    total = Signal(
        name="begun", at=at, value=served, measure=Measure.REQUESTS_TOTAL, replica=replica
    )
    if waiting is None:
        return (total,)
    told = Signal(name="waits", at=at, value=waiting, measure=Measure.WAITING, replica=replica)
    return (total, told)


def observed(at: float, signals: tuple[Signal, ...], *, replicas: int = 1) -> Observation:
    return Observation(at=at, deployment=deployment(replicas=replicas), read_at=at, signals=signals)


def after(*steps: tuple[float, float, str | None], replicas: int = 1) -> Counters:
    """Counters after readings of (instant, requests begun, replica)."""
    counters = Counters()
    for at, served, replica in steps:
        told = observed(at, readings(at, served, replica=replica), replicas=replicas)
        counters = followed(counters, told)
    return counters


def pooled(counters: Counters, *, now: float, replicas: int = 1) -> Counted | None:
    return counted(counters, now=now, seconds=60.0, own_rate=0.0, replicas=replicas)


def test_two_readings_make_a_rate_with_its_poisson_error() -> None:
    came = pooled(after((0.0, 100.0, None), (60.0, 220.0, None), replicas=2), now=60.0, replicas=2)
    assert came is not None
    assert came.rate == 2.0
    assert came.events / came.seconds == 1.0  # a replica
    assert came.sigma == pytest.approx(1.0 / math.sqrt(120.0), rel=0.01)


def test_readings_of_single_replicas_pool_to_the_rate_of_one_and_are_never_summed() -> None:
    """Each GET meets another of four replicas: 60 requests a minute each, 4 a second in all."""
    steps = []
    for turn in range(8):
        at, replica = 15.0 * turn, turn % 4
        steps.append((at, 1000.0 * replica + at, f"r{replica}"))
    came = pooled(after(*steps, replicas=4), now=105.0, replicas=4)
    assert came is not None
    assert came.rate == pytest.approx(4.0)
    assert came.events / came.seconds == pytest.approx(1.0)


def test_replicas_that_were_not_seen_make_the_rate_less_sure() -> None:
    one = pooled(after((0.0, 0.0, "a"), (60.0, 60.0, "a"), replicas=8), now=60.0, replicas=8)
    alone = pooled(after((0.0, 0.0, "a"), (60.0, 60.0, "a")), now=60.0)
    assert one is not None
    assert alone is not None
    assert one.rate == pytest.approx(8.0 * alone.rate)
    assert one.sigma > 1.4 * alone.sigma


@pytest.mark.parametrize(
    ("counters", "now", "replicas"),
    [
        pytest.param(after((0.0, 500.0, "a"), (60.0, 20.0, "a")), 60.0, 1, id="restarted"),
        pytest.param(after((0.0, 0.0, "a"), (60.0, 60.0, "a")), 130.0, 1, id="old"),
        pytest.param(after((0.0, 0.0, "a"), (300.0, 60.0, "a")), 300.0, 1, id="far apart"),
        pytest.param(after((0.0, 0.0, "a"), (20.0, 60.0, "a")), 20.0, 1, id="covers little"),
        pytest.param(
            after((0.0, 9.0, ""), (60.0, 70.0, ""), replicas=2), 60.0, 2, id="of nobody knows whom"
        ),
        pytest.param(Counters(), 60.0, 1, id="none"),
    ],
)
def test_what_a_counter_cannot_tell_is_no_evidence(
    counters: Counters, now: float, replicas: int
) -> None:
    assert pooled(counters, now=now, replicas=replicas) is None


def test_a_counter_that_does_not_even_count_our_probes_is_frozen() -> None:
    frozen = after((0.0, 100.0, None), (60.0, 100.0, None))
    assert counted(frozen, now=60.0, seconds=60.0, own_rate=0.2, replicas=1) is None


def test_a_queue_that_grows_tells_the_excess_as_the_slope_of_ttft_does() -> None:
    """3 more wait after a minute in which 60 were served: 0.05 seconds a second."""
    counters = Counters()
    for at, served, waiting in ((0.0, 0.0, 2.0), (60.0, 60.0, 5.0)):
        told = observed(at, readings(at, served, waiting=waiting))
        counters = followed(counters, told)
    slope = growth(counters, now=60.0, seconds=60.0)
    assert slope is not None
    assert slope.value == pytest.approx(0.05)
    assert slope.low < 0.0 < slope.high


def test_counted_growth_sharpens_the_slope_and_never_contradicts_it() -> None:
    told = Slope(value=0.5, low=0.2, high=0.8)
    sharper = both(told, Slope(value=0.6, low=0.5, high=0.7))
    assert sharper is not None
    assert 0.5 < sharper.value < 0.6
    assert sharper.high - sharper.low < 0.2
    assert both(told, Slope(value=-0.3, low=-0.4, high=-0.2)) == told


def test_counted_growth_alone_calls_for_more_and_never_for_less() -> None:
    growing, draining = (Slope(value=v, low=v - 0.1, high=v + 0.1) for v in (0.3, -0.3))
    assert both(None, growing) == growing
    assert both(None, draining) is None
    assert both(None, None) is None


@given(
    load=st.floats(0.0, 8.0),
    spread=st.floats(0.01, 2.0),
    rate=st.floats(0.0, 1e4),
    sigma=st.floats(0.0, 2.0),
)
def test_counters_move_the_load_by_no_more_than_two_deviations_of_the_probes(
    load: float, spread: float, rate: float, sigma: float
) -> None:
    probed = Reading(load=load, spread=spread, itl=0.02, samples=12)
    came = Counted(events=1.0, served=1.0, seconds=1.0, rate=rate, sigma=sigma)
    found = joined(probed, came, LINE)
    assert abs(found.load - load) <= CONTRADICTION * spread + 1e-4
    assert found.spread <= spread + 1e-4


# -- worlds ---------------------------------------------------------------------------------------


@dataclass
class Counting(World):
    """A world whose engines count, each by itself; `told` says how they are read."""

    told: str = "none"
    """`none`, `sum`, `each` (another replica at every reading), `nameless`."""
    frozen: bool = False
    restarts_every: float = math.inf
    begun: dict[int, float] = field(default_factory=dict)
    lives: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lots = random.Random(self.seed + 1)

    def observe(self, probes: tuple[ProbeResult, ...]) -> Observation:
        seen = super().observe(probes)
        mean = self.rate * self.load(self.t) / self.replicas * self.decide
        for number in range(self.replicas if not self.frozen else 0):
            came = max(0.0, self.lots.gauss(mean, math.sqrt(mean))) + len(probes) / self.replicas
            self.begun[number] = self.begun.get(number, 5e4 * number) + came
        if self.t // self.restarts_every > self.lives:
            self.begun, self.lives = {}, self.lives + 1
        return replace(seen, signals=self._signals(seen.at))

    def _signals(self, at: float) -> tuple[Signal, ...]:
        if self.told == "none":
            return ()
        if self.told == "sum":
            return readings(at, sum(self.begun.values()))
        number = self.lots.randrange(self.replicas)
        replica = "" if self.told == "nameless" else f"{number}-{self.lives}"
        return readings(at, self.begun.get(number, 0.0), replica=replica)


def hours(t: float) -> float:
    """Ten minutes at each of several loads of four replicas."""
    return (0.2, 1.2, 2.4, 3.2, 0.8, 2.0, 3.4, 0.4, 2.8, 1.6)[int(t // (10 * MINUTE)) % 10]


def taught(told: str, seconds: float = 5 * HOUR, *, restarts: float = math.inf) -> Counting:
    world = Counting(
        load=hours,
        policy=WATCHED,
        replicas=4,
        exponent=1.6,
        rate=6.0,
        told=told,
        restarts_every=restarts,
    )
    world.run(seconds)
    return world


def rms(world: Counting) -> float:
    """Error of the load in the later half, in replicas, where it had three minutes to be seen."""
    errors = []
    for outcome in world.outcomes[len(world.outcomes) // 2 :]:
        one = outcome.decision.estimate
        since = (one.at - START) % (10 * MINUTE)
        if one.load is not None and since > 3.5 * MINUTE:
            errors.append(one.load - hours(one.at - START - 1.0))
    return math.sqrt(sum(error * error for error in errors) / len(errors))


@pytest.mark.slow
@pytest.mark.parametrize("told", ["sum", "each"])
def test_with_counters_the_load_is_seen_better(told: str) -> None:
    """A line bent by 1.6, of which probes that hear nothing know only E1."""
    blind, seeing = rms(taught("none")), rms(taught(told))
    assert seeing < 0.6 * blind


@pytest.mark.slow
def test_readings_of_replicas_without_a_name_leave_every_estimate_as_it_was() -> None:
    without, nameless = taught("none", HOUR), taught("nameless", HOUR)
    assert [one.decision for one in nameless.outcomes] == [one.decision for one in without.outcomes]


@pytest.mark.slow
@pytest.mark.parametrize("told", ["sum", "each"])
def test_counters_that_freeze_while_the_load_grows_do_not_hide_it(told: str) -> None:
    world = taught(told)
    world.load = lambda _: 3.2
    world.frozen = True
    world.run(10 * MINUTE)
    found = [one.decision.estimate.load or 0.0 for one in world.outcomes[-20:]]
    assert min(found) > 0.8 * 3.2


@pytest.mark.slow
def test_engines_that_restart_all_the_time_make_nothing_worse() -> None:
    restless = rms(taught("each", restarts=5 * MINUTE))
    assert restless < 1.1 * rms(taught("none"))


@pytest.mark.parametrize("seed", range(3))
def test_readings_that_no_engine_gives_leave_state_and_estimate_finite(seed: int) -> None:
    """An endpoint may answer anything: huge, negative, not a number, in any order."""
    lots = random.Random(seed)
    values = [0.0, -1.0, 5.0, 3e9, 1e18, 1e300, 1.7e308, math.inf, -math.inf, math.nan]
    world = World(load=lambda t: 1.2 + math.sin(t / 700.0), policy=WATCHED, replicas=3)
    for _ in range(120):
        measures = lots.sample(list(Measure), lots.randint(1, len(Measure)))
        replica = lots.choice([None, "a", "b", ""])
        world.signals = tuple(
            Signal(
                name="x", at=START + world.t, value=lots.choice(values), measure=m, replica=replica
            )
            for m in measures
        )
        outcome = world.tick()
        json.dumps([encode_state(outcome.state), encode(outcome.decision)], allow_nan=False)


def test_a_state_of_before_there_were_counters_still_reads() -> None:
    document = encode_state(State())
    assert isinstance(document, dict)
    del document["counters"], document["counted"]
    assert decode_state(document) == State()
    assert encode(State().counted) != encode(State().learning)


@pytest.mark.slow
def test_what_is_kept_of_counters_is_bounded_and_survives_a_restart() -> None:
    state = taught("each", HOUR).state
    assert state.counters.tallies
    assert decode_state(encode_state(state)) == state
    counters = after(*((15.0 * n, float(n), f"r{n}") for n in range(200)))
    assert len(counters.levels) == 32
    assert len(after(*((15.0 * n, float(n), "a") for n in range(200))).tallies) <= 64

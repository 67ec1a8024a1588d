"""The same workload and policy through every driver give the same decisions.

(a) the daemon over the HTTP emulator, (b) the daemon with direct adapters, (c) a plain loop as the
backtest's: the core on a fresh fleet of the same seed, probed at the instants of (a), without event
loop or network, (d) the recorded observations of (a) given to the core again. (a) and (d) agree bit
by bit; the others in instant, count, target and verdict of every tick.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
import structlog
from twin_daemons import Directly, ProbersMemory, directly, through_http
from twin_plain import in_a_plain_loop
from twin_story import MAXIMUM, MINIMUM, SECONDS, settings

from autoscaler.clock import run_virtual
from autoscaler.core.codec import decode, encode
from autoscaler.core.model import Decision, Json, Observation
from autoscaler.core.policy import Policy
from autoscaler.core.state import State
from autoscaler.core.step import step
from autoscaler.core.words import Reason, Verdict
from autoscaler.store import MemoryStore

pytestmark = pytest.mark.day

FEWEST_CHANGES = 8
Row = tuple[float, int, int, Verdict]


def id_of(store: MemoryStore) -> str:
    (deployment_id,) = store.documents("watch")
    return deployment_id


def written(store: MemoryStore) -> dict[float, dict[str, Json]]:
    """Decisions as the daemon wrote them, by instant."""
    found = store.decisions(id_of(store), limit=100_000)
    return {float(str(decision["at"])): decision for decision in found}


def recorded(store: MemoryStore) -> list[Observation]:
    return [decode(Observation, seen) for seen in store.observations(id_of(store))]


def replayed(store: MemoryStore, policy: Policy) -> list[Decision]:
    """The core's decisions on the recorded observations, one a tick."""
    state, made = State(), []
    for seen in recorded(store):
        outcome = step(state, seen, policy)
        state = outcome.state
        made.append(outcome.decision)
    return made


def rows(made: Sequence[Decision]) -> list[Row]:
    return [(round(d.at, 3), d.current, d.target, d.verdict) for d in made]


def changes(made: Sequence[Decision]) -> int:
    return sum(before.target != after.target for before, after in pairwise(made))


@pytest.fixture(scope="module")
def over_http(tmp_path_factory: pytest.TempPathFactory) -> MemoryStore:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return run_virtual(through_http(tmp_path_factory.mktemp("twin")))


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Directly:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return run_virtual(directly(tmp_path_factory.mktemp("direct")))


@pytest.fixture(scope="module")
def policy(over_http: MemoryStore, tmp_path_factory: pytest.TempPathFactory) -> Policy:
    told = settings(tmp_path_factory.mktemp("policy"), {"project_id": "prj-emulated"})
    return told.policy_for(recorded(over_http)[0].deployment)


@pytest.fixture(scope="module")
def expected(over_http: MemoryStore, policy: Policy) -> list[Decision]:
    return replayed(over_http, policy)


def test_the_story_is_worth_comparing(over_http: MemoryStore, expected: list[Decision]) -> None:
    """Every trouble of the story has come to the core, and moved it or held it."""
    reasons = Counter(decision.reason for decision in expected)
    failures = {p.failure for look in recorded(over_http) for p in look.probes if p.failure}
    starts = {look.started_at for look in recorded(over_http)}

    assert changes(expected) >= FEWEST_CHANGES
    assert {
        Reason.ABOVE_MAX,
        Reason.SCALE_UP_OVERLOAD,
        Reason.SCALE_DOWN,
        Reason.OVERRIDE,
        Reason.PAUSED,
        Reason.HAND,
        Reason.STALE_DATA,
    } <= set(reasons)
    assert len(failures) >= 2
    assert len(starts) == 2
    assert {MINIMUM, MAXIMUM} <= {decision.target for decision in expected}
    assert max(decision.current for decision in expected) > MAXIMUM, "a hand goes beyond"


def test_recorded_observations_replay_bit_by_bit(
    over_http: MemoryStore, expected: list[Decision]
) -> None:
    again = {d.at: encode(d) for d in expected}

    assert len(again) >= SECONDS / 15 - 2
    for at, decision in written(over_http).items():
        assert again[at] == decision


def test_the_daemon_decides_the_same_over_http_and_directly(
    direct: Directly, policy: Policy, expected: list[Decision], capsys: pytest.CaptureFixture[str]
) -> None:
    made = replayed(direct.store, policy)
    report(capsys, "the direct daemon", made, expected)
    assert rows(made) == rows(expected)


def test_a_plain_loop_over_a_fresh_fleet_decides_the_same(
    over_http: MemoryStore,
    direct: Directly,
    policy: Policy,
    expected: list[Decision],
    *,
    capsys: pytest.CaptureFixture[str],
) -> None:
    memory = ProbersMemory(direct.settings)
    plain = in_a_plain_loop(recorded(over_http), direct.questions.asked, policy, memory)
    report(capsys, "the plain loop", plain, expected)
    assert rows(plain) == rows(expected)


def report(
    capsys: pytest.CaptureFixture[str],
    who: str,
    found: Sequence[Decision],
    expected: Sequence[Decision],
) -> None:
    pairs = list(zip(rows(found), rows(expected), strict=False))
    same = sum(one == other for one, other in pairs)
    with capsys.disabled():
        print(
            f"\n{who}: {same} of {len(expected)} decisions as over HTTP; the target changes"
            f" {changes(expected)} times"
        )
        for one, other in [pair for pair in pairs if pair[0] != pair[1]][:5]:
            print(f"  {one} in place of {other}")

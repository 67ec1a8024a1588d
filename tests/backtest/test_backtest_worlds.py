"""Other worlds than the plain one: a small cut of `make bench-worlds`."""

import pytest

from autoscaler.backtest.worlds import KINDS, REFERENCES, Place, judged, table, world_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_world_is_scaled_to_its_own_peak(kind: str) -> None:
    world, trace = world_of(Place(kind=kind, shape="step4", days=0.02, peak=2.0))

    assert 2 <= world.need.max() <= 4
    assert world.load.requests.sum() == pytest.approx(len(trace.arrival), rel=0.01)


@pytest.mark.parametrize("kind", ["plain", "least-loaded router", "32 tokens a chunk"])
def test_ours_serves_a_world_from_its_streams_alone(kind: str) -> None:
    row = judged(Place(kind=kind, shape="steady", days=0.02, peak=1.3, cold_start_seconds=60.0))

    assert row.ours.reached
    assert row.ours.gap < 1.0
    assert row.served.good_ratio > 0.9
    assert [name for name, _ in row.references] == list(REFERENCES)
    assert table([row]).splitlines()[2].startswith(f"| {kind} | steady |")

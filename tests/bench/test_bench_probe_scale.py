"""How a fleet is carried on one core: 100, 1,000 and 5,000 deployments, each every 15 s."""

from pathlib import Path

import pytest
from probe_rig import endpoint, probe, quantile

pytestmark = pytest.mark.bench

SECONDS = 31.0
"""Two intervals: every deployment is probed twice."""


@pytest.mark.parametrize("deployments", [100, 1000, 5000])
def test_a_fleet_on_one_core(deployments: int, tmp_path: Path) -> None:
    """By the real schedule and the real lengths (about one second of stream), against one server
    that plays all of them on the other core.
    """
    with endpoint(tmp_path) as rig:
        outcome = probe(rig.url, 0, SECONDS, deployments)
    rows = outcome["rows"]
    trusted = sum(row["counts"] for row in rows) / len(rows)
    failed = [row["why"] for row in rows if not row["ok"]]
    print(
        f"\n{deployments} deployments: {len(rows) / outcome['seconds']:.0f} probes/s, "
        f"CPU {outcome['cpu'] / outcome['seconds']:.1%} of a core "
        f"({1000 * outcome['cpu'] / len(rows):.2f} ms a probe), "
        f"memory {outcome['memory'] / 1e6:.0f} MB, "
        f"loop lag p50 {1000 * quantile(outcome['lag'], 0.5):.1f}, "
        f"p99 {1000 * quantile(outcome['lag'], 0.99):.1f} ms, schedule lag p99 "
        f"{1000 * quantile(outcome['schedule_lag'], 0.99):.1f} ms, "
        f"skipped {outcome['skipped']}, trusted {trusted:.1%}, failed {len(failed)} {failed[:2]}"
    )

"""`calibrate`: refused where it would hurt or mislead, and what it says when it worked."""

import pytest
from helpers_cli import call, platform
from helpers_cloud import Platform, deployment_json
from helpers_fakes import a_deployment

from autoscaler.cli.calibrate import lines
from autoscaler.probes.calibrate import Calibration


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"replicas": 2}, "a burst would spread over them"),
        ({"replicas": 1, "status": "initializing"}, "not ready"),
    ],
    ids=["two replicas", "not ready"],
)
def test_it_is_refused_before_anything_is_sent(changes: dict[str, object], because: str) -> None:
    with platform(Platform([deployment_json(1, **changes)])) as env:
        ended = call("calibrate", "chat-001", "--yes", env=env)
    assert ended.code == 3
    assert because in ended.err


def test_without_a_yes_and_without_a_terminal_nothing_is_sent() -> None:
    with platform(Platform([deployment_json(1, replicas=1)])) as env:
        ended = call("calibrate", "chat-001", env=env)
    assert ended.code == 2
    assert "give --yes" in ended.err


def test_a_probe_that_fails_breaks_it_off() -> None:
    served = Platform([deployment_json(1, replicas=1, endpoint_url="http://127.0.0.1:9/v1")])
    with platform(served) as env:
        env["NEEVSCALE_INFERENCE__ALLOWED_HOSTS"] = "[127.0.0.1]"
        ended = call("calibrate", "chat-001", "--yes", env=env)
    assert ended.code == 3
    assert "Nothing was learned" in ended.err


def test_what_was_learned_is_said_with_the_line_to_write() -> None:
    found = Calibration(
        alpha_seconds=0.0121,
        intercept_seconds=0.0118,
        slope_seconds=0.0003,
        cap=0.3,
        burst_seconds={1: 0.0121, 16: 0.0173},
        ttft_seconds=0.041,
        probes=63,
        lone_probes=(),
    )
    text = "\n".join(lines(a_deployment("idle"), found))
    assert "idle: 12.10 ms a token when idle, after 63 probes." in text
    assert "With 16 at once it was 17.30 ms a token" in text
    assert text.endswith("alpha_seconds: 0.01210")

"""Recorded observations replay to the same decisions, bit by bit; or show what another would do."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import Build, a_world, managed
from helpers_fakes import FakeCloud, a_deployment
from typer.testing import CliRunner

from autoscaler.cli.tree import build_cli
from autoscaler.store import SqliteStore

Virtual = Callable[..., Any]
RUNNER = CliRunner()
MINUTE = 60.0

pytestmark = pytest.mark.slow


@pytest.fixture
def past(virtual: Virtual, tmp_path: Path) -> Path:
    """Ten minutes of a daemon that raised one replica to the min of two, then got another max."""
    path = tmp_path / "state.db"

    async def story() -> None:
        store = SqliteStore(path)
        policy_for = managed(min_replicas=2)
        build = Build(cloud=FakeCloud(a_deployment("a")), store=store)
        world = await a_world(replace(build, config={"policy_for": policy_for}))
        await world.run(10 * MINUTE)
        await world.daemon.stop()
        store.close()

    virtual(story())
    return path


def replayed(*options: str) -> Any:
    return RUNNER.invoke(build_cli(), ["replay", *options])


def test_the_recorded_past_comes_out_the_same_to_the_bit(past: Path) -> None:
    result = replayed("a", "--state", str(past))

    assert result.exit_code == 0, result.output
    assert "0 of them come out differently" in result.output


def test_a_decision_that_was_tampered_with_is_found(past: Path) -> None:
    db = sqlite3.connect(past)
    db.execute("UPDATE decisions SET body = json_set(body, '$.target', 7) WHERE seq = 1")
    db.commit()
    db.close()

    result = replayed("a", "--state", str(past))

    assert result.exit_code == 3
    assert "1 of them come out differently" in result.output


def test_another_policy_shows_where_it_would_have_differed(past: Path, tmp_path: Path) -> None:
    other = tmp_path / "bold.yaml"
    other.write_text(
        "mode: active\ndeployments: [{match: {name: a}, min_replicas: 3, max_replicas: 9}]\n"
    )

    result = replayed("a", "--state", str(past), "--policy", str(other))

    assert result.exit_code == 0, result.output
    assert "this policy would have wanted another count" in result.output
    assert " 3 " in result.output


def test_json_has_every_decision(past: Path) -> None:
    result = replayed("dep-a", "--state", str(past), "-o", "json")

    decisions = json.loads(result.stdout)["decisions"]
    assert len(decisions) >= 40
    assert {decision["deployment"] for decision in decisions} == {"a"}


def test_an_unknown_deployment_is_told_with_those_that_are_known(past: Path) -> None:
    result = replayed("b", "--state", str(past))

    assert result.exit_code == 1
    assert "It knows: a" in result.output


def test_a_missing_state_file_is_named(tmp_path: Path) -> None:
    result = replayed("a", "--state", str(tmp_path / "none.db"))

    assert result.exit_code == 2
    assert "none.db" in result.output

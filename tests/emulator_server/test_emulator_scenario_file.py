"""Scenario files: every fault at once, with its line; and what a good one becomes."""

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from autoscaler.cli.loopback import shipped_file
from autoscaler.emulator.scenario import Deed, Scenario
from autoscaler.emulator.scenario_file import BadScenario, read_scenario
from autoscaler.emulator.shapes import ShapeKind
from autoscaler.emulator.workload import Request

GOOD = """
seed: 3
rules: {transition_status: scaling}
deployments:
  - name: chat-a
    replicas: 2
    physics: {max_num_seqs: 64}
    workload:
      shapes: [{kind: ramp, low: 1, high: 5}]
  - name: chat-b
    recording: {csv: load.csv, factor: 2}
events:
  - {at_seconds: 5, deployment: chat-a, deed: price, price_per_gpu_hour: 2.5}
faults:
  - {kind: status, status: 429, retry_after: date}
"""
BAD = """
deployments:
  - name: chat-a
    workload:
      shapes:
        - {kind: ramp, hihg: 5}
      mix: {prompt: {kind: fixed, typical: -3}}
    physics: {exponent: 9}
  - nmae: x
events:
  - {at_seconds: 5, deployment: zz, deed: explode}
faults:
  - {kind: status, probability: 4}
rules: {terminate_seconds: soon}
"""
CONTRADICTORY = """
deployments:
  - name: Chat
  - name: chat-b
    profile: none
    catalog_id: none
    gpu_config_id: none
    replicas: 0
  - name: chat-b
    workload: {}
    recording: {csv: load.csv}
events:
  - {at_seconds: 5, deployment: zz, deed: fail}
  - {at_seconds: 5, deployment: chat-b, deed: price}
"""


def read(tmp_path: Path, text: str) -> Scenario:
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    return read_scenario(path)


def faults_of(tmp_path: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(BadScenario) as caught:
        read(tmp_path, text)
    return caught.value.faults


def test_a_good_file_becomes_a_scenario(tmp_path: Path) -> None:
    scenario = read(tmp_path, GOOD)
    assert scenario.rules.transition_status == "scaling"
    first, second = scenario.deployments
    assert (first.replicas, first.physics.max_num_seqs) == (2, 64)
    assert first.workload is not None
    assert first.workload.shapes[0].kind is ShapeKind.RAMP
    assert second.recording is not None
    assert second.recording.csv == tmp_path / "load.csv"
    (event,) = scenario.events
    assert (event.deed, event.price_per_gpu_hour) == (Deed.PRICE, Decimal("2.5"))
    assert scenario.faults[0].status == 429


def test_an_empty_file_is_the_default_scenario(tmp_path: Path) -> None:
    assert read(tmp_path, "") == Scenario()


def test_all_faults_are_listed_with_their_lines(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, BAD)
    expected = {
        6: "deployments.0.workload.shapes.0.hihg: unknown key; did you mean high?",
        7: "deployments.0.workload.mix.prompt: ",
        8: "deployments.0.physics: ",
        9: "deployments.1.nmae: unknown key; did you mean name?",
        11: "events.0.deed: ",
        13: "faults.0: ",
        14: "rules.terminate_seconds: ",
    }
    for line, text in expected.items():
        assert any(fault.startswith(f"line {line}: {text}") for fault in faults), (line, faults)


def test_contradictions_between_values_are_listed_too(tmp_path: Path) -> None:
    places = [fault.split(": ")[:2] for fault in faults_of(tmp_path, CONTRADICTORY)]
    assert places == [
        ["line 3", "deployments.0.name"],
        ["line 5", "deployments.1.profile"],
        ["line 6", "deployments.1.catalog_id"],
        ["line 7", "deployments.1.gpu_config_id"],
        ["line 8", "deployments.1.replicas"],
        ["line 9", "deployments.2.name"],
        ["line 11", "deployments.2.recording"],
        ["line 13", "events.0.deployment"],
        ["line 14", "events.1"],
    ]


def test_what_is_no_yaml_says_where(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, "seed: [")
    assert "line 1" in fault


@pytest.mark.parametrize("text", ["- 1", "just text"])
def test_what_is_no_mapping_is_a_fault(tmp_path: Path, text: str) -> None:
    assert faults_of(tmp_path, text)


@pytest.mark.parametrize("name", ["load.csv", "load.csv.gz"])
def test_a_recording_is_read_plain_or_gzipped(tmp_path: Path, name: str) -> None:
    rows = b"arrival_s,prompt_tokens,output_tokens\n1.5,10,20\n2.5,30,40\n"
    (tmp_path / name).write_bytes(gzip.compress(rows) if name.endswith("gz") else rows)
    text = f"deployments: [{{name: chat-a, recording: {{csv: {name}}}}}]"
    recording = read(tmp_path, text).deployments[0].recording
    assert recording is not None
    assert list(recording.requests(100.0, seed=1)) == [
        Request(101.5, 10, 20),
        Request(102.5, 30, 40),
    ]


def test_the_demos_scenario_has_three_deployments() -> None:
    scenario = read_scenario(shipped_file("demo-scenario.yaml"))
    assert len(scenario.deployments) == 3
    assert any(event.deed is Deed.FAIL for event in scenario.events)


@pytest.mark.parametrize(
    "path", sorted(shipped_file("scenarios").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_shipped_scenario_is_good(path: Path) -> None:
    assert read_scenario(path).deployments

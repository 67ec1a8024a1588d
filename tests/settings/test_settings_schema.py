"""The JSON Schema that editors use says yes and no where the settings do."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from autoscaler.settings import Settings

ROOT = Path(__file__).parents[2]
README_FILE = """
mode: advisory
cloud: {base_url: "https://api.ai.neevcloud.com/aimodels", email: a@b.c, password_file: /x}
intervals: {discover_seconds: 15, probe_seconds: 15s, decide_seconds: 15}
defaults:
  min_replicas: 1
  max_replicas: 4
  slo: {ttft_seconds: 1.0, itl_seconds: 0.05, attainment_ratio: 0.98}
deployments:
  - match: {name: "chat-*"}
    max_replicas: 8
    mode: active
prices: {currency: INR, per_gpu_hour: {gpu-h100: 192.48, gpu-a100: [{price: 100}]}}
alerting: {alertmanager: [{url: "http://127.0.0.1:9093"}], webhook: [{url_file: /run/hook}]}
"""


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = Settings.model_json_schema()
    return jsonschema_rs.Draft202012Validator(schema)


@pytest.mark.parametrize(
    "text", [README_FILE, (ROOT / "config" / "neevscale.yaml").read_text()], ids=["short", "whole"]
)
def test_a_good_file_is_good_to_the_schema(validator: Any, text: str) -> None:
    assert [error.message for error in validator.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize(
    "text",
    ["mod: active", "intervals: {probe_seconds: soon}", "defaults: {max_replicas: 0}",
     "log: {format: xml}", "cloud: {pasword_file: x}"],
)  # fmt: skip
def test_a_bad_file_is_bad_to_the_schema(validator: Any, text: str) -> None:
    assert list(validator.iter_errors(yaml.safe_load(text)))

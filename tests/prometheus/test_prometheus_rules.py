"""The rules: what is shipped is what is made, promtool takes it, each alert fires in a test."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers_prometheus import ROOT, RULES
from helpers_tools import tool

from autoscaler.web.catalogue import BY_NAME
from autoscaler.web.metric import Kind
from autoscaler.web.rules import RulesConfig, RulesMode, build_rules, render, shipped_rules

STORIES = tuple(Path(__file__).parent / name for name in ("rules_test.yml", "rules_burn_test.yml"))


def _all_rules() -> list[dict[str, Any]]:
    document: dict[str, Any] = build_rules(RulesConfig(mode=RulesMode.FULL))
    return [rule for group in document["groups"] for rule in group["rules"]]


def _promtool(*arguments: str | Path) -> str:
    command = [tool("promtool"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", ["neevscale.yml", "neevscale-slo.yml"])
def test_the_shipped_file_is_what_the_generator_makes(name: str) -> None:
    assert (RULES / name).read_text("utf-8") == shipped_rules()[name], (
        "run python -m grafana.generate"
    )


def test_meta_mode_says_only_what_the_daemon_cannot() -> None:
    document: dict[str, Any] = build_rules(RulesConfig())
    names = {rule.get("alert") for group in document["groups"] for rule in group["rules"]}
    assert "NeevDaemonDown" in names
    assert "NeevDeploymentFailed" not in names
    assert not any(name and name.endswith("BudgetBurn") for name in names)


def test_thresholds_follow_the_configuration() -> None:
    slow = RulesConfig(discover_seconds=120, probe_seconds=60, decide_seconds=60, job="scaler")
    text = render(build_rules(slow))
    assert "> 600" in text
    assert "> 2400" in text
    assert "> 480" in text
    assert 'up{job="scaler"}' in text


def test_every_expression_names_only_exported_metrics() -> None:
    recorded = {rule["record"] for rule in _all_rules() if "record" in rule}
    for rule in _all_rules():
        for name in re.findall(
            r"\bneevscale_[a-z0-9_]+", re.sub(r"deployment_slo:[\w:]+", "", rule["expr"])
        ):
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            assert name in BY_NAME or BY_NAME[base].kind is Kind.HISTOGRAM, name
        for name in re.findall(r"deployment_slo:[\w:]+", rule["expr"]):
            assert name in recorded, name


def test_every_alert_has_what_the_guide_for_mixins_wants() -> None:
    for rule in _all_rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in {"critical", "warning"}
            assert rule["labels"]["source"] == "prometheus"
            assert {"summary", "description"} <= rule["annotations"].keys()
    text = render(build_rules(RulesConfig(runbook_url="https://x.example/runbooks/")))
    assert "https://x.example/runbooks/NeevDaemonDown.md" in text


def test_every_alert_has_a_story_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    files = [yaml.safe_load(path.read_text("utf-8")) for path in STORIES]
    fires: set[str] = set()
    silent: set[str] = set()
    for story in [story for file in files for story in file["tests"]]:
        for question in story.get("alert_rule_test", ()):
            (fires if question.get("exp_alerts") else silent).add(question["alertname"])
    names = {rule["alert"] for rule in _all_rules() if "alert" in rule}
    assert names <= fires
    assert names <= silent


@pytest.mark.live
def test_promtool_takes_the_rules_and_the_configuration() -> None:
    print(_promtool("check", "rules", *sorted(RULES.iterdir())))
    print(_promtool("check", "config", ROOT / "config" / "prometheus" / "prometheus.yml"))


@pytest.mark.live
def test_promtool_sees_every_story_end_as_told() -> None:
    print(_promtool("test", "rules", *STORIES))


@pytest.mark.live
def test_amtool_takes_the_alertmanager_configuration() -> None:
    path = ROOT / "config" / "alertmanager" / "alertmanager.yml"
    command = [tool("amtool"), "check-config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

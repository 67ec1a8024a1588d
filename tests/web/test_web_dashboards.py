"""The committed dashboards: made from their code, complete, asking only for what is exported."""

import json
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from autoscaler.web.catalogue import BY_NAME
from autoscaler.web.metric import Kind
from autoscaler.web.rules import RulesConfig, build_rules

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
FOREIGN = re.compile(r"^(up|scrape_samples_scraped|process_\w+)$")


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


def _panels(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in document["panels"] if panel["type"] != "row"]


def _expressions(document: dict[str, Any]) -> list[str]:
    asked = [target["expr"] for panel in _panels(document) for target in panel["targets"]]
    return asked + [each["expr"] for each in document["annotations"]["list"]]


@pytest.mark.slow
def test_the_dashboards_and_rules_are_what_their_code_makes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "grafana.generate", "--check"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_there_are_five_with_names_of_their_own() -> None:
    uids = {_read(path)["uid"] for path in FILES}
    assert len(FILES) == len(uids) == 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_panel_is_described_has_a_unit_and_its_own_place(path: Path) -> None:
    document = _read(path)
    for panel in _panels(document):
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
    ids = [panel["id"] for panel in document["panels"]]
    assert len(set(ids)) == len(ids)
    for one, other in combinations([panel["gridPos"] for panel in document["panels"]], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
        assert one["x"] + one["w"] <= 24


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_board_has_variables_links_and_annotations(path: Path) -> None:
    document = _read(path)
    names = {variable["name"] for variable in document["templating"]["list"]}
    assert {"datasource", "win"} <= names
    assert ("deployment" in names) == (path.stem != "daemon")
    assert document["links"][0]["tags"] == ["neevscale"]
    assert {each["name"] for each in document["annotations"]["list"]} == {
        "Scale calls", "Status changes", "Alerts",
    }  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_expression_names_only_exported_metrics_and_their_labels(path: Path) -> None:
    groups: Any = build_rules(RulesConfig())["groups"]
    recorded = {rule.get("record") for group in groups for rule in group["rules"]}
    for expression in _expressions(_read(path)):
        for name in re.findall(r"deployment_slo:[\w:]+", expression):
            assert name in recorded, name
        own = re.sub(r"deployment_slo:[\w:]+", "", expression)
        for name, selector in re.findall(r"\b(neevscale_\w+)(?:\{([^}]*)\})?", own):
            metric = BY_NAME.get(name) or BY_NAME[re.sub(r"_(bucket|sum|count)$", "", name)]
            assert (name == metric.name) == (metric.kind is not Kind.HISTOGRAM), name
            for label, word in re.findall(r'(\w+)(?:=|!=)"([^"$]*)"', selector):
                assert label in metric.labels, (name, label)
                assert word in metric.values.get(label, (word,)), (name, label, word)
        for word in re.findall(r"(?<![\w:$\"{])(up|process_\w+|scrape_\w+)\b(?=\{)", own):
            assert FOREIGN.match(word), word


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_counters_are_rated_and_sums_never_stand_alone(path: Path) -> None:
    for expression in _expressions(_read(path)):
        assert not re.search(r"_sum\b", expression) or "_count" in expression, expression
        for name in re.findall(r"\b(neevscale_\w+_total)\b", expression):
            assert re.search(rf"(rate|increase)\({name}\b", expression), expression


def test_every_counter_and_histogram_has_its_place_on_a_dashboard_or_in_a_rule() -> None:
    """A series that nobody asks for is a cost."""
    rules: Any = build_rules(RulesConfig())
    asked = "".join(json.dumps(_read(path)) for path in FILES) + json.dumps(rules)
    unused = {
        "neevscale_deployment_status_transitions_total",
        "neevscale_deployment_ready_sessions_total",
        "neevscale_probe_tokens_total",
        "neevscale_probe_time_to_first_content_token_seconds",
    }
    for metric in BY_NAME.values():
        if metric.kind is not Kind.GAUGE and metric.name not in unused:
            assert metric.name in asked, metric.name

"""Each alert has a runbook, whole, that names only what exists."""

import re
from pathlib import Path

import pytest

from autoscaler.cli.tree import VERBS
from autoscaler.core.alerting.catalogue import BY_NAME
from autoscaler.web.catalogue import METRICS

FOLDER = Path(__file__).parents[2] / "docs" / "runbooks"
SECTIONS = ["Meaning", "Impact", "First look", "What to do", "How it ends"]
SUFFIXES = ("_bucket", "_count", "_sum")

each_alert = pytest.mark.parametrize("name", sorted(BY_NAME))


def text_of(name: str) -> str:
    return (FOLDER / BY_NAME[name].runbook).read_text(encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


def test_there_is_a_runbook_for_each_alert_and_no_other() -> None:
    assert {file.stem for file in FOLDER.glob("*.md")} == set(BY_NAME)


@each_alert
def test_it_has_every_section_and_none_is_empty(name: str) -> None:
    text = text_of(name)
    assert text.startswith(f"# {name}\n")
    found = sections(text)
    assert list(found) == SECTIONS
    assert all(len(body) > 5 for body in found.values())


@each_alert
def test_its_first_look_names_a_metric_and_its_actions_say_what_to_do(name: str) -> None:
    found = sections(text_of(name))
    assert "`neevscale_" in found["First look"] or "`neevscale " in found["First look"]
    assert found["What to do"].startswith("- ")


@each_alert
def test_the_metrics_alerts_and_commands_it_names_exist(name: str) -> None:
    text = text_of(name)
    known = {metric.name for metric in METRICS}
    assert set(re.findall(r"neevscale_[a-z_]+", text)) <= known
    assert set(re.findall(r"\bNeev[A-Z]\w+", text)) - {"Neevscale"} <= set(BY_NAME)
    assert set(re.findall(r"`neevscale ([a-z-]+)", text)) <= set(VERBS)


@each_alert
def test_the_words_of_an_alert_are_whole_and_short(name: str) -> None:
    spec = BY_NAME[name]
    assert 10 < len(spec.summary) <= 100
    assert spec.action.endswith(".")
    assert spec.summary.endswith(".") is (spec.deployment is None)

"""No key is read by nobody: a setting that changes nothing is a lie."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

import autoscaler
from autoscaler.core.alerting.rules import AlertRules
from autoscaler.core.policy import Policy
from autoscaler.settings import ScalingSettings, Settings, ThresholdsSettings
from autoscaler.settings.faults import inner_section

PACKAGE = Path(autoscaler.__file__).parent
READERS = ("app", "cli", "settings")
"""Who reads the settings; everybody else is told by them."""


def read_attributes() -> set[str]:
    return {
        node.attr
        for folder in READERS
        for path in (PACKAGE / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    }


def keys(section: type[BaseModel], told: set[type[BaseModel]]) -> Iterator[tuple[str, str]]:
    told.add(section)
    for name in section.model_fields:
        yield section.__name__, name
        inner = inner_section(section, name)
        if inner is not None and inner not in told and inner is not ThresholdsSettings:
            yield from keys(inner, told)


def test_every_key_is_read_by_somebody() -> None:
    read = read_attributes()
    whole = ScalingSettings.model_fields.keys() & Policy.__dataclass_fields__.keys()
    unread = {
        f"{section}.{name}"
        for section, name in keys(Settings, set())
        if name not in read and name not in whole
    }
    assert unread == set()


@pytest.mark.parametrize("name", sorted(ThresholdsSettings.model_fields))
def test_every_threshold_is_one_of_the_alert_engine_with_its_default(name: str) -> None:
    assert getattr(ThresholdsSettings(), name) == getattr(AlertRules(), name)


def test_every_value_of_the_policy_can_be_set() -> None:
    given_by_others = {"matched", "budget_enforce", "schedules"}
    assert (
        Policy.__dataclass_fields__.keys() - given_by_others <= ScalingSettings.model_fields.keys()
    )

"""Reads a scenario from YAML, and says everything that is wrong with it at once, line by line.

The keys are the fields of `scenario.Scenario` and of what it is made of; there is no second list of
them. Unknown keys are errors, so that a misspelt one is not silently the default.
"""

import dataclasses
import difflib
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import pydantic
import yaml

from autoscaler.emulator.orders import NAME
from autoscaler.emulator.profile_table import PROFILES
from autoscaler.emulator.scenario import Deed, DeploymentPlan, Scenario

Place = tuple[str | int, ...]
"""Keys and indices from the top of the file."""
Kind = Any  # a type form: the typing module has no name for it yet


class BadScenario(ValueError):
    """A scenario that cannot be used; the text lists every fault with its line."""

    def __init__(self, path: Path, faults: Sequence[str]) -> None:
        super().__init__("\n".join([f"{path} is no usable scenario:", *faults]))
        self.faults = tuple(faults)


def read_scenario(path: Path) -> Scenario:
    """Return the scenario of a YAML file. Raises BadScenario, or OSError if it cannot be read."""
    text = path.read_text(encoding="utf-8")
    try:
        lines = dict(_lines(yaml.compose(text, Loader=yaml.SafeLoader), ()))
        data = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise BadScenario(path, [f"not YAML: {error}"]) from error

    def located(faults: Sequence[tuple[Place, str]]) -> BadScenario:
        numbered = sorted((_line(lines, place), _name(place), text) for place, text in faults)
        return BadScenario(path, [f"line {line}: {name}: {text}" for line, name, text in numbered])

    faults = list(_unknown_keys(Scenario, data, ()))
    try:
        scenario = pydantic.TypeAdapter(Scenario).validate_python(data)
    except pydantic.ValidationError as error:
        faults += [(tuple(e["loc"]), e["msg"]) for e in error.errors()]
        raise located(faults) from error
    faults += _contradictions(scenario)
    if faults:
        raise located(faults)
    return _resolved(scenario, path.parent)


def _resolved(scenario: Scenario, folder: Path) -> Scenario:
    """Let relative paths of recordings count from the scenario's folder."""
    plans = tuple(
        dataclasses.replace(
            plan, recording=dataclasses.replace(plan.recording, csv=folder / plan.recording.csv)
        )
        if plan.recording
        else plan
        for plan in scenario.deployments
    )
    return dataclasses.replace(scenario, deployments=plans)


def _contradictions(scenario: Scenario) -> Iterator[tuple[Place, str]]:
    """What each value alone cannot show."""
    names = [plan.name for plan in scenario.deployments]
    for index, plan in enumerate(scenario.deployments):
        here: Place = ("deployments", index)
        if plan.name in names[:index]:
            yield (*here, "name"), f"{plan.name} is taken by an earlier deployment"
        yield from _plan_faults(scenario, plan, here)
    for index, event in enumerate(scenario.events):
        if event.deployment not in names:
            yield ("events", index, "deployment"), f"there is no deployment {event.deployment}"
        if event.deed is Deed.PRICE and event.price_per_gpu_hour is None:
            yield ("events", index), "a price event needs price_per_gpu_hour"


def _plan_faults(
    scenario: Scenario, plan: DeploymentPlan, here: Place
) -> Iterator[tuple[Place, str]]:
    catalog = [model.id for model in scenario.catalog]
    offers = [offer.config_id for offer in scenario.offers]
    if not (3 <= len(plan.name) <= 30 and NAME.fullmatch(plan.name)):
        yield (*here, "name"), "must be a DNS label of 3 to 30 characters"
    if plan.catalog_id not in catalog:
        yield (*here, "catalog_id"), f"is none of {', '.join(catalog)}"
    if plan.profile is not None and plan.profile not in PROFILES:
        yield (*here, "profile"), f"is none of {', '.join(PROFILES)}"
    if plan.gpu_config_id is not None and plan.gpu_config_id not in offers:
        yield (*here, "gpu_config_id"), f"is none of {', '.join(offers)}"
    if plan.replicas < 1:
        yield (*here, "replicas"), "must be at least 1"
    if plan.workload is not None and plan.recording is not None:
        yield (*here, "recording"), "give either workload or recording"


def _unknown_keys(kind: Kind, data: object, place: Place) -> Iterator[tuple[Place, str]]:
    """Walk the data beside the dataclasses that it is meant to be."""
    origin: object = get_origin(kind)
    if origin in {Union, types.UnionType}:
        kind = next((arg for arg in get_args(kind) if arg is not types.NoneType), kind)
    if origin is tuple and isinstance(data, list):
        for index, item in enumerate(data):
            yield from _unknown_keys(get_args(kind)[0], item, (*place, index))
    elif dataclasses.is_dataclass(kind) and isinstance(kind, type) and isinstance(data, Mapping):
        hints = get_type_hints(kind)
        for key, value in data.items():
            if key in hints:
                yield from _unknown_keys(hints[key], value, (*place, key))
            else:
                near = difflib.get_close_matches(str(key), hints, n=1)
                hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(hints)}"
                yield (*place, str(key)), f"unknown key{hint}"


def _lines(node: yaml.Node | None, place: Place) -> Iterator[tuple[Place, int]]:
    """Yield the line of every key and item."""
    if node is None:
        return
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*place, key.value)
            yield from _lines(value, here)
            yield here, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(item, (*place, index))


def _line(lines: Mapping[Place, int], place: Place) -> int:
    """Line of the place, or of the nearest one around it that the file has."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def _name(place: Place) -> str:
    return ".".join(str(part) for part in place) or "scenario"

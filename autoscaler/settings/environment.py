"""Settings from the environment: `NEEVSCALE_` and the path, `__` between levels.

`NEEVSCALE_INTERVALS__PROBE_SECONDS=5` is `intervals: {probe_seconds: 5}`. A list or a map is
written as YAML (or JSON): `NEEVSCALE_ALERTING__ALERTMANAGER='[{url: "http://127.0.0.1:9093"}]'`,
and `null` is nothing. Names of the platform's own that are ours to read: `PLATFORM_VARIABLES`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, get_origin

import yaml
from pydantic import BaseModel

from autoscaler.settings.faults import Fault, dotted, keys_of
from autoscaler.settings.faults import Path as KeyPath

PREFIX: Final = "NEEVSCALE_"
LEVELS: Final = "__"
CONFIG_VARIABLE: Final = "NEEVSCALE_CONFIG"
"""Names the configuration file; no setting of it."""
URL_VARIABLE: Final = "NEEVSCALE_URL"
"""Where the command line finds a running daemon; no setting of it."""
PLATFORM_VARIABLES: Final[Mapping[str, KeyPath]] = {
    "NEEV_ORG_ID": ("cloud", "org_id"),
    "NEEV_PROJECT_ID": ("cloud", "project_id"),
    "NEEV_API_TOKEN": ("cloud", "token"),
    "NEEV_API_TOKEN_FILE": ("cloud", "token_file"),
    "NEEV_INFERENCE_API_KEY": ("inference", "key"),
    "NEEV_INFERENCE_API_KEY_FILE": ("inference", "key_file"),
}
"""Variables that users of the platform have already. `NEEV_BASE_URL` and `NEEV_API_KEY` belong to
other products and are not read.
"""
_KUBERNETES = re.compile(
    r"NEEVSCALE(_[A-Z0-9_]+)?"
    r"_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)"
)
_KUBERNETES_PORT = re.compile(r"NEEVSCALE(_[A-Z0-9_]+)?_PORT")
"""Its value is a URL; that tells it from a slip of ours, such as `NEEVSCALE_WEB_PORT=9464`."""


@dataclass(slots=True)
class Environment:
    """What the environment sets."""

    data: dict[str, object] = field(default_factory=dict)
    names: dict[KeyPath, str] = field(default_factory=dict)
    """Path of each value to the variable that it comes from."""
    faults: list[Fault] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    """Variables that Kubernetes makes for a service of our name."""

    def where(self, path: KeyPath) -> str | None:
        """The variable that set `path` or what it stands in; None if none did."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.names:
                return self.names[path[:length]]
        return None


@cache
def variables(root: type[BaseModel]) -> Mapping[str, KeyPath]:
    """Every variable that is a setting, with its path."""
    ours = {PREFIX + LEVELS.join(map(str, p)).upper(): p for p in _plain_paths(root)}
    return {**ours, **PLATFORM_VARIABLES}


def read_environment(environ: Mapping[str, str], root: type[BaseModel]) -> Environment:
    """Read all variables that are ours. Empty ones count as not set."""
    known = variables(root)
    read = Environment()
    for name, value in sorted(environ.items()):
        path = known.get(name)
        if path is not None and value.strip():
            _set(read, name, path, _value(value, is_text=_is_text(root, path)))
        elif path is None and name.startswith(PREFIX):
            _judge_unknown(read, name, value, known)
    return read


def _set(read: Environment, name: str, path: KeyPath, value: object) -> None:
    rival = read.names.get(path)
    level = read.data
    for part in path[:-1]:
        inner = level.setdefault(str(part), {})
        if not isinstance(inner, dict):
            rival = read.names.get(path[:-1], "another variable")
            break
        level = inner
    if rival is not None:
        message = f"is also set by {rival}; keep one"
        read.faults.append(Fault(where=name, path=dotted(path), message=message))
        return
    level[str(path[-1])] = value
    read.names[path] = name


def _judge_unknown(read: Environment, name: str, value: str, known: Mapping[str, KeyPath]) -> None:
    if name in {CONFIG_VARIABLE, URL_VARIABLE}:
        return
    if _KUBERNETES.fullmatch(name) or (_KUBERNETES_PORT.fullmatch(name) and "://" in value):
        read.ignored.append(name)
        return
    close = get_close_matches(name, known, n=1, cutoff=0.8)
    hint = f"; did you mean {close[0]}?" if close else "; see `neevscale config env`"
    read.faults.append(Fault(where=name, path="", message=f"is no setting{hint}"))


def _plain_paths(section: type[BaseModel], above: KeyPath = ()) -> Iterator[KeyPath]:
    """Every key that can be reached without passing a list."""
    for key in sorted(keys_of(section)):
        yield (*above, key)
        field_info = section.model_fields.get(key)
        inner = None if field_info is None else field_info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _plain_paths(inner, (*above, key))


def _is_text(root: type[BaseModel], path: KeyPath) -> bool:
    """True if the value is taken as it stands: all but lists, maps and whole sections."""
    section: Any = root
    for part in path[:-1]:
        section = section.model_fields[part].annotation
    field_info = section.model_fields.get(path[-1])
    if field_info is None:
        return True
    kind = field_info.annotation
    is_section = isinstance(kind, type) and issubclass(kind, BaseModel)
    return not is_section and get_origin(kind) not in {tuple, Mapping}


def _value(text: str, *, is_text: bool) -> object:
    if text.strip() == "null":
        return None
    if is_text:
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text  # and the schema says that this is no list

"""Settings from the environment: `NEEVSCALE_` and the path, `__` between levels.

`NEEVSCALE_INTERVALS__PROBE_SECONDS=5` is `intervals: {probe_seconds: 5}`. A list or a map is
written as YAML (or JSON): `NEEVSCALE_ALERTING__ALERTMANAGER='[{url: "http://127.0.0.1:9093"}]'`,
and `null` is nothing. pydantic-settings' own source takes the names apart; added here are the
platform's own names (`PLATFORM_VARIABLES`), YAML, and what there is to complain of.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource
from pydantic_settings.sources.utils import parse_env_vars

from autoscaler.settings.faults import Fault, dotted, keys_of
from autoscaler.settings.faults import Path as KeyPath
from autoscaler.settings.given import without_rivals

PREFIX: Final = "NEEVSCALE_"
LEVELS: Final = "__"
NOTHING: Final = "null"
"""Text of a variable that sets its key to nothing."""
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


class Environment(EnvSettingsSource):
    """What the environment sets. Empty variables count as not set."""

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        super().__init__(
            settings_cls,
            case_sensitive=False,
            env_prefix=PREFIX,
            env_nested_delimiter=LEVELS,
            env_parse_none_str=NOTHING,
        )
        self.names: dict[KeyPath, str] = {}
        """Path of each value to the variable that it comes from."""
        self.faults: list[Fault] = []
        self.ignored: list[str] = []
        """Variables that Kubernetes makes for a service of our name."""
        self.env_vars = parse_env_vars(self._ours(environ), parse_none_str=NOTHING)

    def where(self, path: KeyPath) -> str | None:
        """The variable that set `path` or what it stands in; None if none did."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.names:
                return self.names[path[:length]]
        return None

    def __call__(self) -> dict[str, Any]:
        """The tree, less what a higher source spells otherwise."""
        data = super().__call__()
        self.faults += self._lost_in(data)
        return without_rivals(data, self.current_state)

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: str) -> Any:  # noqa: ANN401, ARG002  # as the library has it
        """A list, a map or a section, from YAML. Other text stays; the schema then refuses it."""
        try:
            return yaml.safe_load(value)
        except yaml.YAMLError:
            return value

    def _ours(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The variables that set something, under the names that the library looks for."""
        known = variables(self.settings_cls)
        ours: dict[str, str] = {}
        for name, value in sorted(environ.items()):
            path = known.get(name)
            if path is not None and value.strip():
                self._note(name, path)
                ours[_variable(path)] = NOTHING if value.strip() == NOTHING else value
            elif path is None and name.startswith(PREFIX):
                self._judge_unknown(name, value, known)
        return ours

    def _note(self, name: str, path: KeyPath) -> None:
        if path in self.names:
            self.faults.append(_contradicts(name, path, self.names[path]))
        self.names.setdefault(path, name)

    def _lost_in(self, data: object) -> Iterator[Fault]:
        """Variables below a section that another variable set to no section at all."""
        for path, name in self.names.items():
            level: object = data
            for length, part in enumerate(path):
                if not isinstance(level, Mapping):
                    yield _contradicts(name, path, self.where(path[:length]) or "another")
                    break
                level = level.get(part)

    def _judge_unknown(self, name: str, value: str, known: Mapping[str, KeyPath]) -> None:
        if name in {CONFIG_VARIABLE, URL_VARIABLE}:
            return
        if _KUBERNETES.fullmatch(name) or (_KUBERNETES_PORT.fullmatch(name) and "://" in value):
            self.ignored.append(name)
            return
        close = get_close_matches(name, known, n=1, cutoff=0.8)
        hint = f"; did you mean {close[0]}?" if close else "; see `neevscale config env`"
        self.faults.append(Fault(where=name, path="", message=f"is no setting{hint}"))


@cache
def variables(root: type[BaseModel]) -> Mapping[str, KeyPath]:
    """Every variable that is a setting, with its path."""
    return {**{_variable(path): path for path in _plain_paths(root)}, **PLATFORM_VARIABLES}


def _variable(path: KeyPath) -> str:
    return PREFIX + LEVELS.join(map(str, path)).upper()


def _contradicts(name: str, path: KeyPath, rival: str) -> Fault:
    return Fault(where=name, path=dotted(path), message=f"is also set by {rival}; keep one")


def _plain_paths(section: type[BaseModel], above: KeyPath = ()) -> Iterator[KeyPath]:
    """Every key that can be reached without passing a list."""
    for key in sorted(keys_of(section)):
        yield (*above, key)
        field_info = section.model_fields.get(key)
        inner = None if field_info is None else field_info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _plain_paths(inner, (*above, key))

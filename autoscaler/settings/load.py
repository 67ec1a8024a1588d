"""Puts the configuration together: command line over environment over file over defaults.

Finds all faults before it complains, so that one run shows everything that is to be put right.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic_settings import PydanticBaseSettingsSource

from autoscaler.core.words import Mode
from autoscaler.settings.environment import CONFIG_VARIABLE, Environment
from autoscaler.settings.faults import Fault, SettingsInvalid, dotted
from autoscaler.settings.faults import Path as KeyPath
from autoscaler.settings.given import Given
from autoscaler.settings.root import Settings
from autoscaler.settings.validate import validate
from autoscaler.settings.yaml_file import YamlFile, read_yaml

SEARCHED: Final = ("neevscale.yaml", "/etc/neevscale/neevscale.yaml")
"""Where a file is looked for when neither `--config` nor `NEEVSCALE_CONFIG` names one."""


# With PYDANTIC_SETTINGS_DEBUG the library logs every value that a source gives, secrets included.
logging.getLogger("pydantic_settings").setLevel(logging.INFO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration that can be used, and where it came from."""

    settings: Settings
    file: Path | None
    """The file that was read; None = there is none, environment and defaults alone."""
    notes: tuple[str, ...] = ()
    """Sentences for the start log, such as variables that were ignored."""


def load_settings(
    config: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    mode: Mode | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Loaded:
    """Read, merge and check everything. Raises SettingsInvalid with every fault.

    `mode` is `run --mode`: advisory silences every entry, active is the global mode. `overrides` is
    what the command line sets otherwise, as a tree. Calling it again with the same arguments is a
    reload.
    """
    file = _read_file(_find(config, os.environ if environ is None else environ))
    environment = Environment(Settings, os.environ if environ is None else environ)
    line: dict[str, object] = dict(overrides or {}) | ({} if mode is None else {"mode": mode})
    sources = _Sources(file=file, environment=environment, line=line)
    settings, found = validate(sources.by_precedence())
    faults = [] if file is None else list(file.faults)
    faults += environment.faults
    faults += [sources.fault(path, text) for path, text in found]
    if settings is None or faults:
        raise SettingsInvalid(sorted(faults, key=_by_place))
    if mode is Mode.ADVISORY:
        settings = settings.silenced()
    return Loaded(
        settings=settings,
        file=None if file is None else file.path,
        notes=_notes(environment),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sources:
    """Knows where each value came from."""

    file: YamlFile | None
    environment: Environment
    line: Mapping[str, object]

    def by_precedence(self) -> tuple[PydanticBaseSettingsSource, ...]:
        """The highest first, as pydantic-settings asks them."""
        return (
            Given(Settings, dict(self.line)),
            self.environment,
            Given(Settings, {} if self.file is None else self.file.data),
        )

    def fault(self, path: KeyPath, message: str) -> Fault:
        return Fault(where=self._where(path), path=dotted(path), message=message)

    def _where(self, path: KeyPath) -> str:
        if path and path[0] in self.line:
            return "command line"
        variable = self.environment.where(path)
        if variable is not None:
            return variable
        return "defaults" if self.file is None else self.file.where(path)


def _find(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read. One that is named must exist; the usual places may be empty."""
    if config is not None:
        return config
    if environ.get(CONFIG_VARIABLE):
        return Path(environ[CONFIG_VARIABLE])
    return next((path for path in map(Path, SEARCHED) if path.is_file()), None)


def _read_file(path: Path | None) -> YamlFile | None:
    return None if path is None else read_yaml(path)


def _notes(environment: Environment) -> tuple[str, ...]:
    if not environment.ignored:
        return ()
    return (
        "ignored variables that Kubernetes makes for a service of this name: "
        + ", ".join(environment.ignored),
    )


def _by_place(fault: Fault) -> tuple[str, int, str]:
    where, _, line = fault.where.rpartition(":")
    return (where, int(line), fault.path) if line.isdecimal() else (fault.where, 0, fault.path)

"""Reads the YAML file and remembers the line of every key, so that faults can name it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from autoscaler.settings.faults import Fault, dotted
from autoscaler.settings.faults import Path as KeyPath

LARGEST_FILE: Final = 1024 * 1024
"""Bytes. A thousand entries take a tenth of it."""
MOST_NODES: Final = 100_000
"""Values of a file, aliases counted each time: a file that unfolds without end is refused."""


@dataclass(slots=True)
class YamlFile:
    """One file as read: its values, the line of each, and what is wrong with it already."""

    path: Path
    data: dict[str, object] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    """Path of each key or list item to its line, from 1."""
    faults: list[Fault] = field(default_factory=list)

    def where(self, path: KeyPath) -> str:
        """`neevscale.yaml:12` for the nearest key that stands in the file."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return f"{self.path}:{self.lines[path[:length]]}"
        return f"{self.path}:1"


def read_yaml(path: Path) -> YamlFile:
    """Read one file. Faults of the file itself are in the result, not raised."""
    file = YamlFile(path)
    try:
        text = _read_text(path)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            return file
        _walk(node, (), file, [MOST_NODES])
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        file.faults.append(_fault(f"{path}:{line}", f"is not valid YAML: {error.problem}"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        file.faults.append(_fault(str(path), f"cannot be read: {_because(error)}"))
    else:
        _keep(data, file)
    return file


def _keep(data: object, file: YamlFile) -> None:
    if isinstance(data, dict):
        file.data = {str(key): value for key, value in data.items()}
    else:
        file.faults.append(
            _fault(f"{file.path}:1", "must be keys and values, such as mode: active")
        )


def _read_text(path: Path) -> str:
    with path.open("rb") as handle:
        raw = handle.read(LARGEST_FILE + 1)
    if len(raw) > LARGEST_FILE:
        raise ValueError(f"it is larger than {LARGEST_FILE} bytes")
    return raw.decode("utf-8-sig")


def _because(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or "it cannot be opened"
    if isinstance(error, UnicodeDecodeError):
        return "it is no UTF-8 text"
    return "it unfolds without end" if isinstance(error, RecursionError) else str(error)


def _fault(where: str, message: str) -> Fault:
    return Fault(where=where, path="", message=message)


def _walk(node: yaml.Node, path: KeyPath, file: YamlFile, left: list[int]) -> None:
    """Note the line of every key and item; `left` counts down the nodes that may still come."""
    left[0] -= 1
    if left[0] < 0:
        raise ValueError(f"it has more than {MOST_NODES} values")
    file.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _walk(item, (*path, number), file, left)
    if isinstance(node, yaml.MappingNode):
        _walk_mapping(node, path, file, left)


def _walk_mapping(node: yaml.MappingNode, path: KeyPath, file: YamlFile, left: list[int]) -> None:
    seen: dict[str, int] = {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        inner = (*path, key)
        if key in seen and key != "<<":
            file.faults.append(
                Fault(
                    where=f"{file.path}:{line}",
                    path=dotted(inner),
                    message=f"stands here again; it is already on line {seen[key]}",
                )
            )
        seen.setdefault(key, line)
        file.lines.setdefault(inner, line)
        _walk(value_node, inner, file, left)

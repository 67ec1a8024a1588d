"""What is wrong with a configuration, said so that it can be put right: where, which key, what.

Pydantic finds most faults and speaks to programmers; here they are put into the user's words.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from autoscaler.settings.secret import Secret
from autoscaler.settings.section import FILE, secret_fields

Path = tuple[str | int, ...]
"""Keys and list positions from the top of the configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault of a configuration."""

    where: str
    """File and line, or the environment variable, or the option."""
    path: str
    """The key from the top, such as `deployments[0].max_replicas`; empty for the whole."""
    message: str
    """What is wrong, and what to do."""

    def __str__(self) -> str:
        return f"{self.where}: {self.path} {self.message}".replace(":  ", ": ")


class SettingsInvalid(ValueError):
    """The configuration cannot be used; carries every fault that was found."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        count = f"{len(faults)} faults" if len(faults) != 1 else "1 fault"
        super().__init__("\n".join([f"{count} in the configuration:", *map(str, faults)]))


def dotted(path: Path) -> str:
    """`deployments[0].max_replicas` for `("deployments", 0, "max_replicas")`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def found_by(error: ValidationError, root: type[BaseModel]) -> Iterator[tuple[Path, str]]:
    """(path, message) of every fault that pydantic found."""
    yield from ((path, wrong) for _, path, wrong in rules_broken(error))
    for details in error.errors():
        path = tuple(details["loc"])
        if details["type"] == "extra_forbidden":
            yield path, unknown_key(path, root)
        elif details["type"] != "rules":
            yield path, _in_words(details)


def rules_broken(error: ValidationError) -> Iterator[tuple[Path, Path, str]]:
    """(section, path, message) of every broken rule of a section."""
    for details in error.errors():
        if details["type"] == "rules":
            section = tuple(details["loc"])
            for key, wrong in details["ctx"]["broken"]:
                inner = tuple(int(k) if k.isdecimal() else k for k in key.split("."))
                yield section, section + inner, wrong


def unknown_key(path: Path, root: type[BaseModel]) -> str:
    """What to say of a key that does not exist: the nearest one here, or where it belongs."""
    section = _section_at(path[:-1], root)
    known = sorted(keys_of(section)) if section is not None else []
    key = str(path[-1])
    close = get_close_matches(key, known, n=1, cutoff=0.6)
    if close:
        return f"is no setting; did you mean {close[0]}?"
    elsewhere = [dotted(other) for other in all_keys(root) if other[-1] == key]
    if elsewhere:
        return f"is no setting here; it belongs to {' or '.join(sorted(elsewhere)[:3])}"
    return f"is no setting; here there are: {', '.join(known)}" if known else "is no setting"


def keys_of(section: type[BaseModel]) -> set[str]:
    """The keys that a section knows, those that name files of secrets included."""
    return set(section.model_fields) | {f"{name}{FILE}" for name in secret_fields(section)}


def all_keys(section: type[BaseModel], *, above: Path = ()) -> Iterator[Path]:
    """Every key below `section`, lists and maps by their own key only."""
    for key in sorted(keys_of(section)):
        yield (*above, key)
        inner = inner_section(section, key)
        if inner is not None:
            yield from all_keys(inner, above=(*above, key))


def inner_section(section: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The section that `key` holds, alone, in a list or in a map; None if it holds none."""
    field = section.model_fields.get(key)
    return None if field is None else _section_in(field.annotation)


def _section_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401  # a type form
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in get_args(annotation):
        found = _section_in(part)
        if found is not None and part is not Secret:
            return found
    return None


def _section_at(path: Iterable[str | int], root: type[BaseModel]) -> type[BaseModel] | None:
    """The section at `path`. List positions and the keys of maps are passed over."""
    section: type[BaseModel] | None = root
    for part in path:
        if section is None:
            return None
        if isinstance(part, str) and part in section.model_fields:
            section = inner_section(section, part)
    return section


_WORDS: Final = {
    "missing": "is missing",
    "bool_parsing": "must be true or false, not {input}",
    "bool_type": "must be true or false, not {input}",
    "int_parsing": "must be a whole number, not {input}",
    "int_type": "must be a whole number, not {input}",
    "int_from_float": "must be a whole number, not {input}",
    "float_parsing": "must be a number, not {input}",
    "float_type": "must be a number, not {input}",
    "decimal_type": "must be an amount of money, not {input}",
    "finite_number": "must be a finite number",
    "string_type": "must be text, not {input}",
    "tuple_type": "must be a list (each item after a dash), not {input}",
    "mapping_type": "must be keys and values, not {input}",
    "dict_type": "must be keys and values, not {input}",
    "model_type": "must be keys and values, not {input}",
    "enum": "must be {expected}, not {input}",
    "greater_than": "must be above {gt:g}, not {input}",
    "greater_than_equal": "must be at least {ge:g}, not {input}",
    "less_than": "must be below {lt:g}, not {input}",
    "less_than_equal": "must be at most {le:g}, not {input}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must look like {pattern}, not {input}",
    "too_short": "must have at least {min_length} item",
    "value_error": "{error}",
}


def _in_words(details: ErrorDetails) -> str:
    shown = details["input"]
    text = repr(shown) if isinstance(shown, str | int | float | bool) or shown is None else "this"
    words = {k: v for k, v in details.get("ctx", {}).items() if not isinstance(v, dict)}
    template = _WORDS.get(details["type"])
    if template is None:
        return details["msg"][0].lower() + details["msg"][1:]
    for bound in ("gt", "ge", "lt", "le"):
        if bound in words:
            words[bound] = float(words[bound])
    return template.format(**{"input": text[:80], **words})

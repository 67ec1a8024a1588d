"""What every section of the settings has in common: frozen, closed, and able to list its faults.

A field of type `Secret` may be written as `name` (the value) or as `name_file` (where it stands).
A section states its own rules in `broken_rules`; all broken ones are reported, not the first.
"""

from collections.abc import Iterator
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from autoscaler.settings.secret import FromFile, Secret

FILE = "_file"
"""Ending of the key that names the file of a secret."""


def secret_fields(section: type[BaseModel]) -> set[str]:
    """Names of the fields that hold a secret."""
    return {
        name
        for name, field in section.model_fields.items()
        if field.annotation is Secret or Secret in get_args(field.annotation)
    }


def _tell_of_input(schema: dict[str, Any], section: type[BaseModel]) -> None:
    """The JSON schema knows `token_file` beside `token`, and a section that is left empty."""
    properties = schema.get("properties", {})
    for name in secret_fields(section) & properties.keys():
        properties[f"{name}{FILE}"] = {
            "type": "string",
            "description": f"File in which `{name}` stands; read anew on each use.",
        }
        if name in schema.get("required", []):
            schema["required"].remove(name)
    if not schema.get("required"):
        schema["type"] = ["object", "null"]


class Section(BaseModel):
    """One level of the configuration file."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        arbitrary_types_allowed=True,
        json_schema_extra=_tell_of_input,
    )

    @model_validator(mode="before")
    @classmethod
    def _fold_secret_files(cls, data: object) -> object:
        if data is None:
            return {}  # a section of which every line is a comment
        if not isinstance(data, dict):
            return data
        folded = dict(data)
        for name in secret_fields(cls):
            file = folded.pop(f"{name}{FILE}", None)
            if file is not None:
                folded[name] = FromFile(name, file, folded.get(name))
        return folded

    @model_validator(mode="after")
    def _obey_own_rules(self) -> Self:
        broken = list(self.broken_rules())
        if broken:
            raise _rules(broken)
        return self

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """(key, what is wrong with it) for each rule of this section that its values break."""
        yield from ()


def _rules(broken: list[tuple[str, str]]) -> PydanticCustomError:
    text = "; ".join(f"{key} {wrong}" for key, wrong in broken)
    return PydanticCustomError("rules", "{text}", {"text": text, "broken": broken})

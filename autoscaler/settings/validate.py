"""From the sources to settings, or to the list of everything that is wrong with them."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_settings import InitSettingsSource, PydanticBaseSettingsSource

from autoscaler.settings.faults import Path as KeyPath
from autoscaler.settings.faults import found_by, rules_broken
from autoscaler.settings.root import Settings
from autoscaler.settings.secret import Secret, SecretUnreadable

Found = tuple[KeyPath, str]
"""Where, and what is wrong."""


def validate(
    sources: Sequence[PydanticBaseSettingsSource],
) -> tuple[Settings | None, list[Found]]:
    """The settings, or every fault. Rules that span keys are tried without the keys at fault."""
    everything = InitSettingsSource(Settings, {})  # asked last, so its state is what all give
    try:
        settings = Settings.from_sources((*sources, everything))
    except ValidationError as error:
        found = list(found_by(error, Settings))
        found += _broken_besides(everything.current_state, error)
        return None, list(dict.fromkeys(found))
    unreadable = list(_unreadable(settings, ()))
    return (None if unreadable else settings), unreadable


def _broken_besides(data: Mapping[str, object], first: ValidationError) -> list[Found]:
    """Rules that pydantic could not try, because some value beside them was wrong already."""
    details = first.errors()
    try:
        Settings.model_validate(_without(data, [tuple(d["loc"]) for d in details]))
    except ValidationError as error:
        taken = [tuple(d["loc"]) for d in details if d["type"] != "extra_forbidden"]
        found = rules_broken(error)
        return [(path, text) for section, path, text in found if not _rests_on(section, taken)]
    return []


def _rests_on(section: KeyPath, taken: Sequence[KeyPath]) -> bool:
    """True if a rule of `section` may be broken only because a value was taken away from it."""
    return any(
        path[:-1] == section or (path[: len(section)] == section and isinstance(path[-1], int))
        for path in taken
    )


def _without(data: Any, wrong: Sequence[KeyPath]) -> Any:  # noqa: ANN401  # a tree
    """`data` less the values at the paths `wrong`."""
    here = {path[0] for path in wrong if len(path) == 1}

    def below(key: str | int) -> list[KeyPath]:
        return [path[1:] for path in wrong if len(path) > 1 and path[0] == key]

    if isinstance(data, Mapping):
        return {k: _without(v, below(k)) for k, v in data.items() if k not in here}
    if isinstance(data, list):
        return [_without(v, below(i)) for i, v in enumerate(data) if i not in here]
    return data


def _unreadable(value: object, path: KeyPath) -> Iterator[Found]:
    """Every file that a key names must be readable now; a start is the time to say so."""
    if isinstance(value, Secret):
        try:
            value()
        except SecretUnreadable as error:
            yield (*path[:-1], f"{path[-1]}_file"), f"is of no use: {error}"
    elif isinstance(value, Path):
        if not os.access(value, os.R_OK):
            yield path, f"cannot be read: {value}"
    else:
        for key, item in _items(value):
            yield from _unreadable(item, (*path, key))


def _items(value: object) -> Iterator[tuple[str | int, object]]:
    if isinstance(value, BaseModel):
        yield from ((name, getattr(value, name)) for name in type(value).model_fields)
    elif isinstance(value, tuple):
        yield from enumerate(value)
    elif isinstance(value, Mapping):
        yield from value.items()

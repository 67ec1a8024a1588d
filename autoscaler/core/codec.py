"""JSON forms of our frozen dataclasses: `decode(cls, encode(x)) == x` for all core types.

Enums become their value, Decimal a string, tuples lists, mappings objects with string keys. Unknown
keys are ignored and missing ones take their default: state written by another version still reads.
"""

import dataclasses
import types
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from autoscaler.core.model import Json

T = TypeVar("T")
Kind = Any  # a type form (class, union, generic alias): the typing module has no name for it yet


_JSON_SCALARS = frozenset({bool, int, float, str})
_ALREADY_JSON = _JSON_SCALARS | {type(None)}


class Undecodable(ValueError):
    """A JSON document that does not have the form of the wanted type; the text names the place."""


def encode(value: object) -> Json:
    """Return the JSON form of a dataclass, enum, Decimal, container or plain value."""
    kind: Kind = type(value)
    if kind in _ALREADY_JSON:
        return cast("Json", value)
    return _encoder(kind)(value)


@cache
def _encoder(kind: Kind) -> Callable[[Any], Json]:
    """How values of this type are encoded, found out once: a tick encodes some ten thousand."""
    if issubclass(kind, Enum):
        return lambda value: cast("Json", value.value)
    if issubclass(kind, bool | int | float | str):
        return lambda value: cast("Json", value)
    if issubclass(kind, Decimal):
        return str
    if dataclasses.is_dataclass(kind):
        names = tuple(field.name for field in dataclasses.fields(kind))
        return lambda value: {name: encode(getattr(value, name)) for name in names}
    if issubclass(kind, Mapping):
        return lambda value: {str(encode(key)): encode(item) for key, item in value.items()}
    if issubclass(kind, Sequence | set | frozenset):
        return lambda value: [encode(item) for item in value]
    raise TypeError(f"{kind.__name__} has no JSON form")


def decode(cls: type[T], data: Json, where: str = "") -> T:
    """Build a `cls` from its JSON form. Raises Undecodable, naming the place."""
    return cast("T", _decode(cls, data, where or cls.__name__))


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _decode(kind: Kind, data: Json, where: str) -> object:
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        return _decode_union(get_args(kind), data, where)
    if origin is not None:
        return _decode_container(origin, get_args(kind), data, where)
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(cast("type", kind), data, where)
    return _decode_plain(kind, data, where)


def _decode_union(kinds: tuple[Any, ...], data: Json, where: str) -> object:
    if set(kinds) >= _JSON_SCALARS:  # only Json itself allows all of them: taken as it is
        return data
    if data is None and type(None) in kinds:
        return None
    faults = []
    for kind in kinds:
        if kind is type(None):
            continue
        try:
            return _decode(kind, data, where)
        except Undecodable as fault:
            faults.append(str(fault))
    raise Undecodable("; ".join(faults) or f"{where}: null is not allowed")


def _decode_container(origin: Kind, kinds: tuple[Any, ...], data: Json, where: str) -> object:
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(data, dict):
            raise Undecodable(f"{where}: an object is wanted")
        key_kind, kind = kinds
        return {
            _decode(key_kind, key, where): _decode(kind, item, f"{where}.{key}")
            for key, item in data.items()
        }
    if not isinstance(data, list):
        raise Undecodable(f"{where}: a list is wanted")
    if origin is tuple and not (len(kinds) == 2 and kinds[1] is Ellipsis):
        if len(kinds) != len(data):
            raise Undecodable(f"{where}: {len(kinds)} items are wanted")
        return tuple(
            _decode(kind, item, f"{where}[{index}]")
            for index, (kind, item) in enumerate(zip(kinds, data, strict=True))
        )
    items = [_decode(kinds[0], item, f"{where}[{index}]") for index, item in enumerate(data)]
    return tuple(items) if origin in {tuple, Sequence} else origin(items)


def _decode_dataclass(cls: type, data: Json, where: str) -> object:
    if not isinstance(data, dict):
        raise Undecodable(f"{where}: an object is wanted")
    hints = _hints(cls)
    known = {
        f.name: _decode(hints[f.name], data[f.name], f"{where}.{f.name}")
        for f in dataclasses.fields(cls)
        if f.init and f.name in data
    }
    try:
        return cls(**known)
    except TypeError as fault:
        raise Undecodable(f"{where}: {fault}") from fault


def _decode_plain(kind: Kind, data: Json, where: str) -> object:
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if isinstance(kind, type) and (issubclass(kind, Enum) or kind is Decimal):
        build: Callable[[Any], object] = kind
        try:
            return build(str(data) if kind is Decimal else data)
        except (ValueError, ArithmeticError, TypeError) as fault:
            raise Undecodable(f"{where}: {data!r} is no {kind.__name__}") from fault
    if kind is type(None) and data is None:
        return None
    if (
        isinstance(kind, type)
        and isinstance(data, kind)
        and (kind is bool or not isinstance(data, bool))
    ):
        return data
    raise Undecodable(f"{where}: {type(data).__name__} found where {kind} is wanted")

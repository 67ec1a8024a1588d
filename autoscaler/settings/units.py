"""The kinds of value that settings are made of, each with its own words for a wrong one.

A duration is a plain number of seconds or a text like `30s`, `5m`, `1h30m`, `500ms`, `7d`.
"""

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from autoscaler.core.hosts import origin, unsafe_because

SECONDS_PER_UNIT: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800}
_PART = r"\d+(?:\.\d+)?(?:ms|s|m|h|d|w)"
_DURATION = re.compile(rf"(?:{_PART})+")
_ONE_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
DURATION_PATTERN: Final = rf"^({_PART})+$"


def parse_seconds(value: object) -> object:
    """Seconds of a number or of a text like `1h30m`; raises ValueError for a text that is none."""
    if isinstance(value, bool):
        raise ValueError("must be a duration such as 30s, 5m or 1h, not true or false")  # noqa: TRY004  # pydantic's way
    if not isinstance(value, str):
        return value
    text = value.strip()
    if _DURATION.fullmatch(text):
        return sum(float(n) * SECONDS_PER_UNIT[unit] for n, unit in _ONE_PART.findall(text))
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"must be seconds, or a duration such as 30s, 5m or 1h, not {value!r}"
        ) from None


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")  # noqa: TRY004  # pydantic's way
    return value


def _money(value: object) -> object:
    """Decimals come from the text that the user wrote, so 192.48 is 192.48 and nothing beside."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return Decimal(repr(value))
    if isinstance(value, str):
        try:
            return Decimal(value)
        except InvalidOperation:
            raise ValueError(f"must be an amount of money such as 192.48, not {value!r}") from None
    return _no_boolean(value)


def _safe_url(value: str) -> str:
    because = unsafe_because(value)
    if because:
        raise ValueError(because)
    return _bare_url(value)


def _bare_url(value: str) -> str:
    if origin(value) is None:
        raise ValueError("is no http(s) URL with a host")
    if "?" in value or "#" in value:
        raise ValueError("must end with its path: no ? and no # in it")
    return value.rstrip("/")


_SECONDS_SCHEMA = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": DURATION_PATTERN}]
}
MONEY_SCHEMA = {"type": ["number", "string"], "minimum": 0}

Seconds = Annotated[
    float,
    BeforeValidator(parse_seconds),
    Field(gt=0, allow_inf_nan=False),
    WithJsonSchema(_SECONDS_SCHEMA),
]
"""A duration above zero."""
SecondsOrZero = Annotated[
    float,
    BeforeValidator(parse_seconds),
    Field(ge=0, allow_inf_nan=False),
    WithJsonSchema(_SECONDS_SCHEMA),
]
"""A duration, or 0."""
Ratio = Annotated[float, Field(ge=0, le=1), BeforeValidator(_no_boolean)]
"""0 to 1, both included; never percent."""
Objective = Annotated[float, Field(gt=0, lt=1), BeforeValidator(_no_boolean)]
"""A share to reach, above 0 and below 1: an objective of 1 leaves no error budget."""
Count = Annotated[int, Field(ge=1), BeforeValidator(_no_boolean)]
"""A whole number of at least 1."""
CountOrZero = Annotated[int, Field(ge=0), BeforeValidator(_no_boolean)]
"""A whole number of at least 0."""
Money = Annotated[
    Decimal,
    BeforeValidator(_money),
    Field(ge=0, allow_inf_nan=False),
    WithJsonSchema(MONEY_SCHEMA),
]
"""An amount in the daemon's one currency, at least 0."""
SafeUrl = Annotated[
    str, AfterValidator(_safe_url), WithJsonSchema({"type": "string", "format": "uri"})
]
"""A base URL that may carry a credential: https, or http on loopback."""
PlainUrl = Annotated[
    str, AfterValidator(_bare_url), WithJsonSchema({"type": "string", "format": "uri"})
]
"""A base URL, http or https."""
Glob = Annotated[str, Field(min_length=1)]
"""A shell pattern: `*` any text, `?` one character, `[ab]` one of these; matches the whole."""

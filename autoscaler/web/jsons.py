"""JSON in and out: answers that any parser reads, bodies whose every field is checked."""

import json
import math
from collections.abc import Collection

from aiohttp import web

from autoscaler.core.model import Json
from autoscaler.web.errors import Refused

_YEAR_SECONDS = 366 * 86400.0


def dumps(value: Json) -> str:
    """Return the text of a JSON value; a number that JSON lacks (NaN, infinity) becomes null."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, separators=(",", ":"))


def _finite(value: Json) -> Json:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return value


def answer(value: Json, *, status: int = 200) -> web.Response:
    """Return a JSON response."""
    return web.Response(text=dumps(value), status=status, content_type="application/json")


class Body:
    """The fields of one request body; every fault becomes a 400 that names the field."""

    def __init__(self, fields: dict[str, Json]) -> None:
        self._fields = fields

    @classmethod
    async def read(cls, request: web.Request, allowed: Collection[str]) -> "Body":
        """Read the body of a change: an object with no other fields than `allowed`."""
        if request.content_type != "application/json":
            raise Refused(415, "not_json", "Send `Content-Type: application/json`.")
        try:
            fields = json.loads(await request.text() or "{}")
        except (ValueError, RecursionError) as fault:
            raise Refused(400, "bad_body", f"The body is no JSON: {fault}") from fault
        if not isinstance(fields, dict):
            raise Refused(400, "bad_body", "The body must be a JSON object.")
        if unknown := sorted(set(fields) - set(allowed)):
            wanted = ", ".join(sorted(allowed)) or "none"
            raise Refused(400, "bad_body", f"Unknown field {unknown[0][:40]!r}; known: {wanted}.")
        return cls(fields)

    def text(self, name: str, default: str = "", *, limit: int = 200) -> str:
        """Return a text of at most `limit` characters."""
        value = self._fields.get(name, default)
        if not isinstance(value, str) or len(value) > limit:
            raise _bad(name, f"a text of at most {limit} characters")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None where it is missing or null."""
        return None if self._fields.get(name) is None else self.text(name)

    def seconds(self, name: str) -> float:
        """Return a duration above 0 and at most a year."""
        value = self._fields.get(name)
        number = float(value) if isinstance(value, int | float) else math.nan
        if isinstance(value, bool) or not 0 < number <= _YEAR_SECONDS:
            raise _bad(name, "a number of seconds above 0, at most a year")
        return number

    def optional_seconds(self, name: str) -> float | None:
        """Return a duration, or None where it is missing or null."""
        return None if self._fields.get(name) is None else self.seconds(name)

    def count(self, name: str) -> int:
        """Return a count of at least 1."""
        value = self._fields.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 10_000:
            raise _bad(name, "a whole number of at least 1")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._fields.get(name, default)
        if not isinstance(value, bool):
            raise _bad(name, "true or false")
        return value

    def texts(self, name: str) -> list[str]:
        """Return a list of 1 to 20 texts."""
        value = self._fields.get(name)
        if not isinstance(value, list) or not 1 <= len(value) <= 20:
            raise _bad(name, "a list of 1 to 20 texts")
        texts = [item for item in value if isinstance(item, str) and len(item) <= 500]
        if len(texts) != len(value):
            raise _bad(name, "a list of 1 to 20 texts")
        return texts


def _bad(name: str, wanted: str) -> Refused:
    return Refused(400, "bad_field", f"Field {name!r}: {wanted} is wanted.")

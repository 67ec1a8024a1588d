"""A secret that is asked for each time it is used, and shown never.

A secret of the configuration is either written there (or in the environment), or it stands in a
file (`…_file`), as container platforms mount it. A file is read anew on every use, so that a
rotated secret needs no restart. Adapters take `Callable[[], str]` and need not know which it is.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

LONGEST_FILE: Final = 64 * 1024
"""Bytes of a secret's file. A certificate chain fits; a device or a log given by mistake does not
fill the memory.
"""


class SecretUnreadable(OSError):
    """The file of a secret cannot be read now; the text names the file and says why."""


class Secret:
    """Call it for the value. Compares by source; neither `repr` nor `str` shows the value."""

    __slots__ = ("_file", "_value")

    def __init__(self, value: str = "", *, file: Path | None = None) -> None:
        self._value = value
        self._file = file

    @property
    def file(self) -> Path | None:
        """Where the secret stands; None if it was given by value."""
        return self._file

    def __call__(self) -> str:
        """The value now, without white space around it. Raises SecretUnreadable."""
        return self._value.strip() if self._file is None else _read(self._file)

    def __repr__(self) -> str:
        return "Secret(…)" if self._file is None else f"Secret(file={str(self._file)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return (self._value, self._file) == (other._value, other._file)

    def __hash__(self) -> int:
        return hash((self._value, self._file))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: object, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Accept a Secret, or its value as text. Dumps as `<secret>`."""
        return core_schema.no_info_plain_validator_function(
            cls._from_input,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda _: "<secret>"),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "minLength": 1, "writeOnly": True}

    @classmethod
    def _from_input(cls, value: object) -> "Secret":
        if isinstance(value, Secret):
            return value
        if isinstance(value, FromFile):
            return value.secret()
        if not isinstance(value, str):
            raise ValueError("must be text; put it into quotes")  # noqa: TRY004  # pydantic's way
        if not value.strip():
            raise ValueError("is empty; leave the key out, or write the secret")
        return cls(value)


@dataclass(frozen=True, slots=True)
class FromFile:
    """What a section found for one secret: `name_file`, and perhaps the value as well."""

    name: str
    file: object
    value: object

    def secret(self) -> Secret:
        """The secret that the file holds. Raises ValueError where the two keys contradict."""
        if self.value is not None:
            raise ValueError(f"and {self.name}_file are both set; keep one")
        if not isinstance(self.file, str | Path) or not str(self.file).strip():
            raise ValueError(f"(as {self.name}_file) must be the path of a file")
        return Secret(file=Path(self.file).expanduser())


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(LONGEST_FILE + 1)
        text = raw.decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SecretUnreadable(f"cannot read the secret in {path}: {reason}") from error
    if not text:
        raise SecretUnreadable(f"the secret's file {path} is empty")
    if len(raw) > LONGEST_FILE:
        raise SecretUnreadable(f"the secret's file {path} is larger than {LONGEST_FILE} bytes")
    return text

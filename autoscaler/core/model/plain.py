"""What may leave memory."""

from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
"""What survives a JSON round trip; the only form in which state leaves memory."""

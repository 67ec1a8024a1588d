"""Sources that hold their values already: the command line's tree and the file's."""

from collections.abc import Mapping
from typing import Any

from pydantic_settings import InitSettingsSource

from autoscaler.settings.section import FILE


class Given(InitSettingsSource):
    """A tree of values, less what a higher source spells otherwise."""

    def __call__(self) -> dict[str, Any]:
        """The tree as it is laid below the sources that were asked before."""
        return without_rivals(super().__call__(), self.current_state)


def without_rivals(below: Mapping[str, Any], above: Mapping[str, object]) -> dict[str, Any]:
    """`below` less the secrets that `above` gives by their other spelling.

    A secret has two keys, `token` and `token_file`. Without this a file's `token` would stand
    beside the environment's `token_file`, and each would seem to contradict the other.
    """
    kept = {key: value for key, value in below.items() if _rival(key) not in above}
    for key, value in kept.items():
        higher = above.get(key)
        if isinstance(value, Mapping) and isinstance(higher, Mapping):
            kept[key] = without_rivals(value, higher)
    return kept


def _rival(key: str) -> str:
    return key.removesuffix(FILE) if key.endswith(FILE) else f"{key}{FILE}"

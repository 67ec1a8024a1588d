"""The background load of a fleet: where requests come from."""

from typing import NamedTuple


class Request(NamedTuple):
    """One request of the background load. A named tuple, not a dataclass: a day has millions."""

    arrival_at: float
    prompt_tokens: int
    output_tokens: int

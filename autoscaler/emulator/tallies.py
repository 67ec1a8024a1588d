"""What a fleet counts about its requests: totals and histograms in vLLM's terms, bounded in memory.

Finished requests arrive in batches and are binned with numpy; nothing here grows with time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

# The bucket edges of vLLM's own histograms (its V1 engine), in seconds.
TTFT_EDGES = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    20.0, 40.0, 80.0, 160.0, 640.0, 2560.0,
)  # fmt: skip
ITL_EDGES = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0,
    40.0, 80.0,
)  # fmt: skip
E2E_EDGES = (
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0,
    480.0, 960.0, 1920.0, 7680.0,
)  # fmt: skip


class Completion(NamedTuple):
    """A finished request. A named tuple, not a dataclass: a day makes millions of them, and a
    tuple costs a third of the time and goes into numpy as it is.
    """

    arrival_at: float
    """When it came to the endpoint."""
    prefill_started_at: float
    """Start of the first step that computed part of its prompt."""
    first_token_at: float
    finished_at: float
    """When its last token came."""
    prompt_tokens: int
    output_tokens: int


@dataclass(slots=True)
class Histogram:
    """Counts per bucket, as Prometheus wants them."""

    edges: tuple[float, ...]
    """Upper edges, seconds, each inclusive."""
    counts: list[int] = field(default_factory=list)
    """One per edge and one for everything above; not cumulative."""
    total: float = 0.0
    """Sum of all values, seconds."""

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.edges) + 1)

    def add(self, values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> None:
        """Count a batch of values."""
        bins = np.bincount(np.searchsorted(self.edges, values), minlength=len(self.counts))
        self.counts = [old + int(new) for old, new in zip(self.counts, bins, strict=True)]
        self.total += float(values.sum())

    @property
    def count(self) -> int:
        """How many values were counted."""
        return sum(self.counts)


@dataclass(slots=True)
class Tallies:
    """Totals since the fleet began, of all replicas that ever were."""

    completed: int = 0
    prompt_tokens: int = 0
    """Of finished requests."""
    output_tokens: int = 0
    """Of finished requests."""
    ttft: Histogram = field(default_factory=lambda: Histogram(TTFT_EDGES))
    """Arrival to first token."""
    itl: Histogram = field(default_factory=lambda: Histogram(ITL_EDGES))
    """Mean time between a request's tokens; requests of one token have none."""
    e2e: Histogram = field(default_factory=lambda: Histogram(E2E_EDGES))
    """Arrival to last token."""
    wait: Histogram = field(default_factory=lambda: Histogram(E2E_EDGES))
    """Arrival to the start of prefill: vLLM's queue time."""

    def add(self, batch: Sequence[Completion]) -> None:
        """Count finished requests."""
        if not batch:
            return
        table = np.array(batch, dtype=np.float64)
        arrival, prefill, first, last, prompt, output = table.T
        self.completed += len(batch)
        self.prompt_tokens += int(prompt.sum())
        self.output_tokens += int(output.sum())
        self.ttft.add(first - arrival)
        self.e2e.add(last - arrival)
        self.wait.add(prefill - arrival)
        many = output > 1
        self.itl.add((last - first)[many] / (output[many] - 1))

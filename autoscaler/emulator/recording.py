"""Background load that is read from a CSV file, plain or gzipped."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autoscaler.emulator.trace import read_trace, superpose
from autoscaler.emulator.workload import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Requests recorded as `arrival_s,prompt_tokens,output_tokens`."""

    csv: Path
    """A relative path counts from the scenario file's folder."""
    factor: float = 1.0
    """The load is multiplied by this, by superposing shifted copies."""

    def requests(self, at: float, *, seed: int) -> Iterator[Request]:
        """Yield its requests, `arrival_s` counted from `at`; the file is read lazily."""
        lines = self._lines()
        recorded = read_trace(lines, begin_at=at)
        yield from recorded if self.factor == 1.0 else superpose(recorded, self.factor, seed=seed)

    def _lines(self) -> Iterator[str]:
        opener = gzip.open if self.csv.suffix == ".gz" else open
        with opener(self.csv, "rt", encoding="utf-8") as file:
            yield from file

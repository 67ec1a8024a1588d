"""The recorded past of one deployment's need, in bins of five minutes over two weeks.

Kept as text, four characters a bin (mean and peak of the need, each on a logarithmic scale of 4,096
steps), so that the State stays a small JSON document: 16 kB when full. A bin in which nothing was
seen is a hole, never zero.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

BIN_SECONDS = 300.0
MOST_BINS = 14 * 288
"""Fourteen days."""
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+-"
_PLACE = {digit: place for place, digit in enumerate(_DIGITS)}
_WIDTH = 4
_HOLE = "----"
_LOWEST = 0.01
_STEP = math.log(1e5) / 4094.0
"""0.01 to 1,000 replicas in steps of 0.28 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Needs (unrounded replicas at head-room 1) per bin, oldest first."""

    first: int = 0
    """Number of the oldest bin, counted from the epoch."""
    text: str = ""
    open_bin: int = 0
    """Bin that is being filled; 0 before the first."""
    total: float = 0.0
    count: int = 0
    peak: float = 0.0

    @property
    def size(self) -> int:
        """Closed bins, holes included."""
        return len(self.text) // _WIDTH

    def bin(self, number: int) -> tuple[float, float] | None:
        """Mean and peak need of one bin; None for a hole, and outside of what was recorded."""
        place = (number - self.first) * _WIDTH
        if not 0 <= place < len(self.text):
            return None
        return _decoded(self.text[place : place + _WIDTH])

    def bins(self, since: int) -> Iterator[tuple[int, float, float]]:
        """Yield (number, mean, peak) of the closed bins from `since` on; holes are left out."""
        for number in range(max(since, self.first), self.first + self.size):
            found = self.bin(number)
            if found is not None:
                yield number, *found


def whole(need: float) -> int:
    """Smallest whole count, at least 1, that carries `need`; dust of floats is no replica."""
    return max(1, math.ceil(need - 1e-9))


def recorded(record: Record, need: float | None, *, at: float) -> Record:
    """Add one reading of the need; None where it could not be seen. Closes bins that are over."""
    number = int(at // BIN_SECONDS)
    if number != record.open_bin:
        record = replace(_closed(record, number), open_bin=number, total=0.0, count=0, peak=0.0)
    if need is None:
        return record
    return replace(
        record,
        total=record.total + need,
        count=record.count + 1,
        peak=max(record.peak, need),
    )


def _closed(record: Record, number: int) -> Record:
    if record.open_bin == 0:
        return replace(record, first=number)
    cell = _HOLE
    if record.count:
        cell = _encoded(record.total / record.count) + _encoded(record.peak)
    missed = min(MOST_BINS, max(0, number - record.open_bin - 1))
    if number < record.open_bin:
        return replace(record, first=number, text="")  # the clock stepped back: begin anew
    text = record.text + cell + _HOLE * missed
    size = len(text) // _WIDTH
    return replace(record, first=number - min(size, MOST_BINS), text=text[-MOST_BINS * _WIDTH :])


def _encoded(value: float) -> str:
    place = round(math.log(max(value, _LOWEST) / _LOWEST) / _STEP)
    place = min(4094, max(0, place))
    return _DIGITS[place // 64] + _DIGITS[place % 64]


def _decoded(cell: str) -> tuple[float, float] | None:
    return None if cell == _HOLE else (_value(cell[:2]), _value(cell[2:]))


def _value(digits: str) -> float:
    return _LOWEST * math.exp((_PLACE[digits[0]] * 64 + _PLACE[digits[1]]) * _STEP)

"""Recorded load: requests from CSV text, and more of it by superposing copies.

The caller opens the file (and unpacks it); here are only lines.
"""

import csv
import heapq
import math
import random
from collections.abc import Iterable, Iterator
from itertools import tee

from autoscaler.emulator.workload import Request

COLUMNS = ("arrival_s", "prompt_tokens", "output_tokens")

MAX_SHIFT_SECONDS = 15.0
"""Copies are shifted by up to this: one slot of the judgement, so that the shape stays and no
request comes twice at the same instant."""


class BadTrace(ValueError):
    """A trace that cannot be used; the text names the line and says what is wanted."""


def read_trace(lines: Iterable[str], *, begin_at: float = 0.0) -> Iterator[Request]:
    """Yield the requests of CSV lines with a header that has
    `arrival_s,prompt_tokens,output_tokens` in any order among others, `arrival_s` in seconds from
    `begin_at`, ascending. Raises BadTrace when it comes to a bad row.
    """
    rows = csv.reader(lines)
    header = [name.strip() for name in next(rows, [])]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise BadTrace(f"line 1: the header lacks {', '.join(missing)}; it must have {COLUMNS}")
    places = [header.index(name) for name in COLUMNS]
    before = -math.inf
    for row in rows:
        if not row:
            continue
        request = _request(row, places, rows.line_num)
        if request.arrival_at < before:
            raise BadTrace(
                f"line {rows.line_num}: arrival_s {request.arrival_at} is before the line above "
                f"({before}); sort the trace by arrival_s"
            )
        before = request.arrival_at
        yield request._replace(arrival_at=begin_at + before) if begin_at else request


def _request(row: list[str], places: list[int], line: int) -> Request:
    try:
        arrival, prompt, output = (float(row[place]) for place in places)
    except (ValueError, IndexError) as fault:
        raise BadTrace(f"line {line}: {','.join(row)[:80]!r} is not {','.join(COLUMNS)}") from fault
    if not (0.0 <= arrival < math.inf and 1.0 <= prompt < 1e9 and 1.0 <= output < 1e9):
        raise BadTrace(
            f"line {line}: arrival_s must not be negative and both token counts at least 1, "
            f"not {','.join(row)[:80]!r}"
        )
    return Request(arrival, int(prompt), int(output))


def superpose(requests: Iterable[Request], factor: float, *, seed: int) -> Iterator[Request]:
    """Yield `factor` times the requests, in order: copies, each shifted by its own lot of up to 15
    s (the first not at all), the last one thinned to the fraction. 2.4 = two copies and 40 % of a
    third. Holds no more than 15 s of requests a copy.
    """
    if not 0.0 < factor <= 1000.0:
        raise ValueError(f"a load is multiplied by more than 0 and at most 1000, not {factor}")
    lots = random.Random(seed)  # noqa: S311  # reproducible, no secrets
    copies = math.ceil(factor)
    streams = []
    for number, copy in enumerate(tee(requests, copies)):
        shift = lots.uniform(0.0, MAX_SHIFT_SECONDS) if number else 0.0
        share = min(1.0, factor - number)
        streams.append(_copy(copy, shift, share, random.Random(lots.random())))  # noqa: S311
    return heapq.merge(*streams)


def _copy(
    requests: Iterable[Request], shift: float, share: float, lots: random.Random
) -> Iterator[Request]:
    for request in requests:
        if share >= 1.0 or lots.random() < share:
            yield request._replace(arrival_at=request.arrival_at + shift)

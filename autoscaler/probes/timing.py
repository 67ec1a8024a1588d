"""When tokens came: what the arrival times of a stream can carry, and what they cannot. Pure.

Theory (monitoring.md 5.1, real-engines.md 7 and 8b). One read may bring several chunks, one chunk
several tokens; so counts belong to reads, and reads less than a millisecond apart are one. The mean
inter-token latency is (t_last - t_first) / (N - k1), where k1 tokens came with the first read: with
batches of 8 the usual (N - 1) is 23 % too low. Where N or k1 is not known the latency is None.

A worked number: tokens so far (1, 2, 3, …, 24) at 0.100, 0.120, …, 0.560 s: 0.460 / 23 = 20 ms.
"""

import itertools
from dataclasses import dataclass, field
from typing import Final

SAME_READ_SECONDS: Final = 0.001
"""Reads closer than this are taken for one: a lost packet delivers its successors together."""
LONGEST_RECORD: Final = 256
"""Distinct reads that are kept; a probe asks for at most half as many tokens."""
FEWEST_TOKENS: Final = 4
"""Tokens after the first read below which a mean latency says nothing."""
FEWEST_READS: Final = 6
"""Distinct reads below which a stream cannot be heard through (real-engines.md 7.8)."""
LARGEST_MERGED_SHARE: Final = 0.5
"""Share of chunks with company in their read above which something on the way buffers."""
LARGEST_OWN_LAG_SECONDS: Final = 0.01
"""Lateness of our own loop from which merged reads are no sign of a buffer."""
LARGEST_COUNT_ERROR: Final = 0.25
"""Share of tokens that chunks may fall short of the total before latency is unknowable."""


@dataclass(slots=True)
class Arrival:
    """One distinct read that brought tokens."""

    at: float
    """Seconds since the send, of the read's first byte as far as we saw it."""
    chunks: int
    """Token-bearing chunks in it."""
    counted: int | None
    """Tokens so far as the server counts them; None where it does not say."""


@dataclass(slots=True)
class Arrivals:
    """All reads of one stream that brought tokens, oldest first."""

    reads: list[Arrival] = field(default_factory=list)
    chunks: int = 0
    last_at: float = 0.0
    last_read_at: float = 0.0
    """When the newest raw read came: nearness is measured from one to the next."""

    def add(self, at: float, *, chunks: int, counted: int | None) -> None:
        """One read, `at` seconds after the send, with `chunks` token-bearing chunks."""
        near = bool(self.reads) and at - self.last_read_at < SAME_READ_SECONDS
        self.last_read_at = at
        self.chunks += chunks
        if near or len(self.reads) >= LONGEST_RECORD:
            newest = self.reads[-1]
            newest.chunks += chunks
            if counted is not None:
                newest.counted = counted
            if near:
                return
        else:
            self.reads.append(Arrival(at, chunks, counted))
        self.last_at = at


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What the arrival times say."""

    tokens: int | None
    itl_seconds: float | None
    token_times: tuple[tuple[float, int], ...]
    times_refused_because: str
    """Empty = the times can carry other users' arrivals."""
    merged: bool
    """True if most tokens shared a read: no time of this stream is a latency."""
    buffered: bool
    """True if it was something on the way that merged them, and not our own loop."""


def judge_times(arrivals: Arrivals, *, total: int | None, own_lag: float = 0.0) -> Timing:
    """What `arrivals` can carry; `total` is the server's last count of tokens, None if none.

    Where our own loop was late (`own_lag`, seconds) merged reads are our doing: then nobody is
    said to buffer, and still nothing is heard.
    """
    counts = _counts(arrivals, total)
    tokens = total if total is not None else (arrivals.chunks or None)
    merged = _is_merged(arrivals)
    refused = _refused_because(arrivals, counts, total=total, merged=merged)
    return Timing(
        tokens=tokens,
        itl_seconds=None if merged else _mean_latency(arrivals, tokens, counts=counts),
        token_times=tuple(
            (read.at, count) for read, count in zip(arrivals.reads, counts or (), strict=False)
        ),
        times_refused_because=refused,
        merged=merged,
        buffered=merged and own_lag < LARGEST_OWN_LAG_SECONDS,
    )


def _counts(arrivals: Arrivals, total: int | None) -> list[int] | None:
    """Tokens so far at each read; None where they are not known.

    Known if the server counted along, or if its total (or its silence) fits one token a chunk.
    """
    reads = arrivals.reads
    counted = [read.counted for read in reads]
    if all(count is not None for count in counted):
        exact = [count for count in counted if count is not None]
        rising = all(a <= b for a, b in itertools.pairwise(exact))
        return exact if rising else None
    if total is not None and abs(total - arrivals.chunks) > 1:
        return None  # one more or less: an end token that bears no text
    so_far, counts = 0, []
    for read in reads:
        so_far += read.chunks
        counts.append(so_far)
    return counts


def _mean_latency(
    arrivals: Arrivals, tokens: int | None, *, counts: list[int] | None
) -> float | None:
    """(t_last - t_first) / (N - k1), by the counts at the first and the last read."""
    if len(arrivals.reads) < 2 or tokens is None:
        return None
    first = arrivals.reads[0]
    if counts is not None:
        after_first = counts[-1] - counts[0]
    else:
        # Several tokens a chunk and no running count: the first chunk is taken for an average
        # one, and the answer is withheld where that guess could matter.
        if not arrivals.chunks or abs(tokens / arrivals.chunks - 1) > LARGEST_COUNT_ERROR:
            return None
        after_first = round(tokens * (1 - first.chunks / arrivals.chunks))
    if after_first < FEWEST_TOKENS:
        return None
    return (arrivals.last_at - first.at) / after_first


def _is_merged(arrivals: Arrivals) -> bool:
    """Six chunks could have come in six reads; if fewer or mostly shared, something waited."""
    if arrivals.chunks < FEWEST_READS:
        return False
    shared = sum(read.chunks for read in arrivals.reads if read.chunks > 1)
    return len(arrivals.reads) < FEWEST_READS or shared > LARGEST_MERGED_SHARE * arrivals.chunks


def _refused_because(
    arrivals: Arrivals, counts: list[int] | None, *, total: int | None, merged: bool
) -> str:
    reads = len(arrivals.reads)
    if not reads:
        return "no token came"
    if merged:
        shared = sum(read.chunks for read in arrivals.reads if read.chunks > 1)
        return f"{shared} of {arrivals.chunks} chunks shared a read ({reads} distinct reads)"
    if reads < FEWEST_READS:
        return f"only {reads} distinct reads"
    if counts is None:
        if total is None:
            return "the server's running counts are not whole"
        return f"{total} tokens in {arrivals.chunks} chunks, and no running count"
    return ""

"""A million mutated streams through parser and verdict: no crash, no hang, memory bounded."""

import multiprocessing
import random
import resource
import time
from pathlib import Path

import pytest

from autoscaler.probes.transcript import End, Transcript
from autoscaler.probes.verdict import judge

pytestmark = pytest.mark.bench

STREAMS = 1_000_000
PROCESSES = 2
LONGEST_SECONDS = 1.0
"""One stream of some kilobytes takes a millisecond; a second is a hang."""
FIXTURES = Path(__file__).parents[1] / "probes" / "fixtures"
TOKENS = [b"\r", b"\n", b"\r\n\r\n", b"data:", b"data: [DONE]\n\n", b"{", b"}", b"[", b'"', b":"]
TOKENS += [b"\xef\xbb\xbf", b"null", b"1e999", b"-1", b'"choices":[]', b'"error":{}', b"\\ud800"]
TOKENS += [b'"usage":{"completion_tokens":99999999999}', b"\xff\xfe", b"[" * 3000, b": ping\n"]


def seeds() -> list[bytes]:
    """Beginnings and ends of recorded streams, short enough to be many."""
    found = []
    for path in sorted(FIXTURES.glob("*stream*")):
        body = path.read_bytes()
        body = body.partition(b"\r\n\r\n")[2] if body.startswith(b"HTTP") else body
        events = body.split(b"\n\n")
        found.append(b"\n\n".join([*events[:5], *events[-5:]]))
    return [body for body in found if b"data:" in body]


def mutate(body: bytes, rng: random.Random) -> bytes:
    """A few cuts, copies, flips and insertions."""
    mutated = bytearray(body[: rng.randint(1, len(body))] if rng.random() < 0.3 else body)
    for _ in range(rng.randint(0, 4)):
        at = rng.randrange(len(mutated) + 1)
        match rng.randrange(5):
            case 0:
                mutated[at : at + rng.randint(0, 40)] = b""
            case 1:
                mutated[at:at] = rng.choice(TOKENS)
            case 2 if at < len(mutated):
                mutated[at] = rng.randrange(256)
            case 3:
                mutated[at:at] = mutated[at : at + rng.randint(0, 300)]
            case _:
                mutated[at:at] = b"data: " + rng.randbytes(rng.randint(0, 20)) + b"\n\n"
    return bytes(mutated)


def play(seed: int, streams: int) -> tuple[int, float, float, dict[str, int]]:
    """Streams done, the longest one in seconds, growth in megabytes, verdicts by name."""
    rng, bodies = random.Random(seed), seeds()
    verdicts: dict[str, int] = {}
    longest, before = 0.0, 0
    for i in range(streams):
        body = mutate(rng.choice(bodies), rng)
        began = time.perf_counter()
        transcript = Transcript()
        at = sent = 0
        while at < len(body):
            size = rng.choice((1, 7, 60, 250, 250, 250, 4000))
            transcript.take(0.01 * sent, body[at : at + size])
            at, sent = at + size, sent + 1
        transcript.close(rng.choice((End.CLEAN, End.BROKEN, End.TIMEOUT)))
        name = str(judge(transcript, model="tiny-random").failure)
        longest = max(longest, time.perf_counter() - began)
        verdicts[name] = verdicts.get(name, 0) + 1
        if i == streams // 10:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return streams, longest, grown, verdicts


def test_a_million_mutated_streams_break_nothing() -> None:
    """Two processes, each with a seed of its own; what a process cannot survive fails here."""
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        jobs = [(seed, STREAMS // PROCESSES) for seed in range(PROCESSES)]
        parts = pool.starmap(play, jobs)
    took = time.monotonic() - began
    verdicts: dict[str, int] = {}
    for _, _, _, some in parts:
        for name, count in some.items():
            verdicts[name] = verdicts.get(name, 0) + count
    print(
        f"\n{sum(part[0] for part in parts):,} streams in {took:.0f} s, longest "
        f"{1000 * max(part[1] for part in parts):.0f} ms, memory grew by "
        f"{max(part[2] for part in parts):.1f} MB; verdicts {dict(sorted(verdicts.items()))}"
    )
    assert max(part[1] for part in parts) < LONGEST_SECONDS
    assert max(part[2] for part in parts) < 50

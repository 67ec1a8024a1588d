"""The story of one probe, for a person: request without its key, phases on a line, events, verdict.

Plain data, so that the CLI, the page and a bug report show the same.
"""

import json
from typing import Final

from autoscaler.core.codec import encode
from autoscaler.core.model import Json, Phases, ProbeResult
from autoscaler.probes.exchange import Exchange, Request
from autoscaler.probes.keys import redact
from autoscaler.probes.verdict import Verdict

SHOWN_EVENTS: Final = 4
"""Events shown from the beginning, and as many from the end."""
LONGEST_EVENT: Final = 400
WIDTH: Final = 60
"""Characters of the timeline."""
PHASES: Final = (
    ("dns", "d"),
    ("connect", "c"),
    ("headers", "h"),
    ("first_token", "f"),
    ("stream", "s"),
)


def tell(
    request: Request, exchange: Exchange, *, verdict: Verdict, result: ProbeResult
) -> dict[str, Json]:
    """The whole story."""
    secret = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return {
        "result": encode(result),
        "verdict": _verdict(result, verdict),
        "timeline": list(timeline(result.phases)),
        "request": {
            "method": "POST",
            "url": str(request.url),
            "headers": {
                name: "Bearer …" if name == "Authorization" else value
                for name, value in request.headers.items()
            },
            "body": json.loads(request.body),
        },
        "response": {
            "status": exchange.status,
            "server": exchange.server,
            "retry_after": exchange.retry_after,
            "certificate_until": exchange.cert_not_after,
            "refusal": redact(exchange.refusal, secret, limit=LONGEST_EVENT),
            "bytes": exchange.transcript.size,
            "comments": exchange.transcript.stream.comments,
        },
        "reads": _reads(exchange, secret),
        "loop_lag_seconds": {
            "first_token": exchange.first_delay,
            "last_token": exchange.last_delay,
        },
    }


def story_unsent(result: ProbeResult) -> dict[str, Json]:
    """The story of a probe that never left."""
    return {"result": encode(result), "verdict": f"not sent: {result.detail}", "timeline": []}


def timeline(phases: Phases) -> tuple[str, ...]:
    """The phases as bars below one another, each with its milliseconds.

    >>> for line in timeline(Phases(connect=0.010, headers=0.010, stream=0.040)): print(line)
    connect      cccccccccc                                                     10.0 ms
    headers                hhhhhhhhhh                                           10.0 ms
    stream                           ssssssssssssssssssssssssssssssssssssssss   40.0 ms
    """
    seen = [(name, mark, getattr(phases, name)) for name, mark in PHASES]
    total = sum(seconds for _, _, seconds in seen if seconds)
    lines, at = [], 0.0
    for name, mark, seconds in seen:
        if seconds is None:
            continue
        left = round(WIDTH * at / total) if total else 0
        at += seconds
        right = round(WIDTH * at / total) if total else 0
        bar = " " * left + mark * max(1, right - left)
        lines.append(f"{name:<12} {bar:<{WIDTH}} {seconds * 1000:>6.1f} ms")
    return tuple(lines)


def _verdict(result: ProbeResult, verdict: Verdict) -> str:
    parts = ["success" if result.ok else f"failed: {result.failure} ({result.detail})"]
    if result.untrusted:
        parts.append(f"not counted, because {', '.join(result.untrusted)}")
    if result.warmup:
        parts.append("a warm-up: the deployment or a replica of it is new")
    if result.ok and result.itl_seconds is None:
        parts.append("no inter-token latency can be known")
    if result.times_refused_because:
        parts.append(f"token times carry nothing: {result.times_refused_because}")
    if verdict.finish_reason:
        parts.append(f"finish_reason {verdict.finish_reason}, model {verdict.model or 'unnamed'}")
    return "; ".join(parts)


def _reads(exchange: Exchange, secret: str) -> list[Json]:
    """The first and the last raw reads, with the milliseconds since the send."""
    reads = exchange.reads or []
    shown = reads
    if len(reads) > 2 * SHOWN_EVENTS:
        shown = reads[:SHOWN_EVENTS] + reads[-SHOWN_EVENTS:]
    return [
        {
            "ms": round(at * 1000, 1),
            "bytes": len(read),
            "text": redact(read.decode("utf-8", "replace"), secret, limit=LONGEST_EVENT),
        }
        for at, read in shown
    ]

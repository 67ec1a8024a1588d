"""The cheap look between completions: `GET {endpoint_url}/models`.

It tells a dead gateway, a wrong key and a missing route early. It never proves health: an engine
that hangs still answers it (rigs.md 3), which is why its success carries no latency of a token.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import aiohttp
from yarl import URL

from autoscaler.core.words import FailureReason
from autoscaler.ports import Clock
from autoscaler.probes.exchange import Exchange
from autoscaler.probes.failures import Fault, fault_of, reason_of_status
from autoscaler.probes.phases import Marks
from autoscaler.probes.transcript import Transcript

CONNECT_SECONDS: Final = 5.0
HEADERS_SECONDS: Final = 5.0
"""A list of names needs no engine."""
LARGEST_ANSWER: Final = 1024 * 1024
"""Bytes of the list that are read at most; it is only read to its end, never parsed."""


async def look(
    session: aiohttp.ClientSession, url: URL, clock: Clock, *, headers: Mapping[str, str]
) -> Exchange:
    """One look. The exchange's `fault` is None if the server answered 200."""
    marks = Marks(clock, HEADERS_SECONDS)
    exchange = Exchange(began=clock.monotonic(), marks=marks, transcript=Transcript())
    try:
        async with asyncio.timeout(CONNECT_SECONDS) as marks.timer:
            async with session.get(
                url / "models", headers=headers, allow_redirects=False, trace_request_ctx=marks
            ) as response:
                exchange.headers_at = clock.monotonic() - exchange.began
                exchange.status = response.status
                exchange.server = response.headers.get("Server", "")
                exchange.retry_after = response.headers.get("Retry-After", "")
                await response.content.read(LARGEST_ANSWER)
        reason = reason_of_status(response.status)
        if reason is not None:
            exchange.fault = Fault(reason, f"HTTP {response.status} for GET /models")
    except TimeoutError:
        exchange.fault = _timeout(marks)
    except (aiohttp.ClientError, OSError, MemoryError, ValueError, RuntimeError) as error:
        exchange.fault = fault_of(
            error, has_headers=exchange.status is not None, is_tls=url.scheme == "https"
        )
    exchange.ended = clock.monotonic()
    return exchange


def _timeout(marks: Marks) -> Fault:
    if marks.connected is None:
        return Fault(FailureReason.CONNECT_TIMEOUT, f"no connection within {CONNECT_SECONDS:g} s")
    return Fault(FailureReason.TIMEOUT_HEADERS, f"no list of models within {HEADERS_SECONDS:g} s")

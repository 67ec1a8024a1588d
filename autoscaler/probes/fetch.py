"""A bounded GET for the optional signals: a deadline, a size limit, no redirects, no exceptions."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

from autoscaler.probes.exchange import NO_TIMEOUT

DEADLINE_SECONDS: Final = 5.0
"""A signal that takes longer is not fresh."""
LARGEST_BODY: Final = 2 * 1024 * 1024
"""Bytes: vLLM's page has 55 kB, a busy one with many adapters ten times that."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body, or why there is none."""

    body: bytes | None
    because: str = ""


class Fetcher:
    """Keeps one session, made on first use."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def get(
        self,
        url: URL,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Fetched:
        """The body of a 200, whole; anything else is told in words."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=NO_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()
            )
        try:
            async with (
                asyncio.timeout(DEADLINE_SECONDS),
                self._session.get(
                    url, headers=headers, params=params, allow_redirects=False
                ) as response,
            ):
                if response.status != 200:
                    return Fetched(None, f"HTTP {response.status}")
                return await _read(response)
        except TimeoutError:
            return Fetched(None, f"no answer within {DEADLINE_SECONDS:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Fetched(None, type(error).__name__)

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()


async def _read(response: aiohttp.ClientResponse) -> Fetched:
    body = bytearray()
    while read := await response.content.readany():
        body += read
        if len(body) > LARGEST_BODY:
            response.close()
            return Fetched(None, f"more than {LARGEST_BODY} bytes")
    return Fetched(bytes(body))

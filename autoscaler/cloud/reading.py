"""Calls with a credential: readings are repeated while the control plane is unwell, and paged.

Only readings are repeated. Delays are drawn at random (full jitter), so that many clients do not
come back at once, on top of what the server asks for, at most `LONGEST_RETRY_AFTER`.
"""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import stamina

from autoscaler.cloud.auth import Credential
from autoscaler.cloud.errors import Malformed, Unauthorized, Unavailable
from autoscaler.cloud.transport import Answer, Call, Transport

LONGEST_DELAY_SECONDS: Final = 8.0
LONGEST_RETRY_AFTER: Final = 30.0
"""Seconds. A server that wants more is read again by the next poll."""
MOST_ATTEMPTS: Final = 10
"""With the delays below they last about 24 s on average, so the deadline ends most of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLimits:
    """How long and how much is read."""

    deadline_seconds: float = 30.0
    """Longest that one reading (one page) may take with its retries."""
    first_delay_seconds: float = 0.5
    """Longest delay before the second attempt; it doubles with each, up to 8 s."""
    page_size: int = 100
    """Items asked for in a page; the largest that the API document allows."""
    most_pages: int = 200
    """20,000 deployments; a list that has not ended by then is left, and called incomplete."""


@dataclass(slots=True)
class Pages:
    """Raw items of a paged list as they come, and whether all of it was seen."""

    items: list[Any] = field(default_factory=list)
    complete: bool = False
    pages: int = 0


class Caller:
    """Makes calls in somebody's name."""

    def __init__(self, transport: Transport, credential: Credential, limits: ReadLimits) -> None:
        self._transport = transport
        self._credential = credential
        self._limits = limits

    async def once(self, call: Call) -> Answer:
        """Make one call; after a 401 renew the credential and make it once more.

        A call that was answered by 401 was not carried out, so this holds for changes as well.
        """
        token = await self._credential.token()
        try:
            return await self._transport.send(call, token=token)
        except Unauthorized as error:
            refused = error
        if await self._credential.renew(token):
            try:
                return await self._transport.send(call, token=await self._credential.token())
            except Unauthorized as error:
                refused = error
        raise Unauthorized(f"{refused}. {self._credential.hint}") from refused

    async def read(self, call: Call) -> Answer:
        """Make a reading, repeated within the deadline while the control plane is unwell."""
        last = f"{call.what}: no answer within {self._limits.deadline_seconds:g} s"
        try:
            async with asyncio.timeout(self._limits.deadline_seconds) as limit:
                patience = _Patience(limit.when() or 0.0, self._limits.first_delay_seconds)
                attempts = stamina.retry_context(
                    on=patience.delay, attempts=MOST_ATTEMPTS, timeout=None
                )
                async for attempt in attempts.with_name(call.what, (), {}):
                    with attempt:
                        try:
                            return await self.once(call)
                        except Unavailable as error:
                            last = str(error)
                            raise
        except TimeoutError as error:
            raise Unavailable(last) from error
        raise AssertionError("a retry ends by returning or raising")

    async def read_pages(self, call: Call) -> Pages:
        """Read page after page until the list ends, or the server stops making sense.

        Items that moved to another page meanwhile come twice or not at all: the caller reconciles
        the doubled; totals that do not agree with what came make the list incomplete.
        """
        limits, pages = self._limits, Pages()
        seen: set[object] = set()
        while pages.pages < limits.most_pages:
            number = pages.pages + 1
            params = {**call.params, "page": str(number), "limit": str(limits.page_size)}
            items, pagination = _page_of(await self.read(replace(call, params=params)))
            totals = _Totals.of(pagination)
            before = len(seen)
            seen.update(_identities(items, first=len(pages.items)))
            pages.pages = number
            pages.items += items
            is_end = not totals.announce_more(len(seen), number, page=len(items), limits=limits)
            if is_end or len(seen) == before:
                pages.complete = totals.agree_with(len(seen), number)
                return pages
        return pages


@dataclass(slots=True)
class _Patience:
    """Says how long to wait before the next attempt, or that there is none."""

    until: float
    """Loop time at which patience ends."""
    first_delay_seconds: float
    failures: int = 0

    def delay(self, error: Exception) -> float | bool:
        if not isinstance(error, Unavailable):
            return False
        longest = min(LONGEST_DELAY_SECONDS, self.first_delay_seconds * 2**self.failures)
        self.failures += 1
        delay = random.uniform(0, longest)  # noqa: S311  # jitter, no secret
        if error.retry_after_seconds is not None:
            delay += min(error.retry_after_seconds, LONGEST_RETRY_AFTER)
        left = self.until - asyncio.get_running_loop().time()
        return delay if delay < left else False


def _page_of(answer: Answer) -> tuple[list[Any], dict[str, Any]]:
    """Items and pagination of one page; `items` or `data`, or a bare list."""
    data = answer.json()
    if isinstance(data, list):
        return data, {}
    if isinstance(data, dict):
        pagination = data.get("pagination")
        for key in ("items", "data"):
            if isinstance(data.get(key), list):
                return data[key], pagination if isinstance(pagination, dict) else {}
    raise Malformed(f"{answer.what}: the answer holds no list")


@dataclass(frozen=True, slots=True)
class _Totals:
    """What a page says of the whole; None where it says nothing usable."""

    items: int | None
    pages: int | None

    @classmethod
    def of(cls, pagination: dict[str, Any]) -> "_Totals":
        values = (pagination.get("total_items"), pagination.get("total_pages"))
        return cls(*(value if _is_count(value) else None for value in values))

    def announce_more(self, items: int, pages: int, *, page: int, limits: ReadLimits) -> bool:
        """True if another page is to be expected. Without totals a short page is the last."""
        if self.items is None and self.pages is None:
            return page >= limits.page_size
        more_items = self.items is not None and items < self.items
        return more_items or (self.pages is not None and pages < self.pages)

    def agree_with(self, items: int, pages: int) -> bool:
        """True if what came is what was announced, or nothing was: then the list's end is proof."""
        return self.items in {None, items} and (self.pages is None or self.pages <= max(pages, 1))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _identities(items: list[Any], *, first: int) -> Iterator[object]:
    """What tells an item from others: its id, or its place where it has none."""
    for number, item in enumerate(items, first):
        identity = None
        if isinstance(item, dict):
            identity = item.get("id") or item.get("config_id")
        yield identity if isinstance(identity, str) else number

"""Readings: authenticated, repeated while the control plane is unwell, paged to an end.

Only readings are repeated. Delays are drawn at random (full jitter), so that many clients do not
come back at once, or are what the server asks for, at most `LONGEST_RETRY_AFTER`.
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

FIRST_DELAY_SECONDS: Final = 0.5
LONGEST_DELAY_SECONDS: Final = 8.0
LONGEST_RETRY_AFTER: Final = 30.0
"""Seconds. A server that wants more is read again by the next poll."""
MOST_ATTEMPTS: Final = 6
MOST_PAGES: Final = 200
"""20,000 deployments of a page size of 100; a server that never ends its list lies."""


async def authorized(call: Call, *, transport: Transport, credential: Credential) -> Answer:
    """Make one call; after a 401 renew the credential and make it once more.

    A call that was answered by 401 was not carried out, so this holds for changes as well.
    """
    token = await credential.token()
    try:
        return await transport.send(call, token=token)
    except Unauthorized as error:
        if not await credential.renew(token):
            raise Unauthorized(f"{error}. {credential.hint}") from error
    return await transport.send(call, token=await credential.token())


async def read(
    call: Call, *, transport: Transport, credential: Credential, deadline_seconds: float
) -> Answer:
    """Make a reading, again and again while the control plane is unwell, within the deadline."""
    last: Unavailable | None = None
    try:
        async with asyncio.timeout(deadline_seconds) as limit:
            until = limit.when() or 0.0
            patience = _Patience(until=until)
            async for attempt in stamina.retry_context(
                on=patience.delay, attempts=MOST_ATTEMPTS, timeout=None
            ):
                with attempt:
                    try:
                        return await authorized(call, transport=transport, credential=credential)
                    except Unavailable as error:
                        last = error
                        raise
    except TimeoutError as error:
        text = f"{call.what}: no answer within {deadline_seconds:g} s"
        raise Unavailable(str(last or text)) from error
    raise AssertionError("a retry ends by returning or raising")


@dataclass(slots=True)
class _Patience:
    """Says how long to wait before the next attempt, or that there is none."""

    until: float
    """Loop time at which patience ends."""
    failures: int = 0

    def delay(self, error: Exception) -> float | bool:
        if not isinstance(error, Unavailable):
            return False
        self.failures += 1
        longest = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** (self.failures - 1))
        delay = random.uniform(0, longest)  # noqa: S311  # jitter, no secret
        if error.retry_after_seconds is not None:
            delay += min(error.retry_after_seconds, LONGEST_RETRY_AFTER)
        left = self.until - asyncio.get_running_loop().time()
        return delay if delay < left else False


@dataclass(slots=True)
class Pages:
    """Raw items of a paged list as they come, and whether all of it was seen."""

    items: list[Any] = field(default_factory=list)
    complete: bool = False
    pages: int = 0


async def read_pages(
    call: Call,
    *,
    transport: Transport,
    credential: Credential,
    deadline_seconds: float,
    page_size: int,
) -> Pages:
    """Read page after page until the list ends, or the server stops making sense.

    Items that moved to another page meanwhile come twice or not at all: the caller reconciles the
    doubled; totals that do not agree with what came make the list incomplete.
    """
    pages = Pages()
    seen: set[object] = set()
    while pages.pages < MOST_PAGES:
        number = pages.pages + 1
        params = {**call.params, "page": str(number), "limit": str(page_size)}
        answer = await read(
            replace(call, params=params),
            transport=transport,
            credential=credential,
            deadline_seconds=deadline_seconds,
        )
        items, pagination = page_of(answer)
        totals = _Totals.of(pagination)
        before = len(seen)
        seen.update(_identities(items, first=len(pages.items)))
        pages.pages = number
        pages.items += items
        brought_nothing = len(seen) == before
        if brought_nothing or totals.are_reached(len(seen), number, len(items) < page_size):
            pages.complete = totals.agree_with(len(seen), number)
            return pages
    return pages


def page_of(answer: Answer) -> tuple[list[Any], dict[str, Any]]:
    """Items and pagination of one page; `items` or `data`, or a bare list."""
    data = answer.json()
    if isinstance(data, list):
        return data, {}
    if isinstance(data, dict):
        pagination = data.get("pagination")
        for key in ("items", "data"):
            if isinstance(data.get(key), list):
                return data[key], pagination if isinstance(pagination, dict) else {}
        if "items" in data and data["items"] is None:
            return [], pagination if isinstance(pagination, dict) else {}
    raise Malformed(f"{answer.what}: the answer holds no list")


@dataclass(frozen=True, slots=True)
class _Totals:
    """What a page says of the whole; None where it says nothing usable."""

    items: int | None
    pages: int | None

    @classmethod
    def of(cls, pagination: dict[str, Any]) -> "_Totals":
        values = (pagination.get("total_items"), pagination.get("total_pages"))
        return cls(*(v if _is_count(v) else None for v in values))

    def are_reached(self, items: int, pages: int, is_short: bool) -> bool:  # noqa: FBT001  # a fact
        """True if no further page is announced. Without totals a short page is the last."""
        if self.items is None and self.pages is None:
            return is_short
        return (self.items is None or items >= self.items) and (
            self.pages is None or pages >= self.pages
        )

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

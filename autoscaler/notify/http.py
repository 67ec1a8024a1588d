"""One POST to a receiver, under the rules that all of them share (monitoring.md §4).

One deadline over all phases, no redirects, no cookies, no proxy from the environment, at most 4 KiB
of the answer read, and no URL in any error text: receivers' URLs are secrets. Link-local addresses,
where clouds keep their metadata and credentials, are never spoken to, by name or by number.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import ResolveResult

from autoscaler.core.hosts import unsafe_because
from autoscaler.notify.config import HttpOptions, Secret
from autoscaler.notify.receiver import FailureKind, NotDelivered
from autoscaler.notify.retry import retry_after_seconds
from autoscaler.ports import Clock

BODY_LIMIT = 4096
"""Bytes of an answer that are read; enough for any error text."""
USER_AGENT = "neevscale"

_AUTH = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, *_AUTH}
"""Refusals that a later attempt may escape: secrets are read anew each time, so also 401 and 403.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer, whatever its status."""

    status: int
    text: str
    retry_after: float | None
    """Seconds; None = not said."""

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx; a redirect is a failure."""
        return 200 <= self.status < 300

    def refusal(self) -> NotDelivered:
        """Return the failure that the status means where a receiver has no rules of its own."""
        text = f"answered {self.status}: {self.text}"
        if self.status == HTTPStatus.TOO_MANY_REQUESTS:
            return NotDelivered(FailureKind.RATE_LIMITED, text, retry_after=self.retry_after)
        if self.status >= 500:
            return NotDelivered(FailureKind.SERVER_ERROR, text, retry_after=self.retry_after)
        kind = FailureKind.AUTH if self.status in _AUTH else FailureKind.CLIENT_ERROR
        permanent = self.status >= 400 and self.status not in _AGAIN
        return NotDelivered(kind, text, permanent=permanent, retry_after=self.retry_after)


class SafeResolver(aiohttp.ThreadedResolver):
    """The system's resolver, without link-local answers."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of `host` that may be spoken to. Raises OSError if none is left."""
        found = await super().resolve(host, port, family)
        allowed = [answer for answer in found if not _is_link_local(answer["host"])]
        if not allowed:
            raise OSError("the receiver's name leads to a link-local address")
        return allowed


class Http:
    """The session that all receivers share; opened at the first use."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._tls: dict[str, ssl.SSLContext] = {}

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], options: HttpOptions
    ) -> Reply:
        """POST once and return the answer. Raises NotDelivered where there is none."""
        _check(url, options)
        try:
            async with asyncio.timeout(options.timeout_seconds):
                return await self._post(url, body, headers=headers, options=options)
        except TimeoutError as fault:
            raise NotDelivered(
                FailureKind.TIMEOUT, f"no answer within {options.timeout_seconds:g} s"
            ) from fault
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise NotDelivered(FailureKind.NETWORK, _name(fault)) from fault

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], options: HttpOptions
    ) -> Reply:
        session = self._open()
        async with session.post(
            url,
            data=body,
            headers={"User-Agent": USER_AGENT, **headers},
            allow_redirects=False,
            ssl=self._context(options.ca_file) if options.ca_file else True,
        ) as answer:
            text = await answer.content.read(BODY_LIMIT)
            wait = retry_after_seconds(answer.headers.get("Retry-After"), self._clock.now())
            return Reply(status=answer.status, text=text.decode(errors="replace"), retry_after=wait)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            # Alerts are rare: a kept connection would only be found dead when it matters.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True, resolver=SafeResolver()),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                trust_env=False,
            )
        return self._session

    def _context(self, ca_file: str) -> ssl.SSLContext:
        if ca_file not in self._tls:
            context = ssl.create_default_context()
            context.load_verify_locations(cafile=ca_file)
            self._tls[ca_file] = context
        return self._tls[ca_file]


def _check(url: str, options: HttpOptions) -> None:
    """Refuse what is not safe to send to. Raises NotDelivered."""
    parts = urlsplit(url)
    because = unsafe_because(url)
    if options.allow_http and parts.scheme == "http":
        because = ""
    if _is_link_local(parts.hostname or ""):
        because = "leads to a link-local address"
    if because:
        text = f"the receiver's URL {because}"
        raise NotDelivered(FailureKind.CLIENT_ERROR, text, permanent=True)


def _is_link_local(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_link_local


def ask(secret: Secret) -> str:
    """Return a secret's value now. Raises NotDelivered, to be tried again, if it cannot be read."""
    try:
        value = secret()
    except OSError as fault:
        raise NotDelivered(FailureKind.AUTH, f"a secret cannot be read: {fault}") from fault
    if not value:
        raise NotDelivered(FailureKind.AUTH, "a secret is empty")
    return value


def _name(fault: BaseException) -> str:
    """Return what went wrong without the address, which errors of a connection carry."""
    cause = fault.__cause__ or getattr(fault, "os_error", None)
    inner = f" ({type(cause).__name__})" if cause is not None else ""
    return f"{type(fault).__name__}{inner}"

"""One HTTP exchange with the control plane: bounded in time and in size, followed nowhere else.

Each exchange has a deadline that includes the body, a largest body, no redirects, no cookies and
no proxy from the environment; a credential goes only to a URL below the base URL that it is for.
Nothing is repeated here (`reading.py` does that for readings) and nothing is interpreted.
"""

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from autoscaler.cloud.errors import Malformed, Unavailable, error_for
from autoscaler.core.hosts import origin, unsafe_because
from autoscaler.core.redaction import safe
from autoscaler.ports import Clock

BODY_LIMIT = 8 * 1024 * 1024
"""Bytes of the largest body. A page of 100 deployments has about 80 kB."""
CHUNK = 64 * 1024
MOST_CONNECTIONS = 8
"""The daemon makes one call at a time and deployment; more would be unkind to the gateway."""
USER_AGENT = "neevscale"


class RequestMeter(Protocol):
    """Counts requests: (operation, code, seconds); code is the status, `timeout` or `network`."""

    def __call__(self, operation: str, code: str, seconds: float, /) -> None:
        """Count one."""
        ...


def unmetered(_operation: str, _code: str, _seconds: float, /) -> None:
    """Count nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to be made."""

    operation: str
    """Word for metrics, such as `list` or `scale`."""
    what: str
    """What it is, for people: `list deployments`, `scale deployment dep-1 to 3`."""
    method: str
    base_url: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    """Sent as JSON; None = no body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back with a status below 300."""

    what: str
    status: int
    body: bytes
    content_type: str

    def json(self) -> Any:  # noqa: ANN401  # whatever the server sent
        """The body's value. Raises Malformed."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            kind = safe(self.content_type, 64) or "no content type"
            raise Malformed(f"{self.what}: the answer is no JSON ({kind})") from error


class BrokenConnection(aiohttp.ClientError):
    """The connection broke before the answer was complete."""


async def send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Send a request, and say so when its connection breaks.

    Left to itself aiohttp would send a GET, PUT or DELETE a second time. A scale call must never be
    repeated blindly, so its error is turned into one that aiohttp lets through.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise BrokenConnection from error


class Transport:
    """Makes calls. One session for all of them, opened with the first."""

    def __init__(
        self,
        *,
        clock: Clock,
        deadline_seconds: float = 10.0,
        body_limit_bytes: int = BODY_LIMIT,
        ca_file: Path | None = None,
        meter: RequestMeter = unmetered,
    ) -> None:
        self._clock = clock
        self._deadline_seconds = deadline_seconds
        self._body_limit_bytes = body_limit_bytes
        self._ca_file = ca_file
        self._meter = meter
        self._session: aiohttp.ClientSession | None = None

    async def send(self, call: Call, *, token: str | None) -> Answer:
        """Make one call, once. Raises the errors of `errors.py`."""
        url = call.base_url + call.path
        _check_target(call, url)
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        started = self._clock.monotonic()
        code = "network"
        try:
            async with asyncio.timeout(self._deadline_seconds):
                response = await self._open().request(
                    call.method,
                    url,
                    params=call.params,
                    json=call.body,
                    headers=headers,
                    allow_redirects=False,
                )
                async with response:
                    code = str(response.status)
                    return await self._read(call, response)
        except TimeoutError as error:
            code = "timeout"
            text = f"{call.what}: no whole answer within {self._deadline_seconds:g} s"
            raise Unavailable(text) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(safe(f"{call.what}: {_network_words(error)}")) from error
        finally:
            self._meter(call.operation, code, self._clock.monotonic() - started)

    async def close(self) -> None:
        """Close the session; a later call opens a new one."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _read(self, call: Call, response: aiohttp.ClientResponse) -> Answer:
        body = bytearray()
        async for chunk in response.content.iter_chunked(CHUNK):
            body += chunk
            if len(body) > self._body_limit_bytes:
                response.close()
                limit = f"{self._body_limit_bytes} bytes"
                raise Malformed(f"{call.what}: the answer is larger than {limit}")
        answer = Answer(
            what=call.what,
            status=response.status,
            body=bytes(body),
            content_type=response.headers.get("Content-Type", ""),
        )
        if 200 <= response.status < 300:
            return answer
        raise error_for(
            response.status,
            _said(answer),
            call.what,
            retry_after=_retry_after(response.headers.get("Retry-After"), self._clock.now),
        )

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=_trust(self._ca_file), limit=MOST_CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                headers={"User-Agent": USER_AGENT},
                middlewares=(send_once,),
                trust_env=False,
            )
        return self._session


def _trust(ca_file: Path | None) -> ssl.SSLContext | bool:
    """Whose certificates are trusted: the system's, and those of `ca_file` besides."""
    if ca_file is None:
        return True
    tls = ssl.create_default_context()
    tls.load_verify_locations(ca_file)
    return tls


def _check_target(call: Call, url: str) -> None:
    """A credential goes to its own host only, and https: a broken promise here is our own fault."""
    because = unsafe_because(url)
    if because:
        raise Unavailable(f"{call.what}: the base URL {because}")
    if origin(url) != origin(call.base_url):
        raise AssertionError(f"{call.what}: the path leads to another host")


def _said(answer: Answer) -> str:
    """The server's own code and message, or what it sent in place of them."""
    try:
        data = answer.json()
    except Malformed:
        kind = answer.content_type.partition(";")[0]
        return f"no JSON ({kind})" if kind else ""
    if not isinstance(data, dict):
        return ""
    text = ": ".join(str(data[key]) for key in ("code", "message") if data.get(key))
    return text.rstrip(". ")


def _retry_after(value: str | None, now: Callable[[], float]) -> float | None:
    """Seconds to wait, from a number or from a date; None if there is neither."""
    if value is None:
        return None
    if value.strip().isdecimal() and len(value) < 10:
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now())


def _network_words(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "the server's certificate is not trusted; set cloud.ca_file if it is your own"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"no connection to {error.host}:{error.port} ({error.strerror or 'unknown cause'})"
    if isinstance(error, BrokenConnection | aiohttp.ClientPayloadError):
        return "the connection broke before the answer was complete"
    return f"no answer ({type(error).__name__})"

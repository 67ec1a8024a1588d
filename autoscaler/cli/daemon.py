"""A client of a running daemon's HTTP API, as the verbs use it.

The admin token goes along only where something is changed.
"""

import asyncio
import getpass
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlsplit

import aiohttp

from autoscaler.core.hosts import is_loopback, unsafe_because
from autoscaler.core.model import Json

DEADLINE_SECONDS: Final = 90.0
"""Longest that a call may take. A probe on demand may take a minute."""
BODY_LIMIT: Final = 64 * 1024 * 1024


class DaemonError(Exception):
    """The daemon cannot be asked, or refused; the text says why and what next."""


class DaemonAbsent(DaemonError):
    """Nobody answers there."""


class DaemonClient:
    """Asks one daemon. Each call opens a connection of its own: a verb makes one or two."""

    def __init__(self, url: str, *, token: Callable[[], str] | None = None) -> None:
        self._url = url.rstrip("/")
        self._token = token

    @property
    def url(self) -> str:
        """Where the daemon is."""
        return self._url

    async def get(self, *path: str, **query: str | None) -> dict[str, Any]:
        """Read something. Where readers must prove themselves, the admin token does."""
        params = {key: value for key, value in query.items() if value is not None}
        request = _Request("GET", path, params=params)
        status, data = await self._send(request, proof={})
        if status == HTTPStatus.UNAUTHORIZED and self._token is not None:
            status, data = await self._send(request, proof=self._proof())
        return _unless_refused(status, data)

    async def change(
        self, method: str, *path: str, body: Mapping[str, Json] | None = None
    ) -> dict[str, Any]:
        """Change something; carries the admin token."""
        request = _Request(method, path, body=body)
        return _unless_refused(*await self._send(request, proof=self._proof()))

    async def _send(
        self, request: "_Request", *, proof: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        url = self._url + "/api/v1/" + "/".join(quote(part, safe="") for part in request.path)
        async with _Session(self._url) as session:
            response = await session.request(
                request.method,
                url,
                params=request.params,
                json=request.body,
                headers=proof,
                allow_redirects=False,
            )
            async with response:
                return response.status, await _read(response)

    def _proof(self) -> dict[str, str]:
        if self._token is None:
            return {}
        because = unsafe_because(self._url)
        if because:
            raise DaemonError(f"The admin token is not sent to {self._url}: it {because}.")
        return {"Authorization": f"Bearer {self._token()}"}


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: tuple[str, ...]
    params: Mapping[str, str] | None = None
    body: Mapping[str, Json] | None = None


class _Session:
    """One session, whose errors are put into words."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> aiohttp.ClientSession:
        parts = urlsplit(self._url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise DaemonError(f"{self._url} is no URL of a daemon, such as http://127.0.0.1:9464")
        tls: ssl.SSLContext | bool = True
        if parts.scheme == "https" and is_loopback(parts.hostname):
            tls = False  # the certificate names the public host, and nobody is between
        connector = aiohttp.TCPConnector(ssl=tls)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(total=DEADLINE_SECONDS)
        )
        return self._session

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._session is not None:
            await self._session.close()
        if isinstance(error, aiohttp.ClientSSLError):
            raise DaemonError(
                f"{self._url} has no certificate that this machine trusts. Name its authority in "
                "SSL_CERT_FILE, or ask on the daemon's own machine."
            ) from error
        if isinstance(error, aiohttp.ClientConnectionError):
            raise DaemonAbsent(
                f"No daemon answers at {self._url}. Start one with `neevscale run`, or name "
                "another with --url or NEEVSCALE_URL."
            ) from error
        if isinstance(error, asyncio.TimeoutError):
            raise DaemonError(
                f"The daemon at {self._url} did not answer within {DEADLINE_SECONDS:g} s."
            ) from error
        if isinstance(error, aiohttp.ClientError):
            raise DaemonError(
                f"The answer of {self._url} broke off. See with `neevscale status` what was done."
            ) from error


async def _read(response: aiohttp.ClientResponse) -> dict[str, Any]:
    raw = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        raw += chunk
        if len(raw) > BODY_LIMIT:
            raise DaemonError(f"The answer of {response.url.origin()} is too long.")
    try:
        return _json(bytes(raw))
    except ValueError as error:
        raise DaemonError(
            f"{response.url.origin()} is no neevscale daemon: HTTP {response.status}, no JSON"
        ) from error


def _unless_refused(status: int, data: dict[str, Any]) -> dict[str, Any]:
    """The answer, or the daemon's own sentence why there is none."""
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return data
    told = data.get("error")
    said = told.get("message") if isinstance(told, dict) else None
    hint = ""
    if status == HTTPStatus.UNAUTHORIZED:
        hint = " The command line reads it from web.admin_token (NEEVSCALE_WEB__ADMIN_TOKEN_FILE)."
    raise DaemonError(str(said or f"The daemon answered HTTP {status}.") + hint)


def _json(raw: bytes) -> dict[str, Any]:
    data = json.loads(raw)
    if not isinstance(data, dict):
        raise ValueError("no object")  # noqa: TRY004  # as for a text that is no JSON at all
    return data


def who() -> str:
    """Who gives an order, for those who look later."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"

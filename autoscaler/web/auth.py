"""Who may read, who may change something, and from where.

Reading is open unless the web config file names users. Changing needs the admin token or one of
those users, and is off where neither is set. A browser carries basic auth along by itself, so
changes from another site are refused by what the browser says of the request's origin.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

import bcrypt
from aiohttp import web

from autoscaler.web.config import WebConfig
from autoscaler.web.errors import Refused
from autoscaler.web.webfile import WebFile

HOW_TO_TURN_ON = (
    "Changes over HTTP are off: no admin token is set. Put one into a file and name it in "
    "web.admin_token_file (NEEVSCALE_WEB__ADMIN_TOKEN_FILE), or name basic_auth_users in the web "
    "config file, and restart."
)
_NOBODY = bcrypt.hashpw(b"nobody", bcrypt.gensalt(10))
"""Compared with when the user does not exist, so that the answer takes as long."""
_CACHE_SIZE = 64
_MAX_PASSWORD_BYTES = 72
"""bcrypt reads no more."""


class Passwords:
    """bcrypt in a thread, two at a time, verdicts remembered under a key of this process."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._verdicts: dict[bytes, bool] = {}
        self._slots = asyncio.Semaphore(2)

    async def match(self, users: Mapping[str, str], user: str, password: str) -> bool:
        """Return whether the user exists and the password is theirs."""
        known = users.get(user)
        wanted = _NOBODY if known is None else known.encode()
        given = password.encode()[:_MAX_PASSWORD_BYTES]
        mark = hmac.digest(self._key, wanted + b"\0" + given, hashlib.sha256)
        if mark not in self._verdicts:
            async with self._slots:
                verdict = await asyncio.to_thread(bcrypt.checkpw, given, wanted)
            if len(self._verdicts) >= _CACHE_SIZE:
                self._verdicts.pop(next(iter(self._verdicts)))
            self._verdicts[mark] = verdict
        return self._verdicts[mark] and known is not None


class Guard:
    """Lets requests pass or raises Refused."""

    def __init__(self, config: WebConfig, file: WebFile | None) -> None:
        self._config = config
        self._file = file
        self._passwords = Passwords()

    @property
    def changes_are_on(self) -> bool:
        """True if an admin token or a user is set."""
        return bool(self._token() or self._users())

    async def check_reading(self, request: web.Request) -> None:
        """Let a reader pass: anybody, or who proves to be one of the users where there are some."""
        if self._users() and not await self._is_known(request):
            raise _unauthorized("Name and password are wanted.", basic=True)

    async def check_change(self, request: web.Request) -> None:
        """Let a change pass: from the same site, with the token or as one of the users."""
        if not self.changes_are_on:
            raise Refused(403, "changes_off", HOW_TO_TURN_ON)
        self._check_origin(request)
        if not await self._is_known(request):
            raise _unauthorized(
                "This needs the admin token: send it as `Authorization: Bearer TOKEN`.",
                basic=bool(self._users()),
            )

    def _check_origin(self, request: web.Request) -> None:
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        origin = request.headers.get("Origin")
        own = {request.host.lower(), urlsplit(self._config.external_url).netloc.lower()}
        foreign = origin is not None and urlsplit(origin).netloc.lower() not in own - {""}
        if foreign or site not in {"same-origin", "none"}:
            raise Refused(
                403,
                "cross_site",
                "Another site asked for this change; open the page of the daemon itself. Behind a "
                "proxy, set web.external_url to the address that people use.",
            )

    async def _is_known(self, request: web.Request) -> bool:
        scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            token = self._token()
            return bool(token) and hmac.compare_digest(rest.strip().encode(), token.encode())
        if scheme.lower() == "basic":
            user, password = _credentials(rest)
            users = self._users()
            return bool(users) and await self._passwords.match(users, user, password)
        return False

    def _token(self) -> str:
        read = self._config.admin_token
        return (read() or "").strip() if read is not None else ""

    def _users(self) -> Mapping[str, str]:
        return {} if self._file is None else self._file.settings().basic_auth_users


def _credentials(encoded: str) -> tuple[str, str]:
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def _unauthorized(message: str, *, basic: bool) -> Refused:
    scheme = "Basic" if basic else "Bearer"
    return Refused(
        401, "unauthorized", message, headers={"WWW-Authenticate": f'{scheme} realm="neevscale"'}
    )

"""Who we are at the control plane: a token that was given, or a login that is kept fresh.

A login's token is renewed when 80 % of its life is over, and once when it is refused before that.
However many calls wait for a new token, one renewal serves them all. While a renewal fails, a token
that has not expired goes on being used.
"""

import asyncio
import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard

from autoscaler.cloud.errors import CloudError, Malformed, NotFound, Rejected, Unauthorized
from autoscaler.cloud.transport import Call, Transport
from autoscaler.core.redaction import safe
from autoscaler.ports import Clock

RENEW_AT_RATIO = 0.8
"""Share of a token's life after which it is renewed: the rest is time for trying again."""
REFUSED_LOGIN_SECONDS = 60.0
"""After a login was refused, how long it is not tried again: a wrong password tried every second
locks an account.
"""
LONGEST_LIFE_SECONDS = 1e9
LATEST_INSTANT = 1e11
"""A life of 30 years, an instant in the year 5138: what is beyond is given in other units."""
RENEWAL_PAUSE_SECONDS = 10.0
"""After a renewal failed otherwise, how long the token in hand is used before the next try."""


class Credential(Protocol):
    """Gives the token of each call."""

    @property
    def hint(self) -> str:
        """What to do when it is refused for good, as a sentence without its full stop."""
        ...

    @property
    def expires_at(self) -> float | None:
        """Instant at which the present token expires; None = unknown."""
        ...

    @property
    def lifetime_seconds(self) -> float | None:
        """From the present token's issue to its expiry; None = unknown."""
        ...

    async def token(self) -> str:
        """The token to use now. Raises Unauthorized or Unavailable."""
        ...

    async def renew(self, refused: str) -> bool:
        """After `refused` was answered by 401: True if there is another token to try now."""
        ...


def check_token(token: str) -> str:
    """The token, if it can be one of the control plane. Raises Unauthorized with a sentence."""
    if token.lower().startswith("bearer "):
        raise Unauthorized("the token begins with 'Bearer ': give only what follows it")
    if token.startswith("sk-nc-"):
        raise Unauthorized(
            "the token is an inference key (sk-nc-…), which the control plane refuses: "
            "give an access token or a pat-nc-… here"
        )
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Unauthorized("the token is empty or has characters that no token has")
    return token


class GivenToken:
    """A token that somebody gave, read anew for each call so that a file may be exchanged."""

    def __init__(self, secret: Callable[[], str]) -> None:
        self._secret = secret
        self._expires_at: float | None = None
        self._issued_at: float | None = None

    @property
    def hint(self) -> str:
        """Where a token comes from."""
        return "The token is wrong or has expired: set NEEV_API_TOKEN to a new one"

    @property
    def expires_at(self) -> float | None:
        """Instant from the token's own `exp` claim; None if it tells none."""
        return self._expires_at

    @property
    def lifetime_seconds(self) -> float | None:
        """From the token's own `iat` claim to its `exp`; None if it lacks either."""
        if self._expires_at is None or self._issued_at is None:
            return None
        return self._expires_at - self._issued_at

    async def token(self) -> str:
        """The token as it is now."""
        try:
            token = check_token(self._secret())
        except OSError as error:
            raise Unauthorized(safe(str(error))) from error
        self._expires_at = instant_claim(token, "exp")
        self._issued_at = instant_claim(token, "iat")
        return token

    async def renew(self, refused: str) -> bool:
        """True if the file holds another token by now."""
        return await self.token() != refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a login or a refresh gave."""

    access_token: str
    refresh_token: str | None
    """What a new access token is asked for with; None = only a login gives one."""
    granted_at: float
    """Instant just before it was asked for."""
    expires_at: float

    @property
    def renew_at(self) -> float:
        """Instant from which it is renewed."""
        return self.granted_at + RENEW_AT_RATIO * (self.expires_at - self.granted_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account of the tenant API."""

    tenant_url: str
    email: str
    password: Callable[[], str]
    token_lifetime_seconds: float = 3600.0
    """Life of a token that tells none."""


class Login:
    """Logs in, and keeps the token fresh."""

    def __init__(self, account: Account, *, transport: Transport, clock: Clock) -> None:
        self._account = account
        self._transport = transport
        self._clock = clock
        self._grant: Grant | None = None
        self._lock = asyncio.Lock()
        self._not_before = 0.0
        self._refusal: CloudError | None = None

    @property
    def hint(self) -> str:
        """What a fresh token that is refused means."""
        return "A token of this login is not accepted: check cloud.tenant_url and cloud.base_url"

    @property
    def expires_at(self) -> float | None:
        """Instant at which the present token expires; None before the first login."""
        return None if self._grant is None else self._grant.expires_at

    @property
    def lifetime_seconds(self) -> float | None:
        """From the login or refresh to the expiry; None before the first login."""
        grant = self._grant
        return None if grant is None else grant.expires_at - grant.granted_at

    async def token(self) -> str:
        """The present token, renewed first if it is due."""
        if self._is_due():
            async with self._lock:
                if self._is_due():
                    await self._renew_or_keep()
        if self._grant is None:
            raise self._refusal or Unauthorized("log in: there is no token")
        return self._grant.access_token

    async def renew(self, refused: str) -> bool:
        """Renew unless somebody else has done so since `refused` was in use."""
        async with self._lock:
            if self._grant is None or self._grant.access_token == refused:
                self._grant = await self._new_grant()
        return self._grant.access_token != refused

    def _is_due(self) -> bool:
        now = self._clock.now()
        if self._grant is None:
            return now >= self._not_before or self._refusal is None
        return now >= self._grant.renew_at and now >= self._not_before

    async def _renew_or_keep(self) -> None:
        now = self._clock.now()
        try:
            self._grant = await self._new_grant()
        except CloudError as error:
            if self._grant is None or now >= self._grant.expires_at:
                self._grant = None
                raise
            self._not_before = max(self._not_before, now + RENEWAL_PAUSE_SECONDS)
            self._refusal = error

    async def _new_grant(self) -> Grant:
        grant = self._grant
        if grant is not None and grant.refresh_token is not None:
            try:
                return await self._ask(
                    "refresh", {"refresh_token": grant.refresh_token}, keep=grant.refresh_token
                )
            except (Unauthorized, Rejected, NotFound):
                pass  # the refresh token has had its day; the password has not
        return await self._log_in()

    async def _log_in(self) -> Grant:
        if self._refusal is not None and self._clock.now() < self._not_before:
            raise self._refusal
        try:
            credentials = {"email": self._account.email, "password": self._account.password()}
        except OSError as error:
            raise Unauthorized(safe(str(error))) from error
        try:
            grant = await self._ask("login", credentials, keep=None)
        except (Unauthorized, Rejected, NotFound) as error:
            self._not_before = self._clock.now() + REFUSED_LOGIN_SECONDS
            self._refusal = Unauthorized(
                f"{error}. Check cloud.email and cloud.password; the next try is in "
                f"{REFUSED_LOGIN_SECONDS:g} s"
            )
            raise self._refusal from error
        return grant

    async def _ask(self, verb: str, body: dict[str, str], *, keep: str | None) -> Grant:
        now = self._clock.now()
        call = Call(
            operation=verb,
            what="log in" if verb == "login" else "refresh the token",
            method="POST",
            base_url=self._account.tenant_url,
            path=f"/api/v1/auth/{verb}",
            body=body,
        )
        data = _object((await self._transport.send(call, token=None)).json(), call.what)
        token = data.get("access_token")
        if not isinstance(token, str):
            raise Malformed(f"{call.what}: the answer bears no access_token")
        refresh = data.get("refresh_token")
        self._refusal, self._not_before = None, 0.0
        return Grant(
            access_token=check_token(token),
            refresh_token=refresh if isinstance(refresh, str) and refresh else keep,
            granted_at=now,
            expires_at=self._expiry(data.get("expires_in"), token, now),
        )

    def _expiry(self, expires_in: object, token: str, now: float) -> float:
        """`expires_in` where given, else the token's `exp` claim, else the configured lifetime."""
        if _is_number(expires_in) and 0 < expires_in < LONGEST_LIFE_SECONDS:
            return now + expires_in
        claim = instant_claim(token, "exp")
        if claim is not None and claim > now:
            return claim
        return now + self._account.token_lifetime_seconds


def _object(value: Any, what: str) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """The answer's object; some APIs wrap it in `data`."""
    if isinstance(value, dict) and isinstance(value.get("data"), dict):
        return dict(value["data"])
    if isinstance(value, dict):
        return value
    raise Malformed(f"{what}: the answer is no object")


def instant_claim(token: str, name: str) -> float | None:
    """A claim of a JWT that is an instant, unverified: a hint when to renew. None = not there."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    instant = claims.get(name) if isinstance(claims, dict) else None
    return float(instant) if _is_number(instant) and 0 < instant < LATEST_INSTANT else None


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)

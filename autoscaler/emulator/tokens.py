"""Credentials of the emulated platform: access and refresh tokens, a personal one, inference keys.

Access tokens have the shape of a JWT (three base64url parts, an `exp` claim) and are signed, so a
made-up one is refused. Everything derives from the scenario's seed: nothing here is a secret, and
nothing here works anywhere else.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field

from autoscaler.core.model import Json


@dataclass(slots=True)
class TokenDesk:
    """Issues and checks the credentials of one organisation."""

    seed: int
    org_id: str
    access_seconds: float
    """Life of an access token."""
    refresh_seconds: float
    """Life of a refresh token; each serves once."""
    revoked_before: float = 0.0
    """Access tokens issued before this instant are refused: how a test expires them all at once."""
    _issued: int = 0
    _refresh: dict[str, tuple[str, float]] = field(default_factory=dict)

    @property
    def personal_token(self) -> str:
        """A personal access token, which never expires."""
        return f"pat-nc-{self._derive('personal')}"

    @property
    def inference_key(self) -> str:
        """The project's key for its endpoints."""
        return f"sk-nc-{self._derive('inference')}"

    def issue(self, user: str, *, at: float) -> dict[str, Json]:
        """Return the body of a successful login or refresh."""
        self._issued += 1
        claims: dict[str, Json] = {
            "sub": user,
            "org_id": self.org_id,
            "iat": at,
            "exp": int(at + self.access_seconds),
            "jti": self._issued,
        }
        refresh = f"rt-{self._derive(f'refresh {self._issued}')}"
        self._refresh[refresh] = (user, at + self.refresh_seconds)
        return {
            "access_token": self._sign(claims),
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": int(self.access_seconds),
        }

    def redeem(self, refresh: str, *, at: float) -> dict[str, Json] | None:
        """Exchange a refresh token; None if it is unknown, used or expired."""
        user, expires_at = self._refresh.pop(refresh, ("", 0.0))
        return self.issue(user, at=at) if at < expires_at else None

    def fault(self, token: str, *, at: float) -> str | None:
        """Say why a control-plane token is refused; None = it is good."""
        if token.startswith("sk-nc-"):
            return "An inference key (sk-nc-…) is not accepted here; use an access token."
        if token == self.personal_token:
            return None
        claims = self._claims(token)
        if claims is None:
            return "The access token is not valid."
        if at >= claims["exp"] or claims["iat"] < self.revoked_before:
            return "The access token has expired."
        return None

    def _claims(self, token: str) -> dict[str, float] | None:
        head, _, signature = token.rpartition(".")
        if not head or not hmac.compare_digest(self._signature(head).encode(), signature.encode()):
            return None
        payload = head.partition(".")[2]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return {"exp": float(claims["exp"]), "iat": float(claims["iat"])}

    def _sign(self, claims: dict[str, Json]) -> str:
        head = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode(claims)}"
        return f"{head}.{self._signature(head)}"

    def _signature(self, head: str) -> str:
        digest = hmac.digest(self._derive("sign").encode(), head.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _derive(self, purpose: str) -> str:
        return hashlib.sha256(f"{self.seed}/{self.org_id}/{purpose}".encode()).hexdigest()[:40]


def _encode(part: dict[str, Json]) -> str:
    raw = json.dumps(part, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

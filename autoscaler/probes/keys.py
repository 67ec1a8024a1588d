"""Inference keys: which one goes to which deployment, and to no other host.

A key is asked for at each use and never kept; it is in no log, no error and no `repr`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from yarl import URL

from autoscaler.core.model import Deployment
from autoscaler.probes.config import InferenceKey
from autoscaler.probes.hosts import allows

_SECRETS = re.compile(
    r"(?:sk|pat)-nc-[\w.~+/=-]+|whsec_[\w+/=-]+|\bsk-[\w-]{16,}"
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]*|(?<=[Bb]earer )\S+"
)
"""Key shapes of the platform, of webhooks and of OpenAI-likes, JWTs, and whatever follows
`Bearer`.
"""


class NoKey(Exception):
    """There is no key that may go to this host; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Credential:
    """The key for one request."""

    value: str
    """Empty = the request carries none."""

    def headers(self) -> dict[str, str]:
        """The header that carries it; none for an empty one."""
        return {"Authorization": f"Bearer {self.value}"} if self.value else {}

    def __repr__(self) -> str:
        return "Credential(…)" if self.value else "Credential()"


class InferenceKeys:
    """The configured keys, in order; the first whose glob matches is used."""

    def __init__(self, keys: Sequence[InferenceKey]) -> None:
        self._keys = tuple(keys)

    def credential(self, deployment: Deployment, url: URL) -> Credential:
        """The key for `deployment` at `url`. Raises NoKey."""
        if not self._keys:
            return Credential("")
        name = deployment.name
        key = next((key for key in self._keys if key.match.fits(deployment)), None)
        if key is None:
            raise NoKey(f"no inference key is for {name}: add one under inference.keys")
        if not allows(key.allowed_hosts, url):
            raise NoKey(
                f"the inference key for {name} may not go to {url.raw_host}: "
                "add the host to that key's allowed_hosts if it is yours"
            )
        try:
            return Credential(key.secret().strip())
        except OSError as error:
            raise NoKey(f"the inference key for {name} cannot be read: {error}") from error


def redact(text: str, secret: str = "", *, limit: int = 256) -> str:
    """`text` on one line, without `secret` and without anything shaped like a key, cut to `limit`
    characters.
    """
    if secret:
        text = text.replace(secret, "…")
    return " ".join(_SECRETS.sub("…", text).split())[:limit]

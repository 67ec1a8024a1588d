"""Host names and URLs: what is loopback, what may carry a credential. Pure text, no look-ups.

A name is judged as written. It is never resolved here, because an answer of DNS is no proof of
where a credential goes.
"""

import ipaddress
from urllib.parse import SplitResult, urlsplit

DEFAULT_PORTS = {"https": 443, "http": 80}


def is_loopback(host: str) -> bool:
    """True if `host` (no brackets, no port) names this machine: localhost, 127.0.0.0/8 or ::1."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def origin(url: str) -> tuple[str, str, int] | None:
    """(scheme, host, port) of an absolute http(s) URL, lower case; None if `url` is none."""
    parts = _split(url)
    if parts is None or parts.hostname is None:
        return None
    try:
        port = parts.port
    except ValueError:
        return None
    return parts.scheme, parts.hostname, port or DEFAULT_PORTS[parts.scheme]


def unsafe_because(url: str) -> str:
    """Why no credential may go to `url`, as a sentence's end; empty if one may.

    https everywhere except loopback, and nothing that would put a secret into the URL itself.
    """
    parts = _split(url)
    if parts is None or origin(url) is None:
        return "is no http(s) URL with a host"
    if parts.username or parts.password:
        return "has a user name or password in it; give those as settings of their own"
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        return "must begin with https:// (plain http is for loopback only)"
    return ""


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts if parts.scheme in DEFAULT_PORTS else None

"""What an exception or a status means: one of the 23 reasons, or a fault of our own.

The classes are those that aiohttp 3.14.5 was seen to raise (monitoring.md 5.5); tests/probes
produces each with real sockets. Two traps: a bad status line arrives as a ClientResponseError with
a made-up status of 400, and a clean end of a chunked body raises nothing at all.
"""

import errno
import ssl
from dataclasses import dataclass
from typing import Final

import aiohttp

from autoscaler.core.words import FailureReason, UntrustedReason

NETWORK_REASONS: Final = frozenset(
    {FailureReason.DNS, FailureReason.CONNECT, FailureReason.CONNECT_TIMEOUT}
)
"""What our own network being down looks like."""

_OUR_ERRNOS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
"""Errors of this process or machine: no descriptor, no memory. (EADDRNOTAVAIL: see below.)"""
_NO_PORT_LEFT: Final = errno.EADDRNOTAVAIL
"""All local ports in use; on `connect` it is ours as well."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong with one attempt."""

    reason: FailureReason
    detail: str
    untrusted: UntrustedReason | None = None
    """Set where the fault is ours: then `reason` only says what it looked like."""


def fault_of(error: Exception, *, has_headers: bool, is_tls: bool) -> Fault:
    """The meaning of an exception, before (`has_headers` False) or inside the response."""
    if isinstance(error, MemoryError):
        return Fault(FailureReason.CONNECT, "out of memory", UntrustedReason.CLIENT_FAULT)
    if _is_ours(error):
        return Fault(FailureReason.CONNECT, _text(error), UntrustedReason.CLIENT_FAULT)
    if has_headers:
        return Fault(FailureReason.TRUNCATED, f"the body broke off: {_text(error)}")
    return _fault_before_headers(error, is_tls=is_tls)


def reason_of_status(status: int) -> FailureReason | None:
    """The reason for an HTTP status; None = 200, go on and judge the body."""
    if status == 200:
        return None
    exact = _STATUSES.get(status)
    if exact is not None:
        return exact
    if status >= 500:
        return FailureReason.HTTP_5XX
    if 400 <= status < 500:
        return FailureReason.HTTP_4XX
    # A redirect is not followed: the key would go with it. The route is not where we were told.
    return FailureReason.HTTP_404 if 300 <= status < 400 else FailureReason.MALFORMED_SSE


_STATUSES: Final = {
    401: FailureReason.HTTP_AUTH,
    403: FailureReason.HTTP_AUTH,
    404: FailureReason.HTTP_404,
    429: FailureReason.HTTP_429,
    503: FailureReason.HTTP_503,
}


def _fault_before_headers(error: Exception, *, is_tls: bool) -> Fault:
    match error:
        case aiohttp.ClientConnectorDNSError():
            reason = FailureReason.DNS
        case aiohttp.ClientConnectorCertificateError():
            reason = FailureReason.TLS_CERT
        case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            reason = FailureReason.TLS_HANDSHAKE
        case aiohttp.ConnectionTimeoutError():
            reason = FailureReason.CONNECT_TIMEOUT
        case aiohttp.ClientConnectorError():
            reason = _reason_of_connector(error, is_tls=is_tls)
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
            reason = FailureReason.MALFORMED_HTTP
        case _:
            reason = FailureReason.DISCONNECTED
    return Fault(reason, _text(error))


def _reason_of_connector(error: aiohttp.ClientConnectorError, *, is_tls: bool) -> FailureReason:
    """The kernel's own timeout is a timeout; a reset of a TLS connection before it stands happens
    in the handshake, for TCP alone says "refused".
    """
    cause = error.os_error
    if isinstance(cause, TimeoutError):
        return FailureReason.CONNECT_TIMEOUT
    if is_tls and isinstance(cause, ConnectionResetError):
        return FailureReason.TLS_HANDSHAKE
    return FailureReason.CONNECT


def _is_ours(error: BaseException) -> bool:
    seen = 0
    cause: BaseException | None = error
    while cause is not None and seen < 5:
        number = getattr(cause, "errno", None)
        if isinstance(cause, OSError) and number in _OUR_ERRNOS:
            return True
        if isinstance(cause, aiohttp.ClientConnectorError) and number == _NO_PORT_LEFT:
            return True
        cause, seen = cause.__cause__ or cause.__context__, seen + 1
    return False


def _text(error: Exception) -> str:
    """The exception in one line; names its class where it has no words of its own."""
    return str(error) or type(error).__name__

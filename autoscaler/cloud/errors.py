"""What can go wrong on the way to the control plane.

    CloudError
      x Unavailable   no connection, timeout, 5xx, 408, 425, 429: retried where it is a reading
      x Malformed     an answer that is none: no JSON, too long, wrong shape, a redirect
      x Unauthorized  401: the credential was not accepted, also after one renewal
      x Forbidden     403: the credential may not do this
      x NotFound      404: it is not there
      x Rejected      400 and other 4xx: the request is at fault, never retried

What they say about a change that was asked for is one of the two words of `ports`: the first two
leave its outcome unknown, the others say that nothing was changed.
A reading that was refused leaves things unknown as well; `NotSeen` says so at the daemon's seam.
"""

from autoscaler.core.redaction import safe
from autoscaler.ports import CloudRefused, CloudUnknown

TOO_MANY = 429
_TRY_LATER = frozenset({408, 425, TOO_MANY})


class CloudError(Exception):
    """A call to the control plane failed; the text says which, why, and what next."""


class Unavailable(CloudError, CloudUnknown):
    """The control plane did not answer, or said that it cannot now."""

    def __init__(self, text: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_seconds = retry_after_seconds
        """What the server asked us to wait; None if it did not say."""


class Malformed(CloudError, CloudUnknown):
    """The answer cannot be read."""


class Unauthorized(CloudError, CloudRefused):
    """The credential was not accepted."""


class Forbidden(CloudError, CloudRefused):
    """The credential may not do this."""


class NotFound(CloudError, CloudRefused):
    """What was asked for does not exist."""


class Rejected(CloudError, CloudRefused):
    """The request itself is at fault."""


class NotSeen(CloudError, CloudUnknown):
    """A reading was refused, so nothing is known; the cause says why."""


def error_for(status: int, said: str, what: str, *, retry_after: float | None) -> CloudError:
    """The error for an answer with `status` to the call described by `what`."""
    text = safe(f"{what}: HTTP {status}" + (f", {said}" if said else ""))
    if status in _TRY_LATER or status >= 500:
        return Unavailable(text, retry_after_seconds=retry_after)
    if status == 401:
        return Unauthorized(text)
    if status == 403:
        return Forbidden(f"{text}. Check organization, project and the token's permissions")
    if status == 404:
        return NotFound(text)
    if 300 <= status < 400:
        return Malformed(f"{text}. Redirects are not followed; check the configured base URL")
    return Rejected(text) if status >= 400 else Malformed(f"{text}, which is not expected here")

"""Mail by SMTP: TLS is required unless a person switched it off, and a refusal is read exactly.

A 4xx reply is tried again, a 5xx is for good, but for a login (the password is read anew each
time). One address that is refused for good does not keep the mail from the others.
"""

import ssl

import aiosmtplib

from autoscaler.core.model import Json
from autoscaler.notify.config import SmtpConfig
from autoscaler.notify.http import ask
from autoscaler.notify.mail import build_mail
from autoscaler.notify.receiver import Attempt, FailureKind, NotDelivered


class SmtpReceiver:
    """Sends mail through one server."""

    kind = "smtp"
    collapses = True

    def __init__(self, config: SmtpConfig) -> None:
        self._config = config

    @property
    def name(self) -> str:
        """Name that routes and metrics use."""
        return self._config.name

    async def send(self, attempt: Attempt) -> dict[str, Json]:
        """Send one row as a mail. Raises NotDelivered."""
        config = self._config
        mail = build_mail(attempt, sender=config.sender, to=config.to)
        server = aiosmtplib.SMTP(
            hostname=config.host,
            port=config.port,
            timeout=config.timeout_seconds,
            use_tls=config.tls == "implicit",
            start_tls=config.tls == "starttls",
            tls_context=self._context(),
        )
        try:
            async with server:
                if config.username is not None and config.password is not None:
                    await server.login(config.username, ask(config.password))
                refused, _ = await server.sendmail(config.sender, list(config.to), mail.as_bytes())
        except (aiosmtplib.SMTPException, OSError) as fault:
            raise _refusal(fault) from fault
        if any(_passes(code) for code, _ in refused.values()):
            raise NotDelivered(FailureKind.SERVER_ERROR, _recipients(len(refused), "for now"))
        return {}

    def _context(self) -> ssl.SSLContext | None:
        if self._config.tls == "none":
            return None
        context = ssl.create_default_context()
        if self._config.ca_file:
            context.load_verify_locations(cafile=self._config.ca_file)
        return context


def _refusal(fault: BaseException) -> NotDelivered:
    """Return what an error of the library means for the row."""
    if isinstance(fault, aiosmtplib.SMTPRecipientsRefused):
        return _all_refused([refusal.code for refusal in fault.recipients])
    if isinstance(fault, aiosmtplib.SMTPAuthenticationError):
        return NotDelivered(FailureKind.AUTH, f"login refused: {fault.code} {fault.message}")
    if isinstance(fault, aiosmtplib.SMTPTimeoutError):
        return NotDelivered(FailureKind.TIMEOUT, "the mail server gave no answer in time")
    if isinstance(fault, aiosmtplib.SMTPConnectError | OSError):
        return NotDelivered(FailureKind.NETWORK, f"no connection: {type(fault).__name__}")
    if isinstance(fault, aiosmtplib.SMTPResponseException):
        kind = FailureKind.SERVER_ERROR if _passes(fault.code) else FailureKind.CLIENT_ERROR
        text = f"the mail server says {fault.code} {fault.message}"
        return NotDelivered(kind, text, permanent=not _passes(fault.code))
    return NotDelivered(FailureKind.NETWORK, f"{type(fault).__name__}: {fault}")


def _all_refused(codes: list[int]) -> NotDelivered:
    """Return what it means that no recipient was taken: one that may be later is tried again."""
    if any(_passes(code) for code in codes):
        return NotDelivered(FailureKind.SERVER_ERROR, _recipients(len(codes), "for now"))
    text = _recipients(len(codes), "for good")
    return NotDelivered(FailureKind.CLIENT_ERROR, text, permanent=True)


def _passes(code: int) -> bool:
    """Whether a reply's code says that a later try may succeed: all but 5xx (RFC 5321 §4.2.1)."""
    return not 500 <= code < 600


def _recipients(count: int, how_long: str) -> str:
    return f"{count} of the recipients refused {how_long}"

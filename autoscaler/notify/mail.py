"""How an alert looks as a mail: text first, HTML last, threaded by episode, never answered.

The Message-ID follows from the row's key, so that a repeat is the same mail to every program that
knows of them; all mails of an episode refer to one root, which puts them into one thread.
"""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from autoscaler.core.alerting.messages import AlertMessage, read_alert, read_change
from autoscaler.core.notification import Notification
from autoscaler.notify.receiver import Attempt
from autoscaler.notify.text import change_text, facts, lines, title

_COLOURS = {"critical": "#c62828", "warning": "#b26a00", "info": "#1565c0", "none": "#555555"}
_GREEN = "#2e7d32"


def build_mail(attempt: Attempt, *, sender: str, to: tuple[str, ...]) -> EmailMessage:
    """Return the whole mail of one row."""
    row = attempt.row
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Date"] = format_datetime(datetime.fromtimestamp(row.created_at, UTC))
    domain = sender.rpartition("@")[2]
    mail["Message-ID"] = f"<{row.key}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["X-Neev-Fingerprint"] = row.fingerprint
    if row.event == "change":
        change = read_change(row.payload)
        mail["Subject"] = change_text(change)
        mail.set_content(f"{change_text(change)}\n\n{change.because}\n", cte="quoted-printable")
        return mail
    _thread(mail, row, domain)
    message = read_alert(row.payload)
    headline = title(message, collapsed=attempt.collapsed)
    mail["Subject"] = headline
    mail.set_content(_text(message, headline), cte="quoted-printable")
    mail.add_alternative(_html(message, headline), subtype="html", cte="quoted-printable")
    return mail


def _thread(mail: EmailMessage, row: Notification, domain: str) -> None:
    root = f"<alert-{row.fingerprint}-{row.episode}@{domain}>"
    mail["In-Reply-To"] = root
    mail["References"] = root


def _text(message: AlertMessage, headline: str) -> str:
    evidence = "\n".join(f"{label}: {value}" for label, value in facts(message).items())
    return "\n".join([headline, "", *lines(message), "", evidence, ""])


def _html(message: AlertMessage, headline: str) -> str:
    colour = _GREEN if message.is_over else _COLOURS[message.alert.severity.value]
    paragraphs = "".join(f"<p>{_linked(line)}</p>" for line in lines(message))
    rows = "".join(
        f"<tr><th align='left'>{escape(label)}</th><td>{escape(value)}</td></tr>"
        for label, value in facts(message).items()
    )
    return (
        "<!doctype html><html><body style='font-family:sans-serif'>"
        f"<h2 style='color:{colour}'>{escape(headline)}</h2>{paragraphs}"
        f"<table cellpadding='4'>{rows}</table></body></html>"
    )


def _linked(line: str) -> str:
    label, found, address = line.partition(": http")
    if not found:
        return escape(line)
    address = escape("http" + address, quote=True)
    return f"{escape(label)}: <a href='{address}'>{address}</a>"

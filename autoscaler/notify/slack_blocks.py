"""How an alert looks in Slack: blocks within Slack's limits, text escaped, always with a fallback.

Everything is truncated rather than refused: Slack answers 400 to a block that is too long, and an
alert that is cut is better than none (alertmanager#2769).
"""

from autoscaler.core.alerting.messages import AlertMessage
from autoscaler.core.model import Json
from autoscaler.core.redaction import cut
from autoscaler.core.snapshot import Severity
from autoscaler.notify.text import facts, lines, title

HEADER_LIMIT = 150
SECTION_LIMIT = 3000
FIELD_LIMIT = 2000
FIELDS = 10
"""Slack's limits: characters of a header, a section and a field, and fields of a section."""

_GREEN = "#2eb67d"
_COLOURS = {
    Severity.CRITICAL: "#e01e5a",
    Severity.WARNING: "#ecb22e",
    Severity.INFO: "#36c5f0",
    Severity.NONE: "#36c5f0",
}


def slack_message(message: AlertMessage, *, collapsed: bool = False) -> dict[str, Json]:
    """Return `text` (the fallback) and one coloured attachment with the blocks."""
    headline = title(message, collapsed=collapsed)
    colour = _GREEN if message.is_over else _COLOURS[message.alert.severity]
    return {
        "text": escape(headline),
        "attachments": [{"color": colour, "blocks": _blocks(message, headline)}],
    }


def escape(text: str) -> str:
    """Return text in which Slack sees no control sequence."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _blocks(message: AlertMessage, headline: str) -> list[Json]:
    header: Json = {
        "type": "header",
        "text": {"type": "plain_text", "text": cut(headline, HEADER_LIMIT)},
    }
    blocks = [header]
    body = "\n".join(lines(message))
    if body:
        blocks.append({"type": "section", "text": _markdown(body, SECTION_LIMIT)})
    fields: list[Json] = [
        _markdown(f"{label}: {value}", FIELD_LIMIT)
        for label, value in list(facts(message).items())[:FIELDS]
    ]
    if fields:
        blocks.append({"type": "section", "fields": fields})
    return blocks


def _markdown(text: str, limit: int) -> Json:
    """Return a text object; cut before it is escaped so that no entity is cut in two, and so short
    that it fits even where every character is escaped.
    """
    shown = escape(cut(text, limit))
    if len(shown) > limit:
        shown = escape(cut(text, limit // 5))
    return {"type": "mrkdwn", "text": shown, "verbatim": True}

"""Takes secrets out of text that people or files may see, and cuts it to a bounded length.

It knows the shapes of our credentials (login tokens, `pat-nc-…`, `sk-nc-…`, `whsec_…`, JWTs, Slack
and PagerDuty keys) and of receivers' URLs. It is the last line: secrets should not get into text in
the first place. Text is cut after redaction, so that a cut never leaves half a secret unseen.
"""

import re

HIDDEN = "<secret>"
TEXT_LIMIT = 256
"""Longest error text that is kept, in characters (STYLE, errors)."""

_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?:sk-nc|pat-nc)-[\w.~+/=-]+",
        r"\bwh(?:sec|sk)_[\w+/=-]+",
        r"\bxox[a-z]-[\w-]+",
        r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?",
        r"(?i)(?<=bearer )\s*\S+",
        r"(?i)(?<=basic )[\w+/=]{8,}",
        r"(?i)(?<=routing_key\"[:=] \")[^\"]+|(?<=routing_key=)[^&\s]+",
        r"(?i)(?<=[?&]token=)[^&\s]+|(?<=[?&]key=)[^&\s]+|(?<=[?&]secret=)[^&\s]+",
        r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)",
        r"(?<=hooks\.slack\.com/)\S+",
    )
)


def redact(text: str) -> str:
    """Return `text` with everything that looks like a secret replaced."""
    for pattern in _PATTERNS:
        text = pattern.sub(HIDDEN, text)
    return text


def cut(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return `text` in at most `limit` characters, its end marked with `…` where it was longer."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def safe(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return `text` on one line, redacted, then cut."""
    return cut(redact(" ".join(text.split())), limit)

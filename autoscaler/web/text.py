"""Foreign text made safe to show: names and messages come from the platform and from endpoints.

`plain` is for people and label values alike. It must not be taken for escaping: HTML and the
exposition format escape on top of it.
"""

import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
LABEL_LIMIT = 128
"""Longest label value; the platform's names are at most 63 characters."""
TEXT_LIMIT = 400
"""Longest text on the page; a sentence of a rule is below 200."""

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, direction marks and other invisible ones, lone surrogates, private and unassigned."""


def plain(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return at most `limit` characters of `text`, invisible characters replaced visibly."""
    cut = text[:limit]
    if not (cut.isascii() and cut.isprintable()):
        cut = "".join(map(_visible, cut))
    return f"{cut[:-1]}…" if len(text) > limit else cut


def sentence(text: str) -> str:
    """Return `text` with a capital at its front: reasons are written to follow a colon."""
    return text[:1].upper() + text[1:]


def _visible(char: str) -> str:
    if char in "\n\t":
        return " "
    return REPLACEMENT if unicodedata.category(char) in _HIDDEN_CATEGORIES else char


def label(text: str) -> str:
    """Return `text` as a label value, cut, made visible and escaped for the exposition format."""
    value = plain(text, LABEL_LIMIT)
    return value.replace("\\", r"\\").replace('"', r"\"")


def label_pairs(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    """Return `a="x",b="y"`; empty for no labels."""
    return ",".join(f'{name}="{label(value)}"' for name, value in zip(names, values, strict=True))


def number(value: float) -> str:
    """Return a number as the exposition format writes it."""
    if value != value:  # noqa: PLR0124  # NaN is the one value that differs from itself
        return "NaN"
    if value in {float("inf"), float("-inf")}:
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)

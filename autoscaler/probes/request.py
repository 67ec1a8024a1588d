"""What a completion probe sends. Pure.

The optional fields are extensions that some servers refuse; each may be dropped by itself, and what
was dropped is remembered per deployment (`Extensions`). `priority` is never sent: servers without
priority scheduling answer it with 400.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from autoscaler.core.model import Json
from autoscaler.probes.config import Profile

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode
"""`json.dumps`, but for an encoder of its own at each call."""

WORDS_PER_TOKEN: Final = 0.75
"""English, roughly."""

_TASK: Final = (
    "Count upwards in English words, separated by commas, and do not stop before you reach two "
    "hundred: one, two, three, four, five, six,"
)
"""A task whose answer is long and varied: `ignore_eos` then does not run past a natural end, and an
answer that repeats means something.
"""
_FILLER: Final = (
    "The following list of small facts only makes this message longer and may be ignored. "
    "Rivers run to the sea; bread is baked from flour; the moon has no air; iron rusts in rain; "
    "cats sleep by day; letters make words; seven is a prime number; salt melts ice; wool is warm. "
)


class Extension(StrEnum):
    """An optional field of the request, in the order in which they are given up: the least usual
    first.
    """

    CACHE_SALT = "cache_salt"
    """vLLM: keeps the prefix cache apart, also below the salt in the prompt."""
    TIMINGS_PER_TOKEN = "timings_per_token"  # noqa: S105  # a field's name, no secret
    """llama-server: counts with every chunk. Sent only to servers that call themselves so."""
    IGNORE_EOS = "ignore_eos"
    """vLLM and others: a fixed output length."""
    CONTINUOUS_USAGE = "continuous_usage_stats"
    """vLLM, SGLang: the count of tokens with every chunk, exact without a tokenizer."""
    STREAM_OPTIONS = "stream_options"
    """OpenAI: a count at the end."""
    SEED = "seed"
    TEMPERATURE = "temperature"


ORDER: Final = tuple(Extension)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One request, before it is bytes."""

    model: str
    profile: Profile
    tokens: int
    salt: str
    extensions: frozenset[Extension]
    use_max_completion_tokens: bool = False
    extra: Mapping[str, Json] | None = None


def build_body(draft: Draft) -> bytes:
    """The request's JSON."""
    wanted = draft.extensions
    length = "max_completion_tokens" if draft.use_max_completion_tokens else "max_tokens"
    body: dict[str, Json] = {
        "model": draft.model,
        "messages": [{"role": "user", "content": build_prompt(draft.profile, draft.salt)}],
        "stream": True,
        length: draft.tokens,
    }
    if Extension.STREAM_OPTIONS in wanted:
        options: dict[str, Json] = {"include_usage": True}
        if Extension.CONTINUOUS_USAGE in wanted:
            options["continuous_usage_stats"] = True
        body["stream_options"] = options
    if Extension.TEMPERATURE in wanted:
        body["temperature"] = 0
    if Extension.SEED in wanted:
        body["seed"] = 1
    if Extension.IGNORE_EOS in wanted:
        body["ignore_eos"] = True
    if Extension.CACHE_SALT in wanted and draft.profile.salted:
        body["cache_salt"] = draft.salt
    if Extension.TIMINGS_PER_TOKEN in wanted:
        body["timings_per_token"] = True
    if draft.extra:
        body.update(draft.extra)
    return _encode(body).encode()


def build_prompt(profile: Profile, salt: str) -> str:
    """The user's message. The salt stands at its very start: engines cache whole blocks from the
    front, so anything before it would be shared.
    """
    head = f"[{salt}] " if profile.salted else ""
    words = round(profile.prompt_tokens * WORDS_PER_TOKEN) - len(_TASK.split())
    return head + _filler(words) + _TASK


def first_to_drop(refusal: str, sent: frozenset[Extension]) -> Extension | None:
    """Which of the `sent` extensions to give up after a refusal: the least usual one that its text
    names, else the least usual of all; None if none is left.
    """
    left = [extension for extension in ORDER if extension in sent]
    named = [extension for extension in left if extension.value in refusal]
    return next(iter(named or left), None)


def _filler(words: int) -> str:
    """About so many words more, in whole passages; none where the task alone is long enough."""
    return _FILLER * max(0, round(words / len(_FILLER.split())))

"""What one event of a completion stream says. Pure; the only reader of the wire's JSON here.

Written after what real servers send (vLLM, llama-server, transformers, llama-cpp-python; recorded
streams in tests/probes/fixtures): the first chunk carries a role and no token, `reasoning` may come
as `reasoning_content`, the usage chunk has empty `choices`, an error may be an object or a string,
and a token may come as an empty delta whose count alone tells of it.
"""

import json
from dataclasses import dataclass
from typing import Final

from autoscaler.core.model import Json

DONE: Final = b"[DONE]"
"""The event that ends a stream."""
LONGEST_TEXT: Final = 256
"""Characters of a delta that are kept: enough to tell tokens apart."""


_decode: Final = json.JSONDecoder().raw_decode
"""`json.loads` without its detours: half the time of an event."""


class MalformedEvent(ValueError):
    """An event that is no JSON object of the expected shape; the text says what is wrong."""


@dataclass(slots=True)
class Chunk:
    """One event, reduced to what a probe needs. Not frozen: one is made for each token."""

    kind: str = ""
    """What kind of token it bears: `content`, `reasoning` or `tool`; empty = none."""
    text: str = ""
    is_silent: bool = False
    """True for an empty delta that is neither role nor finish: a token held back, such as half a
    character.
    """
    completion_tokens: int | None = None
    """Tokens so far as the server counts them; None where it does not say."""
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    has_choice: bool = False
    """False for the usage chunk, whose `choices` are empty."""
    finish_reason: str = ""
    model: str = ""
    error: str = ""
    """The server's message; empty = no error."""


def parse_chunk(data: bytes) -> Chunk:
    """Read one event. Raises MalformedEvent."""
    try:
        text = data.decode("utf-8", "replace").strip()
        body, end = _decode(text)
    except (ValueError, RecursionError) as error:
        raise MalformedEvent("an event is no JSON") from error
    if end != len(text):
        raise MalformedEvent("something follows the JSON of an event")
    if type(body) is not dict:
        raise MalformedEvent(f"an event is a JSON {type(body).__name__}, no object")
    if body.get("error") or body.get("object") == "error":
        return Chunk(error=error_text(body) or "unnamed error")
    chunk = Chunk()
    model = body.get("model")
    if type(model) is str:
        chunk.model = model
    _read_choices(body.get("choices"), chunk)
    usage = body.get("usage")
    if usage:
        _read_usage(usage, chunk)
    timings = body.get("timings")
    if timings and chunk.completion_tokens is None:
        _read_timings(timings, chunk)
    return chunk


def error_text(body: Json) -> str:
    """The message of an error body in any of the shapes seen; empty if there is none."""
    for _ in range(4):
        if isinstance(body, str):
            return body
        if not isinstance(body, dict):
            return "" if body is None else json.dumps(body)[:LONGEST_TEXT]
        body = body.get("error") or body.get("message") or body.get("detail")
    return ""


def _read_choices(choices: Json, chunk: Chunk) -> None:
    if not choices:
        return
    choice = choices[0] if isinstance(choices, list) else None
    if not isinstance(choice, dict):
        raise MalformedEvent("`choices` is no list of objects")
    chunk.has_choice = True
    finish_reason = choice.get("finish_reason")
    if isinstance(finish_reason, str):
        chunk.finish_reason = finish_reason
    delta = choice.get("delta")
    if isinstance(delta, dict):
        _read_delta(delta, chunk)
    elif delta is not None:
        raise MalformedEvent("`delta` is no object")


def _read_delta(delta: dict[str, Json], chunk: Chunk) -> None:
    content = delta.get("content")
    if content and isinstance(content, str):
        chunk.kind, chunk.text = "content", content[:LONGEST_TEXT]
        return
    reasoning = delta.get("reasoning") or delta.get("reasoning_content")
    if reasoning and isinstance(reasoning, str):
        chunk.kind, chunk.text = "reasoning", reasoning[:LONGEST_TEXT]
    elif delta.get("tool_calls"):
        chunk.kind = "tool"
    else:
        chunk.is_silent = content == "" and "role" not in delta and not chunk.finish_reason


def _read_usage(usage: Json, chunk: Chunk) -> None:
    if not isinstance(usage, dict):
        raise MalformedEvent("`usage` is no object")
    chunk.completion_tokens = _count(usage.get("completion_tokens"))
    chunk.prompt_tokens = _count(usage.get("prompt_tokens"))
    details = usage.get("prompt_tokens_details")
    if isinstance(details, dict):
        chunk.cached_tokens = _count(details.get("cached_tokens"))


def _read_timings(timings: Json, chunk: Chunk) -> None:
    """llama-server's own counts, sent with every chunk where `timings_per_token` was asked for."""
    if isinstance(timings, dict):
        chunk.completion_tokens = _count(timings.get("predicted_n"))


def _count(value: Json) -> int | None:
    return value if type(value) is int and 0 <= value < 10**9 else None

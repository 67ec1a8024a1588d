"""Reading a chat completion request as vLLM does: what it asks for, or the 400 or 404 that it gets.

Error bodies follow recorded answers of vLLM 0.32. There is no tokenizer here: four characters count
as one token, and an answer's natural length is drawn from the request's own text and seed.
"""

import hashlib
import json
import math
from dataclasses import dataclass

from autoscaler.core.model import Json
from autoscaler.emulator.scenario import Serving

CHARACTERS_PER_TOKEN = 4
"""English text has about four characters a token."""
TEMPLATE_TOKENS = 12
"""What a chat template adds around the messages."""


class ChatRefusal(Exception):
    """A request that vLLM answers with an error."""

    def __init__(self, status: int, kind: str, message: str, param: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Json] = {
            "error": {"message": message, "type": kind, "param": param, "code": status}
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A chat completion that will be carried out."""

    model: str
    prompt: str
    """All messages, one text."""
    cache_salt: str
    prompt_tokens: int
    output_tokens: int
    finish_reason: str
    """`length` if the limit ends it, `stop` if the model does."""
    stream: bool
    include_usage: bool
    continuous_usage: bool


def read_chat(raw: bytes, *, model: str, max_model_len: int, serving: Serving) -> ChatRequest:
    """Return what to do. Raises ChatRefusal."""
    body = _object(raw)
    _refuse_fields(body, serving)
    prompt = _prompt(body)
    if body.get("model", model) != model:
        raise ChatRefusal(
            404,
            "NotFoundError",
            f"The model `{body['model']}` does not exist. Valid aliases: {model}.",
            "model",
        )
    stream = body.get("stream") is True
    options = _stream_options(body, stream=stream)
    prompt_tokens = TEMPLATE_TOKENS + -(-len(prompt) // CHARACTERS_PER_TOKEN)
    most = _limit(body, room=max_model_len - prompt_tokens)
    _require_room(prompt_tokens, most, max_model_len)
    output_tokens, finish_reason = _length(body, prompt, most=most, serving=serving)
    include_usage = options.get("include_usage") is True and serving.stream_usage
    return ChatRequest(
        model=model,
        prompt=prompt,
        cache_salt=str(body.get("cache_salt", "")),
        prompt_tokens=prompt_tokens,
        output_tokens=output_tokens,
        finish_reason=finish_reason,
        stream=stream,
        include_usage=include_usage,
        continuous_usage=include_usage and options.get("continuous_usage_stats") is True,
    )


def _object(raw: bytes) -> dict[str, Json]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _invalid("json_invalid", "body", "JSON decode error") from error
    if not isinstance(body, dict):
        raise _invalid("dict_type", "body", "Input should be a valid dictionary")
    return body


def _refuse_fields(body: dict[str, Json], serving: Serving) -> None:
    for name in serving.refused_fields:
        outer, _, inner = name.partition(".")
        value = body.get(outer)
        is_sent = inner in value if inner and isinstance(value, dict) else not inner
        if outer in body and is_sent:
            raise _invalid("extra_forbidden", f"body.{name}", "Extra inputs are not permitted")


def _prompt(body: dict[str, Json]) -> str:
    if "messages" not in body:
        raise _invalid("missing", "body.messages", "Field required")
    messages = body["messages"]
    if not isinstance(messages, list):
        raise _invalid("list_type", "body.messages", "Input should be a valid list")
    if not messages:
        raise _invalid("too_short", "body.messages", "List should have at least 1 item")
    return "\n".join(_text(message) for message in messages)


def _text(message: Json) -> str:
    """Text of one message; content is a string or a list of parts."""
    if not isinstance(message, dict):
        raise _invalid("dict_type", "body.messages", "Input should be a valid dictionary")
    content = message.get("content")
    if isinstance(content, list):
        parts = (part.get("text", "") for part in content if isinstance(part, dict))
        return "".join(str(part) for part in parts)
    return content if isinstance(content, str) else ""


def _stream_options(body: dict[str, Json], *, stream: bool) -> dict[str, Json]:
    options = body.get("stream_options")
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise _invalid("dict_type", "body.stream_options", "Input should be a valid dictionary")
    if not stream:
        raise _invalid(
            "value_error",
            "body.stream_options",
            "Value error, Stream options can only be defined when `stream=True`.",
        )
    return options


def _limit(body: dict[str, Json], *, room: int) -> int:
    """Return the most tokens that the answer may have."""
    key = "max_completion_tokens" if "max_completion_tokens" in body else "max_tokens"
    limit = _count(body, key, least=1)
    return max(room, 1) if limit is None else limit


def _length(body: dict[str, Json], prompt: str, *, most: int, serving: Serving) -> tuple[int, str]:
    """Return (tokens, finish reason) of the answer."""
    least = _count(body, "min_tokens", least=0) or 0
    if least > most:
        raise _invalid("value_error", "body.min_tokens", "min_tokens must not exceed max_tokens")
    if body.get("ignore_eos") is True:
        return most, "length"
    lot = hashlib.sha256(f"{body.get('seed')}/{prompt}".encode(errors="replace")).digest()
    share = (int.from_bytes(lot[:4], "big") + 1) / 2**32
    natural = max(least, 1, round(-math.log(share) * serving.natural_output_tokens))
    return (natural, "stop") if natural < most else (most, "length")


def _count(body: dict[str, Json], name: str, *, least: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise _invalid("int_type", f"body.{name}", "Input should be a valid integer")
    if value < least:
        raise _invalid("value_error", f"body.{name}", f"{name} must be at least {least}")
    return value


def _require_room(prompt_tokens: int, output_tokens: int, max_model_len: int) -> None:
    """The messages are vLLM's, so that clients can be tried on them."""
    limit = f"This model's maximum context length is {max_model_len} tokens. However, "
    if prompt_tokens >= max_model_len:
        raise ChatRefusal(
            400,
            "BadRequestError",
            f"{limit}your prompt contains at least {prompt_tokens} input tokens, which exceeds "
            "this limit even without any output tokens. Please reduce the length of the input "
            f"prompt. (parameter=input_tokens, value={prompt_tokens})",
            "input_tokens",
        )
    if prompt_tokens + output_tokens > max_model_len:
        raise ChatRefusal(
            400,
            "BadRequestError",
            f"{limit}you requested {output_tokens} output tokens and your prompt contains at "
            f"least {prompt_tokens} input tokens. Please reduce the length of the input prompt or "
            "the number of requested output tokens. "
            f"(parameter=max_tokens, value={output_tokens})",
            "max_tokens",
        )


def _invalid(kind: str, where: str, message: str) -> ChatRefusal:
    detail = f"{{'type': '{kind}', 'loc': '{where}', 'msg': '{message}'}}"
    return ChatRefusal(400, "Bad Request", f"1 validation error:\n  {detail}", where)

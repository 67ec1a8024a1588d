"""The wire forms of a chat completion, key by key as vLLM 0.32 was recorded sending them."""

import json
from dataclasses import dataclass

from autoscaler.core.model import Json
from autoscaler.emulator.chat import ChatRequest
from autoscaler.emulator.scenario import Serving

FINGERPRINT = "vllm-0.32.0-emulated"
DONE = b"data: [DONE]\n\n"
WORDS = (
    " the", " replica", " answers", " one", " token", " at", " a", " time", ",", " in", " the",
    " order", " in", " which", " its", " engine", " steps", ";", " nothing", " here", " is",
    " meant", ".",
)  # fmt: skip
"""Tokens of every answer, in turn; 23 of them, so that no short cycle looks degenerate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer in the making: makes its chunks and its body."""

    id: str
    created: int
    chat: ChatRequest
    serving: Serving
    cached_tokens: int
    model: str
    """The model that it claims to be; another one's name only by a fault."""
    word: str | None = None
    """Every token, if a fault makes the text degenerate; None = words in turn."""

    def role_chunk(self) -> bytes:
        """The first chunk: a role and no text."""
        choice: Json = {
            "index": 0,
            "delta": {"role": "assistant", "content": ""},
            "logprobs": None,
            "finish_reason": None,
        }
        extra: dict[str, Json] = {"prompt_token_ids": None, "prompt_text": None}
        return event({**self._head([choice]), **extra, **self._running_usage(0)})

    def token_chunk(self, first: int, last: int) -> bytes:
        """The chunk of tokens `first` to `last` (from 1); the last one bears the finish reason."""
        choice: dict[str, Json] = {
            "index": 0,
            "delta": self._delta(first, last),
            "logprobs": None,
            "finish_reason": None,
        }
        if last == self.chat.output_tokens:
            choice |= {"finish_reason": self.chat.finish_reason, "stop_reason": None}
        choice["token_ids"] = None
        return event({**self._head([choice]), **self._running_usage(last)})

    def usage_chunk(self) -> bytes:
        """The chunk after the last: usage, and no choices."""
        usage = self._usage(self.chat.output_tokens)
        return event({**self._head([]), "usage": usage, "system_fingerprint": FINGERPRINT})

    def whole(self) -> dict[str, Json]:
        """The body of an answer that is not streamed."""
        text = self._text(1, self.chat.output_tokens)
        thought = self._thought_tokens
        field = self.serving.reasoning_field
        message: dict[str, Json] = {"role": "assistant", "content": text, "refusal": None}
        if field is not None:
            message["content"] = self._text(thought + 1, self.chat.output_tokens)
            message[field.value] = self._text(1, thought)
        usage = self._usage(self.chat.output_tokens)
        return {
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [
                {
                    "index": 0,
                    "message": message,
                    "logprobs": None,
                    "finish_reason": self.chat.finish_reason,
                    "stop_reason": None,
                }
            ],
            "system_fingerprint": FINGERPRINT,
            "usage": {"prompt_tokens_details": None, **usage},
        }

    @property
    def _thought_tokens(self) -> int:
        if self.serving.reasoning_field is None:
            return 0
        return int(self.chat.output_tokens * self.serving.reasoning_ratio)

    def _delta(self, first: int, last: int) -> dict[str, Json]:
        field = self.serving.reasoning_field
        name = field.value if field is not None and first <= self._thought_tokens else "content"
        return {name: self._text(first, last)}

    def _text(self, first: int, last: int) -> str:
        if self.word is not None:
            return self.word * (last - first + 1)
        return "".join(WORDS[(number - 1) % len(WORDS)] for number in range(first, last + 1))

    def _head(self, choices: list[Json]) -> dict[str, Json]:
        return {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }

    def _running_usage(self, tokens: int) -> dict[str, Json]:
        return {"usage": self._usage(tokens)} if self.chat.continuous_usage else {}

    def _usage(self, tokens: int) -> dict[str, Json]:
        usage: dict[str, Json] = {
            "prompt_tokens": self.chat.prompt_tokens,
            "total_tokens": self.chat.prompt_tokens + tokens,
            "completion_tokens": tokens,
        }
        if self.serving.reports_cached_tokens:
            usage["prompt_tokens_details"] = {"cached_tokens": self.cached_tokens}
        return usage


def event(data: Json) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"


def error_event() -> bytes:
    """What vLLM sends in a stream when its engine has died."""
    error: Json = {
        "message": "EngineCore encountered an issue. See stack trace (above) for the root cause.",
        "type": "InternalServerError",
        "param": None,
        "code": 500,
    }
    return event({"error": error})

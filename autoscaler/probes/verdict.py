"""From the events of one stream to a verdict, by the strict rule. Pure.

A probe succeeded if and only if: status 200, an event stream, no error object in it, at least one
token, a finish reason, `[DONE]` (relaxable), the right model, and text that is not degenerate
(monitoring.md 5.3). HTTP status and exceptions are judged in `failures`; here begins the body.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from autoscaler.core.words import FailureReason
from autoscaler.probes.timing import Timing, judge_times
from autoscaler.probes.transcript import JUDGED_TOKENS, End, Transcript

GOOD_FINISHES: Final = frozenset({"stop", "length", "tool_calls"})
"""Anything else (`abort`, `error`, `content_filter`) is an output that was cut off."""
FEWEST_JUDGED: Final = 8
"""Chunks below which a repetition may be chance."""
DEGENERATE_SHARE: Final = 0.9
"""Share of the same token from which text is degenerate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one stream was worth."""

    failure: FailureReason | None
    detail: str
    ttft_seconds: float | None
    first_content_seconds: float | None
    timing: Timing
    prompt_tokens: int | None
    cached_tokens: int | None
    finish_reason: str
    model: str


def judge(
    transcript: Transcript,
    *,
    model: str | None,
    require_done: bool = True,
    own_lag: float = 0.0,
) -> Verdict:
    """The verdict on a stream that has ended; `model` None = any name will do, `own_lag` is the
    largest lateness of our own loop meanwhile, in seconds.

    A stream that ended by a deadline is judged for what came before it; which deadline it was is
    the caller's to say.
    """
    timing = judge_times(transcript.arrivals, total=transcript.total, own_lag=own_lag)
    failure, detail = _failure(transcript, model=model, require_done=require_done)
    merged = timing.merged
    reasoned_first = transcript.first_reasoning_at is not None
    return Verdict(
        failure=failure,
        detail=detail,
        ttft_seconds=None if merged else transcript.first_token_at,
        first_content_seconds=transcript.first_content_at
        if reasoned_first and not merged
        else None,
        timing=timing,
        prompt_tokens=transcript.prompt_tokens,
        cached_tokens=transcript.cached_tokens,
        finish_reason=transcript.finish_reason,
        model=transcript.model,
    )


def is_same_model(wanted: str, seen: str) -> bool:
    """True if a server that was asked for `wanted` may call itself `seen`.

    Servers answer with the whole path, its last part, or with a revision behind an `@`; an empty
    name says nothing.
    """
    seen = seen.partition("@")[0].casefold()
    wanted = wanted.casefold()
    return not seen or seen == wanted or seen.rpartition("/")[2] == wanted.rpartition("/")[2]


def is_degenerate(texts: list[str]) -> bool:
    """True if nine of ten of the first tokens are the same, or nothing but exclamation marks came:
    the looks of weights that are not numbers any more.
    """
    judged = [text for text in texts[:JUDGED_TOKENS] if text]
    if len(judged) < FEWEST_JUDGED:
        return False
    if not "".join(judged).strip("! \n"):
        return True
    if len(set(judged)) > 1 + (1 - DEGENERATE_SHARE) * len(judged):
        return False  # too many kinds of token for one of them to fill nine tenths
    return Counter(judged).most_common(1)[0][1] >= DEGENERATE_SHARE * len(judged)


def _failure(
    transcript: Transcript, *, model: str | None, require_done: bool
) -> tuple[FailureReason | None, str]:
    if transcript.error:
        return FailureReason.STREAM_ERROR, transcript.error
    if transcript.end is End.MALFORMED:
        return FailureReason.MALFORMED_SSE, transcript.end_detail
    tokens = transcript.total or transcript.arrivals.chunks
    if transcript.end is End.BROKEN:
        return FailureReason.TRUNCATED, transcript.end_detail or "the connection broke"
    if not tokens:
        return _without_tokens(transcript)
    whole = transcript.end is End.DONE or not require_done
    if transcript.finish_reason not in GOOD_FINISHES or not whole:
        return FailureReason.TRUNCATED, _cut(transcript)
    return _content_failure(transcript, model)


def _content_failure(transcript: Transcript, model: str | None) -> tuple[FailureReason | None, str]:
    """A stream that is whole may still be of no use."""
    if model is not None and not is_same_model(model, transcript.model):
        answered = f"asked for {model}, answered by {transcript.model[:100]}"
        return FailureReason.WRONG_MODEL, answered
    if not transcript.has_text or is_degenerate(transcript.texts):
        return FailureReason.DEGENERATE, _looks(transcript)
    return None, ""


def _without_tokens(transcript: Transcript) -> tuple[FailureReason, str]:
    """Nothing came. A stream that finished, or never began, is empty; else it was cut."""
    finished = transcript.end is End.DONE or bool(transcript.finish_reason)
    if finished or not transcript.events:
        return FailureReason.EMPTY, "the stream ended properly and bore no token"
    return FailureReason.TRUNCATED, "the stream ended before its first token"


def _cut(transcript: Transcript) -> str:
    if transcript.finish_reason in GOOD_FINISHES:
        return "the stream ended without [DONE]"
    if transcript.finish_reason:
        return f"the server gave up: finish_reason {transcript.finish_reason[:40]}"
    return f"the stream ended after {transcript.arrivals.chunks} chunks without a finish reason"


def _looks(transcript: Transcript) -> str:
    if not transcript.has_text:
        return f"{transcript.total} tokens and no text"
    return f"the tokens repeat: {''.join(transcript.texts[:8])!r}"

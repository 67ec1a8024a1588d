"""From an exchange to a ProbeResult: the verdict, and what of it may be trusted. Pure."""

import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from autoscaler.core.model import ProbeResult
from autoscaler.core.words import FailureReason, UntrustedReason
from autoscaler.probes.config import LIVENESS, ProbeConfig, Profile
from autoscaler.probes.exchange import Exchange
from autoscaler.probes.failures import Fault
from autoscaler.probes.keys import redact
from autoscaler.probes.phases import phases_of
from autoscaler.probes.verdict import Verdict, judge

LARGEST_LAG_SECONDS: Final = 1.0
"""Lag during a probe from which even its failure is our own doing."""
LARGEST_CACHED_SHARE: Final = 0.25
"""Share of the prompt that a cache may answer in a salted probe (the chat template's part)."""
LARGEST_TIMES_LAG_SECONDS: Final = 0.02
LARGEST_TIMES_LAG_SHARE: Final = 0.25
"""Lag, absolute and as a share of ITL, from which single gaps mean nothing (monitoring.md 5.6)."""
LARGEST_ITL_ERROR: Final = 0.02
"""Error of the mean ITL, by our lag at its two readings, from which it is withheld."""
LONGEST_RETRY_AFTER: Final = 86400.0
"""A server that asks for more than a day of silence is not taken at its word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a result needs besides the exchange."""

    deployment_id: str
    model: str
    profile: Profile
    scheduled_at: float
    sent_at: float
    warmup: bool
    id: str = ""
    secret: str = ""
    """The key, to strike it from whatever the server echoes."""


def build_result(context: Context, exchange: Exchange, config: ProbeConfig) -> ProbeResult:
    """What one exchange tells."""
    verdict = judge_exchange(context.model, exchange, config)
    fault = exchange.fault
    if fault is not None:
        failure, detail = fault.reason, _detail(fault, exchange)
    elif context.profile.name == LIVENESS:
        failure, detail = None, ""  # there is no stream to judge: an answer was all we wanted
    else:
        failure, detail = verdict.failure, verdict.detail
    itl, refused = _trusted_times(exchange, verdict)
    arrivals = exchange.transcript.arrivals
    tokens = (arrivals.reads[0].at, arrivals.last_at) if arrivals.reads else None
    return ProbeResult(
        id=context.id,
        deployment_id=context.deployment_id,
        profile=context.profile.name,
        scheduled_at=context.scheduled_at,
        sent_at=context.sent_at,
        duration_seconds=exchange.ended - exchange.began,
        failure=failure,
        detail=redact(detail, context.secret),
        http_status=exchange.status,
        ttft_seconds=verdict.ttft_seconds,
        first_content_seconds=verdict.first_content_seconds,
        itl_seconds=itl,
        output_tokens=verdict.timing.tokens,
        prompt_tokens=verdict.prompt_tokens,
        cached_tokens=verdict.cached_tokens,
        token_times=verdict.timing.token_times,
        times_trusted=not refused,
        times_refused_because=refused,
        phases=phases_of(
            exchange.marks,
            began=exchange.began,
            headers_at=exchange.headers_at,
            tokens=None if verdict.timing.merged else tokens,
        ),
        untrusted=_untrusted(context, exchange, verdict, config, ok=failure is None),
        warmup=context.warmup,
        retry_after_seconds=retry_after(exchange.retry_after, now=context.sent_at),
        cert_expires_at=certificate_instant(exchange.cert_not_after),
    )


def judge_exchange(model: str, exchange: Exchange, config: ProbeConfig) -> Verdict:
    """The verdict on the stream alone, asked for as `model`."""
    return judge(
        exchange.transcript,
        model=model if config.require_model else None,
        require_done=config.require_done,
        own_lag=exchange.worst_lag,
    )


def retry_after(text: str, *, now: float) -> float | None:
    """Seconds that a Retry-After header asks for (both forms); None = none that can be read."""
    text = text.strip()
    if not text:
        return None
    if text.isdecimal():
        seconds = float(text[:9])
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(LONGEST_RETRY_AFTER, max(0.0, seconds))


def certificate_instant(not_after: str) -> float | None:
    """Instant at which a certificate expires, from OpenSSL's text; None = unknown."""
    try:
        return float(ssl.cert_time_to_seconds(not_after)) if not_after else None
    except ValueError:
        return None


def _detail(fault: Fault, exchange: Exchange) -> str:
    return f"{fault.detail}: {exchange.refusal}" if exchange.refusal else fault.detail


def _trusted_times(exchange: Exchange, verdict: Verdict) -> tuple[float | None, str]:
    """ITL as far as our own loop did not spoil it, and why token times are refused (empty = not).

    The mean depends on two readings only; single gaps on all of them, so the rule is harder there.
    """
    timing, arrivals = verdict.timing, exchange.transcript.arrivals
    itl = timing.itl_seconds
    if itl is not None:
        span = arrivals.last_at - arrivals.reads[0].at
        if exchange.first_delay + exchange.last_delay > LARGEST_ITL_ERROR * span:
            itl = None
    worst = exchange.worst_lag
    allowed = LARGEST_TIMES_LAG_SECONDS
    if timing.itl_seconds is not None:
        allowed = min(allowed, LARGEST_TIMES_LAG_SHARE * timing.itl_seconds)
    if not timing.times_refused_because and worst > allowed:
        return itl, f"our own event loop ran {worst * 1000:.0f} ms late"
    return itl, timing.times_refused_because


def _untrusted(
    context: Context, exchange: Exchange, verdict: Verdict, config: ProbeConfig, *, ok: bool
) -> tuple[UntrustedReason, ...]:
    reasons: list[UntrustedReason] = []
    fault = exchange.fault
    if fault is not None and fault.untrusted is not None:
        reasons.append(fault.untrusted)
    if exchange.worst_lag > LARGEST_LAG_SECONDS:
        reasons.append(UntrustedReason.CLIENT_FAULT)
    if ok:  # a failure has no latency that could be spoiled
        reasons += _spoiled(context, exchange, verdict, config)
    return tuple(dict.fromkeys(reasons))


def _spoiled(
    context: Context, exchange: Exchange, verdict: Verdict, config: ProbeConfig
) -> list[UntrustedReason]:
    """Why the latencies of a success must not be counted."""
    reasons = []
    ttft = verdict.ttft_seconds
    late = max(exchange.marks.send_delay, exchange.first_delay)
    allowed = max(config.lag_tolerance_seconds, config.lag_tolerance_ratio * (ttft or 0.0))
    merged_by_us = verdict.timing.merged and not verdict.timing.buffered
    if merged_by_us or (ttft is not None and late > allowed):
        reasons.append(UntrustedReason.LOOP_LAG)
    if verdict.timing.buffered:
        reasons.append(UntrustedReason.BUFFERED)
    cached, prompt = verdict.cached_tokens, verdict.prompt_tokens
    if context.profile.salted and cached and prompt and cached > LARGEST_CACHED_SHARE * prompt:
        reasons.append(UntrustedReason.CACHED_PREFIX)
    return reasons


def unsent(
    context: Context, reason: FailureReason, detail: str, *, untrusted: UntrustedReason
) -> ProbeResult:
    """The result of a probe that never left; `untrusted` says that this is no fault of the
    server's.
    """
    return ProbeResult(
        id=context.id,
        deployment_id=context.deployment_id,
        profile=context.profile.name,
        scheduled_at=context.scheduled_at,
        sent_at=context.sent_at,
        duration_seconds=0.0,
        failure=reason,
        detail=redact(detail, context.secret),
        times_refused_because="nothing was sent",
        untrusted=(untrusted,),
        warmup=context.warmup,
    )

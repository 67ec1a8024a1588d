"""The closed sets of words: status, verdict, reason of a decision, reason of a failed probe.

Log lines, metric labels, the page, alerts and `explain` use these words and no others, so that one
`grep` finds the same thing everywhere.
"""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Lifecycle state of a deployment as the platform names it; anything else becomes `unknown`."""

    INITIALIZING = "initializing"
    READY = "ready"
    FAILED = "failed"
    TERMINATING = "terminating"
    UNKNOWN = "unknown"


class Mode(StrEnum):
    """What the autoscaler may do: recommend only, or call scale."""

    ADVISORY = "advisory"
    ACTIVE = "active"


class Attention(StrEnum):
    """How closely a deployment wants to be probed now (SEMANTICS §2)."""

    IDLE = "idle"
    """Idle and steady: twice the interval will do."""
    STEADY = "steady"
    DOUBT = "doubt"
    """The interval of the estimate holds the threshold, or settling, or near the SLO, or a queue
    whose growth is not known: a third of the interval.
    """
    OVERLOAD = "overload"
    """The slope of TTFT is the only signal: every interval, two in flight, short profile."""


class Verdict(StrEnum):
    """The outcome of one decision. `blind` (cannot see) is never the same as `hold` (no change)."""

    UP = "up"
    DOWN = "down"
    HOLD = "hold"
    BLIND = "blind"


class Reason(StrEnum):
    """Why a decision came out as it did; one closed set for logs, metrics, page and `explain`."""

    # recommenders
    SCALE_UP_SLO = "scale_up_slo"
    SCALE_UP_OVERLOAD = "scale_up_overload"
    SCALE_UP_FORECAST = "scale_up_forecast"
    SCALE_UP_SCHEDULE = "scale_up_schedule"
    SCALE_UP_SIGNAL = "scale_up_signal"
    SCALE_UP_UNTRUSTED_ALPHA = "scale_up_untrusted_alpha"
    SCALE_DOWN = "scale_down"
    UNDO_FAILED_STEP = "undo_failed_step"
    # bounds
    BELOW_MIN = "below_min"
    ABOVE_MAX = "above_max"
    CAPPED_MAX = "capped_max"
    HELD_AT_MIN = "held_at_min"
    CAPPED_BUDGET = "capped_budget"
    STEP_LIMITED = "step_limited"
    # no change
    WITHIN_TOLERANCE = "no_change_within_tolerance"
    DOWN_HELD = "down_held"
    UP_COOLDOWN = "up_cooldown"
    DOWN_REFUSED_CONSOLIDATION = "down_refused_consolidation"
    DOWN_UNTRUSTED = "down_untrusted_alpha"
    DOWN_VETOED_MISSING_DATA = "down_vetoed_missing_data"
    INFEASIBLE_SLO = "infeasible_slo"
    # gates
    UNMANAGED = "unmanaged"
    ADVISORY = "advisory"
    PAUSED = "paused"
    OVERRIDE = "override"
    HAND = "hand"
    PENDING = "pending"
    TRANSITIONAL = "transitional"
    NOT_READY = "not_ready"
    SETTLING = "settling"
    # blind
    STALE_DATA = "stale_data"
    NO_EVIDENCE = "no_evidence"
    FALLBACK = "fallback"
    UNHEALTHY = "unhealthy"


class Measure(StrEnum):
    """What an extra signal measures, where it enters the estimate of the load."""

    REQUESTS_TOTAL = "requests_total"
    """Requests that an engine has taken into its batch since it began; finished ones and those that
    run.
    """
    REQUESTS_PER_SECOND = "requests_per_second"
    """Rate of the requests that the engines finish or begin."""
    WAITING = "requests_waiting"
    """Requests that wait in the engines' queues."""


class FailureReason(StrEnum):
    """Why a probe failed: the 23 words of the taxonomy."""

    DNS = "dns"
    CONNECT = "connect"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS_CERT = "tls_cert"
    TLS_HANDSHAKE = "tls_handshake"
    DISCONNECTED = "disconnected"
    MALFORMED_HTTP = "malformed_http"
    HTTP_AUTH = "http_auth"
    HTTP_404 = "http_404"
    HTTP_4XX = "http_4xx"
    HTTP_429 = "http_429"
    HTTP_503 = "http_503"
    HTTP_5XX = "http_5xx"
    TIMEOUT_HEADERS = "timeout_headers"
    TIMEOUT_TTFT = "timeout_ttft"
    TIMEOUT_STALL = "timeout_stall"
    TIMEOUT_TOTAL = "timeout_total"
    STREAM_ERROR = "stream_error"
    MALFORMED_SSE = "malformed_sse"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    WRONG_MODEL = "wrong_model"
    DEGENERATE = "degenerate"


class UntrustedReason(StrEnum):
    """Why a probe, or part of it, is not counted: our own fault, or not comparable."""

    LOOP_LAG = "loop_lag"
    CLIENT_FAULT = "client_fault"
    CLOCK_STEP = "clock_step"
    SELF_OFFLINE = "self_offline"
    SHUTDOWN = "shutdown"
    CACHED_PREFIX = "cached_prefix"
    BUFFERED = "buffered"


LATENCY_ONLY: frozenset[UntrustedReason] = frozenset(
    {
        UntrustedReason.LOOP_LAG,
        UntrustedReason.CACHED_PREFIX,
        UntrustedReason.BUFFERED,
    }
)
"""Reasons that spoil a probe's latencies and not its success or failure: it still tells of
availability.
"""


@dataclass(frozen=True, slots=True)
class FailureMeaning:
    """What one failure reason may do."""

    counts_against_slo: bool
    """True if the failure is the server's and spends error budget; False if it is ours (key,
    request).
    """
    supports_overload: bool
    """True if it may support an overload that successful probes of the same window show as well."""
    endpoint_down: bool
    """True if repeated failures of this kind mean that the endpoint is down."""


_SERVER = FailureMeaning(counts_against_slo=True, supports_overload=False, endpoint_down=True)
_SLOW = FailureMeaning(counts_against_slo=True, supports_overload=True, endpoint_down=True)
_OURS = FailureMeaning(counts_against_slo=False, supports_overload=False, endpoint_down=False)
_BUSY = FailureMeaning(counts_against_slo=True, supports_overload=True, endpoint_down=False)

FAILURES: dict[FailureReason, FailureMeaning] = {
    **dict.fromkeys(FailureReason, _SERVER),
    FailureReason.HTTP_AUTH: _OURS,
    FailureReason.HTTP_4XX: _OURS,
    FailureReason.HTTP_404: FailureMeaning(
        counts_against_slo=True, supports_overload=False, endpoint_down=False
    ),
    FailureReason.WRONG_MODEL: FailureMeaning(
        counts_against_slo=True, supports_overload=False, endpoint_down=False
    ),
    FailureReason.HTTP_429: _BUSY,
    FailureReason.HTTP_503: _SLOW,
    FailureReason.TIMEOUT_HEADERS: _SLOW,
    FailureReason.TIMEOUT_TTFT: _SLOW,
}
"""The one table of what each failure means (monitoring.md 5.5, SEMANTICS 3.4)."""

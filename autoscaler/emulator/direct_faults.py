"""What scripted faults do to calls that are made without HTTP: which strike, and how a probe ends.

`strikes` shows the same faults on the wire; the words for a probe's end are those that the real
prober finds for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from autoscaler.core.words import FailureReason, UntrustedReason
from autoscaler.emulator.faults import Fault, FaultKind, FaultPlan, Operation
from autoscaler.emulator.lifecycle import Unit
from autoscaler.emulator.stream import Stream

HEADERS_SECONDS = 10.0
FIRST_TOKEN_SECONDS = 30.0
GAP_SECONDS = 10.0
"""Deadlines of the real prober (probes/config.py), which this one must not import."""

_SPOILED = (
    FaultKind.TRUNCATED,
    FaultKind.HTML,
    FaultKind.HOSTILE_JSON,
    FaultKind.WRONG_CONTENT_TYPE,
)
"""Faults after which an answer cannot be read."""
_AT_ONCE = {
    FaultKind.REFUSED: FailureReason.DISCONNECTED,
    FaultKind.RESET: FailureReason.DISCONNECTED,
    FaultKind.HTML: FailureReason.MALFORMED_SSE,
    FaultKind.WRONG_CONTENT_TYPE: FailureReason.MALFORMED_SSE,
    FaultKind.HUGE_EVENT: FailureReason.MALFORMED_SSE,
    FaultKind.HOSTILE_JSON: FailureReason.STREAM_ERROR,
    FaultKind.EMPTY_STREAM: FailureReason.EMPTY,
}
"""Faults that end a probe before a token, and what it is then called."""
_IN_THE_END = {
    FaultKind.ERROR_EVENT: FailureReason.STREAM_ERROR,
    FaultKind.TRUNCATED: FailureReason.TRUNCATED,
    FaultKind.NO_DONE: FailureReason.TRUNCATED,
    FaultKind.WRONG_MODEL: FailureReason.WRONG_MODEL,
    FaultKind.DEGENERATE_TEXT: FailureReason.DEGENERATE,
}
"""Faults that show once the tokens have come that they let through."""
_HANGS = {
    FaultKind.HANG_FIRST_TOKEN: FIRST_TOKEN_SECONDS,
    FaultKind.HANG_MID_STREAM: GAP_SECONDS,
}
"""Faults after which nothing more comes, and how long that is borne."""
_STATUSES = {
    401: FailureReason.HTTP_AUTH,
    403: FailureReason.HTTP_AUTH,
    404: FailureReason.HTTP_404,
    429: FailureReason.HTTP_429,
    503: FailureReason.HTTP_503,
}


class Struck:
    """The faults that strike one call."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = faults

    @classmethod
    def draw(
        cls, plan: FaultPlan, operation: Operation, *, at: float, units: Sequence[Unit]
    ) -> Self:
        """Draw them. A list names no deployment, but its items may be struck."""
        names = tuple(name for unit in units for name in unit.names)
        is_list = operation is Operation.LIST
        return cls(
            [
                fault
                for fault in plan.strikes(at, operation, names=names)
                if not is_list or fault.deployment is None or fault.kind is FaultKind.FORCED_STATUS
            ]
        )

    def by(self, kind: FaultKind, unit: Unit | None = None) -> Fault | None:
        """Return the first fault of this kind, on this deployment if given."""
        for fault in self._faults:
            if fault.kind is kind and (unit is None or fault.deployment in {None, *unit.names}):
                return fault
        return None

    def spoils_body(self) -> bool:
        """True if the answer comes and cannot be read."""
        return any(self.by(kind) for kind in _SPOILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a probe ended."""

    failure: FailureReason | None = None
    """None = it succeeded."""
    detail: str = ""
    status: int | None = 200
    """HTTP status; None = none came."""
    untrusted: tuple[UntrustedReason, ...] = ()


def at_once(struck: Struck) -> End | None:
    """Return the end of a probe that never gets a token; None = no fault keeps them from it."""
    for kind, failure in _AT_ONCE.items():
        if struck.by(kind):
            is_broken = failure is FailureReason.DISCONNECTED
            return End(failure=failure, detail=_name(kind), status=None if is_broken else 200)
    return None


def in_the_end(struck: Struck) -> End:
    """Return the end of a probe whose tokens came as far as any fault lets them."""
    for kind, failure in _IN_THE_END.items():
        if struck.by(kind):
            return End(failure=failure, detail=_name(kind))
    if struck.by(FaultKind.BUFFERED) or struck.by(FaultKind.MERGED):
        return End(untrusted=(UntrustedReason.BUFFERED,))
    return End()


def headers_wait(struck: Struck) -> float:
    """Seconds that a fault holds the headers back."""
    if struck.by(FaultKind.HANG):
        return HEADERS_SECONDS
    slow = struck.by(FaultKind.SLOW)
    return 0.0 if slow is None else min(slow.seconds, HEADERS_SECONDS)


def hang_seconds(struck: Struck) -> float | None:
    """Seconds that a stream which hangs is waited for; None = none hangs."""
    return next((seconds for kind, seconds in _HANGS.items() if struck.by(kind)), None)


def tokens_until_fault(struck: Struck, total: int) -> int:
    """Return how many tokens come before a fault breaks the stream; all of them if none does."""
    faults = (struck.by(kind) for kind in (FaultKind.HANG_MID_STREAM, FaultKind.ERROR_EVENT))
    stops = [total, *(fault.count for fault in faults if fault is not None)]
    if struck.by(FaultKind.TRUNCATED):
        stops.append(max(1, total // 2))
    if struck.by(FaultKind.HANG_FIRST_TOKEN):
        stops.append(0)
    return min(stops)


def of_status(status: int) -> End:
    """Return the end of a probe that was answered with an error."""
    kind = FailureReason.HTTP_5XX if status >= 500 else FailureReason.HTTP_4XX
    return End(failure=_STATUSES.get(status, kind), detail=f"HTTP {status}", status=status)


def without_headers() -> End:
    """Return the end of a probe that was not answered in time."""
    waited = f"no response headers within {HEADERS_SECONDS:g} s"
    return End(failure=FailureReason.TIMEOUT_HEADERS, detail=waited, status=None)


def deadline(stream: Stream) -> float:
    """Instant at which the present phase of a stream is given up."""
    if not stream.tokens:
        return stream.arrival_at + FIRST_TOKEN_SECONDS
    return stream.tokens[-1] + GAP_SECONDS


def late(stream: Stream) -> End:
    """Return the end of a stream whose deadline has passed."""
    if not stream.tokens:
        waited = f"no token within {FIRST_TOKEN_SECONDS:g} s"
        return End(failure=FailureReason.TIMEOUT_TTFT, detail=waited)
    waited = f"no further token within {GAP_SECONDS:g} s"
    return End(failure=FailureReason.TIMEOUT_STALL, detail=waited)


def _name(kind: FaultKind) -> str:
    return f"emulated fault: {kind}"

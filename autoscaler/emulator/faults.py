"""Scripted faults of the emulated platform: pure data, and whether one strikes at an instant.

This module decides *that* something goes wrong; the servers know how each kind looks on the wire.
A fault has a window in seconds since the emulator began, a probability per call with a seed, and
may be limited to one deployment and to some operations. Faults can be added and removed while it
runs.
"""

import random
from dataclasses import dataclass, field, replace
from enum import StrEnum

from autoscaler.core.codec import Undecodable, decode, encode
from autoscaler.core.model import Json


class Operation(StrEnum):
    """A call that a fault may strike."""

    LIST = "list"
    DEPLOY = "deploy"
    GET = "get"
    DELETE = "delete"
    SCALE = "scale"
    CATALOG = "catalog"
    INVENTORY = "inventory"
    LOGIN = "login"
    REFRESH = "refresh"
    CHAT = "chat"
    MODELS = "models"
    METRICS = "metrics"


CONTROL = frozenset(
    {
        Operation.LIST,
        Operation.DEPLOY,
        Operation.GET,
        Operation.DELETE,
        Operation.SCALE,
        Operation.CATALOG,
        Operation.INVENTORY,
        Operation.LOGIN,
        Operation.REFRESH,
    }
)
"""The control plane's calls."""

INFERENCE = frozenset({Operation.CHAT, Operation.MODELS, Operation.METRICS})
"""The calls that an endpoint takes."""

_EVERYWHERE = CONTROL | INFERENCE
_READS = frozenset({Operation.LIST, Operation.GET})
_CHAT = frozenset({Operation.CHAT})


class FaultKind(StrEnum):
    """What goes wrong. The text after each says which fields of the fault matter."""

    # any call
    STATUS = "status"
    """Answers `status` (with `retry_after`) and a fitting error body."""
    HANG = "hang"
    """Takes the request and sends nothing, not even headers, for `seconds`, then closes."""
    SLOW = "slow"
    """Answers rightly, `seconds` late."""
    REFUSED = "refused"
    """No connection: closed before a byte is read."""
    RESET = "reset"
    """Reads the request, then resets the connection."""
    TRUNCATED = "truncated"
    """A body (or stream) that ends in the middle, the connection closed."""
    HTML = "html"
    """Status `status` (200 if not given otherwise) with a gateway's HTML page for a body."""
    HOSTILE_JSON = "hostile_json"
    """JSON that parses and is wrong: other types, nulls, deep nesting, huge numbers."""
    WRONG_CONTENT_TYPE = "wrong_content_type"
    """The right body under `text/plain`."""
    EXPIRED_TOKEN = "expired_token"  # noqa: S105  # a kind of fault
    """401 as for a token past its time, whatever the token."""
    # lists and reads
    SHORT_LIST = "short_list"
    """Leaves out `count` items, the totals agreeing with the rest."""
    WRONG_TOTALS = "wrong_totals"
    """Totals that the pages do not bear out, larger by `count`."""
    DUPLICATED_ITEMS = "duplicated_items"
    """Repeats an item on the same and on the next page."""
    FORCED_STATUS = "forced_status"
    """Reads show `word` as the deployment's status."""
    # scale
    SCALE_IGNORED = "scale_ignored"
    """Scale is accepted and nothing happens."""
    SCALE_SLOW = "scale_slow"
    """Scale is accepted and carried out `seconds` later."""
    # chat
    HANG_FIRST_TOKEN = "hang_first_token"  # noqa: S105  # a kind of fault
    """Headers and the role chunk, then nothing for `seconds`."""
    HANG_MID_STREAM = "hang_mid_stream"
    """Stops after `count` tokens for `seconds`, then closes."""
    ERROR_EVENT = "error_event"
    """An error object as an event after `count` tokens, then the end."""
    NO_DONE = "no_done"
    """All tokens, then the end without `[DONE]`."""
    EMPTY_STREAM = "empty_stream"
    """The role chunk and `[DONE]`, no token."""
    DEGENERATE_TEXT = "degenerate_text"
    """Every token is `word`."""
    WRONG_MODEL = "wrong_model"
    """Answers as model `word`."""
    BUFFERED = "buffered"
    """Holds the whole stream back and sends it in one piece at its end."""
    MERGED = "merged"
    """A gateway that passes chunks on each `seconds`, all of them in one piece."""
    HUGE_EVENT = "huge_event"
    """One event of `count` bytes."""


_APPLIES_TO: dict[FaultKind, frozenset[Operation]] = {
    FaultKind.EXPIRED_TOKEN: CONTROL - {Operation.LOGIN},
    FaultKind.SHORT_LIST: frozenset({Operation.LIST}),
    FaultKind.WRONG_TOTALS: frozenset({Operation.LIST}),
    FaultKind.DUPLICATED_ITEMS: frozenset({Operation.LIST}),
    FaultKind.FORCED_STATUS: _READS,
    FaultKind.SCALE_IGNORED: frozenset({Operation.SCALE}),
    FaultKind.SCALE_SLOW: frozenset({Operation.SCALE}),
    FaultKind.HANG_FIRST_TOKEN: _CHAT,
    FaultKind.HANG_MID_STREAM: _CHAT,
    FaultKind.ERROR_EVENT: _CHAT,
    FaultKind.NO_DONE: _CHAT,
    FaultKind.EMPTY_STREAM: _CHAT,
    FaultKind.DEGENERATE_TEXT: _CHAT,
    FaultKind.WRONG_MODEL: _CHAT,
    FaultKind.BUFFERED: _CHAT,
    FaultKind.MERGED: _CHAT,
    FaultKind.HUGE_EVENT: _CHAT,
}


def applies_to(kind: FaultKind) -> frozenset[Operation]:
    """Return the operations that this kind of fault can strike."""
    return _APPLIES_TO.get(kind, _EVERYWHERE)


class RetryAfter(StrEnum):
    """The two forms that the header has."""

    SECONDS = "seconds"
    DATE = "date"


class BadFault(ValueError):
    """A fault that makes no sense; the text says which field and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One scripted fault. Fields that its kind does not name are ignored."""

    id: str = ""
    """Name by which it is removed; empty: the plan gives one."""
    kind: FaultKind
    start_seconds: float = 0.0
    """Begin of its window, seconds since the emulator began."""
    end_seconds: float | None = None
    """End of its window, exclusive; None: until it is removed."""
    every_seconds: float | None = None
    """Repeat the window with this period; None: once. Makes a flapping service."""
    probability: float = 1.0
    """Share of the calls in the window that it strikes."""
    seed: int = 0
    """Of the lots that decide which calls."""
    deployment: str | None = None
    """Name or id of the only deployment it strikes; None: all, and calls that name none."""
    operations: tuple[Operation, ...] = ()
    """The only operations it strikes; empty: all that its kind can."""
    status: int | None = None
    """HTTP status; None: 503 (200 for a page of HTML)."""
    retry_after: RetryAfter | None = None
    """Form of the Retry-After header; None: no header."""
    retry_after_seconds: float = 5.0
    """What that header asks for."""
    seconds: float = 3600.0
    """How long it hangs, delays or collects."""
    count: int = 1
    """Items, tokens or bytes."""
    word: str = ""
    """Status, text or model name that it shows."""

    def __post_init__(self) -> None:
        end, period = self.end_seconds, self.every_seconds
        length = None if end is None else end - self.start_seconds
        faults = {
            "probability must be in 0..1": not 0.0 <= self.probability <= 1.0,
            "end_seconds must be after start_seconds": length is not None and length <= 0,
            "every_seconds needs a window shorter than it": period is not None
            and (length is None or length >= period),
            "status must be in 100..599": not 100 <= (self.status or 503) <= 599,
            "seconds, retry_after_seconds and count must not be negative": min(
                self.seconds, self.retry_after_seconds, self.count
            )
            < 0,
            f"operations must be among {sorted(map(str, applies_to(self.kind)))}": not (
                set(self.operations) <= applies_to(self.kind)
            ),
        }
        wrong = "; ".join(text for text, holds in faults.items() if holds)
        if wrong:
            raise BadFault(f"fault {self.id or self.kind}: {wrong}")

    def is_open(self, elapsed_seconds: float) -> bool:
        """Whether its window holds this instant, seconds since the emulator began."""
        since = elapsed_seconds - self.start_seconds
        if since < 0:
            return False
        if self.every_seconds is not None:
            since %= self.every_seconds
        return self.end_seconds is None or since < self.end_seconds - self.start_seconds

    def concerns(self, operation: Operation, names: tuple[str, ...] = ()) -> bool:
        """Whether it strikes this operation on a deployment of these names (name and id)."""
        return (
            operation in applies_to(self.kind)
            and (not self.operations or operation in self.operations)
            and (self.deployment is None or self.deployment in names)
        )


def read_fault(data: Json) -> Fault:
    """Build a fault from its JSON form. Raises BadFault with a sentence for people."""
    known = set(Fault.__dataclass_fields__)
    if isinstance(data, dict) and (unknown := sorted(set(data) - known)):
        raise BadFault(f"a fault has no field {', '.join(unknown)}; it has {sorted(known)}")
    try:
        return decode(Fault, data, "fault")
    except Undecodable as fault:
        raise BadFault(str(fault)) from fault


def write_fault(fault: Fault) -> Json:
    """Return a fault's JSON form; `read_fault` takes it back."""
    return encode(fault)


@dataclass(slots=True)
class FaultPlan:
    """The faults of one emulator, open to change while it runs. Draws its lots per fault, so that
    adding one never changes which calls another strikes.
    """

    origin: float = 0.0
    """Instant from which the windows count."""
    _faults: dict[str, Fault] = field(default_factory=dict)
    _lots: dict[str, random.Random] = field(default_factory=dict)
    _made: int = 0

    def add(self, fault: Fault) -> str:
        """Add one and return its id. An id in use is replaced, its lots begun anew."""
        self._made += 1
        name = fault.id or f"fault-{self._made}"
        self._faults[name] = replace(fault, id=name)
        self._lots[name] = random.Random(fault.seed)  # noqa: S311  # a script, not secrets
        return name

    def remove(self, fault_id: str) -> bool:
        """Remove one; False if there is none of that id."""
        self._lots.pop(fault_id, None)
        return self._faults.pop(fault_id, None) is not None

    def clear(self) -> None:
        """Remove all."""
        self._faults.clear()
        self._lots.clear()

    def all(self) -> tuple[Fault, ...]:
        """Return all, oldest first, whether or not their window is open."""
        return tuple(self._faults.values())

    def strikes(
        self, at: float, operation: Operation, *, names: tuple[str, ...] = ()
    ) -> tuple[Fault, ...]:
        """Draw the faults that strike one call now, oldest first. Each call draws new lots: ask
        once per call.
        """
        return tuple(
            fault
            for fault in self._faults.values()
            if fault.is_open(at - self.origin)
            and fault.concerns(operation, names)
            and self._lots[fault.id].random() < fault.probability
        )

"""The truth: what the emulated platform knows of itself, for tests to compare against.

Times of every status change, of every change of the replicas that are billed, every scale call
received, and the bill twice: exact to the second, and per started minute as the API document bills
it (`unit_price x gpu_count x replicas / 60`). Nothing here is visible on the documented API.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

HOUR_SECONDS = 3600
MINUTE_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """One deployment went from one status to another."""

    at: float
    deployment_id: str
    name: str
    before: str
    """The platform's word; empty when the deployment was created."""
    after: str
    """The platform's word; `deleted` when the deployment is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaChange:
    """The number of replicas that are billed, run or are wanted changed."""

    at: float
    billed: int
    """Replicas that hold GPUs: starting, running and draining ones."""
    current: int
    """Running replicas, as the API's `replicas` shows them."""
    target: int
    """Wanted replicas: what the last accepted scale call asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleCall:
    """One PUT …/scale that arrived, whatever came of it."""

    at: float
    deployment_id: str
    name: str
    replicas: int | None
    """What it asked for; None if the body could not be read."""
    current: int
    """Running replicas at that instant; 0 where there is no such deployment."""
    http_status: int
    """What was answered; 0 if no answer was sent (a hang or a broken connection)."""
    applied: bool
    """Whether the platform acts on it (a fault may accept and ignore)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentTruth:
    """All that the platform knows of one deployment, deleted ones included."""

    id: str
    name: str
    status: str
    current: int
    """Ready replicas."""
    target: int
    """Replicas that were asked for last."""
    created_at: float
    deleted_at: float | None
    """None = it exists."""
    ready_since: float | None
    """Start of the present ready session; None = not ready."""
    gpu_count: int
    """GPUs per replica."""
    price_per_gpu_hour: Decimal
    billed_replica_seconds: float
    """Since the emulator's start."""
    bill_exact: Decimal
    """Money for the seconds so far, at the prices that held."""
    bill_per_minute: Decimal
    """Money by started minutes, each at the count and price at its start."""
    requests_completed: int
    """Background and HTTP requests that the fleet has finished."""
    replica_changes: tuple[ReplicaChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The whole ledger at one instant of the emulator's time line."""

    at: float
    started_at: float
    currency: str
    deployments: tuple[DeploymentTruth, ...]
    status_changes: tuple[StatusChange, ...]
    scale_calls: tuple[ScaleCall, ...]
    requests: dict[str, int] = field(default_factory=dict)
    """`plane operation status` (`control list 200`, `inference chat 200`) to number of requests;
    status 0 = the connection was broken or the client left."""

    def deployment(self, name: str) -> DeploymentTruth:
        """Return the newest deployment of that name. Raises KeyError."""
        for truth in reversed(self.deployments):
            if truth.name == name:
                return truth
        raise KeyError(name)


@dataclass(slots=True)
class Ledger:
    """The part of the truth that only grows."""

    status_changes: list[StatusChange] = field(default_factory=list)
    scale_calls: list[ScaleCall] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A price per GPU-hour that holds from `at` on."""

    at: float
    per_gpu_hour: Decimal


def exact_bill(
    changes: Sequence[ReplicaChange], prices: Sequence[PriceChange], *, gpus: int, until: float
) -> Decimal:
    """Money for billed replicas to the second: 2 replicas x 4 GPUs x 1800 s x 1.99/h = 7.96."""
    instants = {c.at for c in changes} | {p.at for p in prices}
    cuts = sorted({at for at in instants if at < until} | {until})
    total = Decimal(0)
    for begin, end in pairwise(cuts):
        rate = _billed(changes, begin) * gpus * _price(prices, begin)
        total += rate * Decimal(repr(end - begin)) / HOUR_SECONDS
    return total


def minute_bill(
    changes: Sequence[ReplicaChange], prices: Sequence[PriceChange], *, gpus: int, until: float
) -> Decimal:
    """Money by started minutes since the first change, as the API document bills."""
    if not changes:
        return Decimal(0)
    total, minute, begin = Decimal(0), 0, changes[0].at
    while (at := begin + minute * MINUTE_SECONDS) < until:
        total += _billed(changes, at) * gpus * _price(prices, at) / 60
        minute += 1
    return total


def billed_seconds(changes: Sequence[ReplicaChange], *, until: float) -> float:
    """Replica-seconds that hold GPUs up to `until`."""
    ends = [*(c.at for c in changes[1:]), until]
    pairs = zip(changes, ends, strict=True) if changes else ()
    return sum(c.billed * max(0.0, min(end, until) - c.at) for c, end in pairs)


def _billed(changes: Sequence[ReplicaChange], at: float) -> int:
    index = bisect_right(changes, at, key=lambda c: c.at)
    return changes[index - 1].billed if index else 0


def _price(prices: Sequence[PriceChange], at: float) -> Decimal:
    index = bisect_right(prices, at, key=lambda p: p.at)
    return prices[max(0, index - 1)].per_gpu_hour

"""A month of one deployment as it truly was, and what a daemon that polls sees of it."""

import random
from dataclasses import dataclass
from decimal import Decimal

from autoscaler.core.billing import Price, Terms
from autoscaler.core.model import Ask, Deployment
from autoscaler.core.words import Status

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
START = 1_767_225_600.0
"""2026-01-01 00:00 UTC."""


def deployment(
    *,
    replicas: int = 1,
    status: Status = Status.READY,
    uptime_seconds: int = 0,
    updated_at: float | None = None,
) -> Deployment:
    return Deployment(
        id="dep-1",
        name="chat-a",
        project_id="prj-1",
        model_id="org/model",
        model_name=None,
        region="as-south-1",
        status=status,
        raw_status=status.value,
        endpoint_url=None,
        gpu_config_id="gpu-h100",
        gpu_count=2,
        replicas=replicas,
        created_at=START,
        updated_at=updated_at,
        uptime_seconds=uptime_seconds,
    )


@dataclass(frozen=True, slots=True)
class Era:
    """A stretch of the truth: from `start` on this status and count are billed."""

    start: float
    status: Status
    replicas: int
    ask: Ask | None = None


@dataclass(frozen=True, slots=True)
class Look:
    at: float
    deployment: Deployment
    ask: Ask | None


def month_of_eras(rng: random.Random) -> list[Era]:
    """Scale events with a cold start, and failures, a few each day."""
    eras = [Era(start=START, status=Status.READY, replicas=2)]
    at, count = START, 2
    while at < START + 31 * DAY - 6 * HOUR:
        at += rng.uniform(1 * HOUR, 5 * HOUR)
        if rng.random() < 0.2:
            eras.append(Era(start=at, status=Status.FAILED, replicas=count))
            at += rng.uniform(2 * MINUTE, 40 * MINUTE)
            eras.append(Era(start=at, status=Status.READY, replicas=count))
            continue
        wanted = max(1, min(8, count + rng.choice((-2, -1, 1, 2))))
        if wanted == count:
            continue
        ask = Ask(count=wanted, from_count=count, asked_at=at, outcome="accepted")
        eras.append(Era(start=at, status=Status.INITIALIZING, replicas=count, ask=ask))
        at += rng.uniform(2 * MINUTE, 6 * MINUTE)
        count = wanted
        eras.append(Era(start=at, status=Status.READY, replicas=count))
    return eras


def bill_of(eras: list[Era], end: float, terms: Terms) -> Decimal:
    """The platform's bill: the larger of current and asked, by the second."""
    total = Decimal(0)
    for era, after in zip(eras, [*eras[1:], None], strict=True):
        stop = after.start if after else end
        billed = max(era.replicas, era.ask.count if era.ask else 0)
        for second in (era.start, stop):
            assert second >= START
        cut = terms.prices[1].valid_from
        for left, right in ((era.start, min(stop, cut)), (max(era.start, cut), stop)):
            if right > left:
                price = terms.at(left)
                assert price is not None
                total += price * 2 * billed * Decimal(repr(right - left)) / 3600
    return total


def month_of_looks(rng: random.Random) -> tuple[list[Look], Decimal, Terms]:
    """Polls every 15 s but for a few restarts of minutes and gaps of hours."""
    eras = month_of_eras(rng)
    terms = Terms(
        prices=(
            Price(amount=Decimal("192.48")),
            Price(amount=Decimal("175.00"), valid_from=START + 17 * DAY + 12_345.0),
        ),
        currency="INR",
    )
    end = START + 31 * DAY
    looks, at, index = [], START, 0
    while at < end:
        while index + 1 < len(eras) and eras[index + 1].start <= at:
            index += 1
        era = eras[index]
        looks.append(Look(at=at, deployment=seen(era, at), ask=era.ask))
        at += 15.0 + rng.uniform(0.0, 0.5)
        if rng.random() < 6e-5:
            at += rng.choice((3 * MINUTE, 30 * MINUTE, 3 * HOUR))
    looks.append(Look(at=end, deployment=seen(era, end), ask=era.ask))
    return looks, bill_of(eras, end, terms), terms


def seen(era: Era, at: float) -> Deployment:
    ready = era.status is Status.READY
    return deployment(
        replicas=era.replicas,
        status=era.status,
        uptime_seconds=int(at - era.start) if ready else 0,
        updated_at=era.start,
    )

"""What is billed while replicas come and go: charged as far as proven, settled once it is over.

The platform bills a replica from the start of its provisioning to the end of its drain, but shows
only those that run. A passage is the time in which the two may differ: an ask of ours is open, the
status is a transition's, or replicas are missing. Through it, each stretch is charged at what is
proven. When the deployment is at rest again, both ends of the passage tell what it cost:

- it grew from 2 to 4: the new ones were billed from the start of the transition, all of it at 4;
- it shrank from 4 to 2: the last one to go was billed to the end, at least 3;
- it came back to where it was: those that were missing were starting anew, all of it at 4;
- the call never arrived: nothing beyond what runs. Where that is not known, the same, and marked.

What the bill may differ by at most is marked in each case. Must not do: read a clock, or know how
calls are made.
"""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from autoscaler.core import cost
from autoscaler.core.billing import Rate, Terms
from autoscaler.core.charging import Ledger, Stretch, correct, mark, price_late, price_of
from autoscaler.core.model import Ask, Deployment
from autoscaler.core.words import Status

BILLABLE = (Status.INITIALIZING, Status.READY, Status.FAILED, Status.TERMINATING, Status.UNKNOWN)
"""Statuses taken as billed. `failed` is an assumption; `unknown` because not knowing costs too."""

MISSING_SECONDS = 900.0
"""Time after which replicas that are missing from a ready deployment count as taken away: the
deadline of an ask, within which a crashed one is back.
"""

STRETCHES_KEPT = 100
"""Stretches left open in one passage; more are marked as they stand."""


def has_moved(ask: Ask, deployment: Deployment) -> bool:
    """Return whether a read shows a sign that the call of an ask has arrived."""
    return not (deployment.is_ready and deployment.replicas == ask.from_count)


def rate_of(
    ledger: Ledger,
    deployment: Deployment,
    ask: Ask | None,
    *,
    max_replicas: int | None,
    billable: Iterable[Status] = BILLABLE,
) -> Rate:
    """Return what the platform bills now: what is proven, and what may be.

    Example: 2 run, we ask for 4. Proven are 2, at most 4, until the status or the count moves; from
    then on 4 are proven.
    """
    current = deployment.replicas
    asked = ask.count if ask is not None and ask.is_open else 0
    proven = current
    if ask is not None and asked and has_moved(ask, deployment):
        proven = max(current, asked)
    rate = Rate(
        replicas=proven,
        gpus=deployment.gpu_count,
        ready=deployment.is_ready,
        max_replicas=max_replicas,
        most=max(proven, asked, ledger.at_rest or 0),
    )
    if deployment.status not in billable:
        return replace(rate, replicas=0, most=None)
    is_there = deployment.is_ready and current == asked
    is_resting = not asked and _is_at_rest(ledger, deployment)
    return replace(rate, most=None) if is_there or is_resting else rate


def look(ledger: Ledger, deployment: Deployment, rate: Rate, *, at: float, terms: Terms) -> Ledger:
    """Return the ledger after a look at the platform, settled if the passage is over."""
    since = _changed_at(ledger, deployment)
    ledger = cost.advance(ledger, rate, at=at, terms=terms, changed_at=since)
    ledger = replace(ledger, changed_at=deployment.updated_at)
    if rate.most is None and rate.replicas:
        return settle(ledger, rate.replicas, terms=terms)
    is_long = ledger.unsettled and at - ledger.unsettled[0].start > MISSING_SECONDS
    if len(ledger.unsettled) > STRETCHES_KEPT or (is_long and _is_missing_some(ledger)):
        return give_up(ledger, at_rest=rate.replicas, terms=terms)
    return ledger


def settle(ledger: Ledger, count: int, *, terms: Terms) -> Ledger:
    """Charge what the passage cost, now that the deployment is at rest at `count`."""
    ledger = price_late(ledger, terms=terms)
    before, stretches = ledger.at_rest, ledger.unsettled
    ledger = replace(ledger, unsettled=(), at_rest=count)
    doubt, total = Decimal(0), ledger.total
    for stretch in stretches:
        low, high = stretch.rate.replicas, max(stretch.rate.most or 0, count)
        least = low if before == count else _proven(before, count)
        charged = min(max(_proven(before, count), low), high)
        ledger = correct(ledger, stretch, charged, terms=terms)
        wide = max(high - charged, charged - max(low, min(least, high)))
        doubt += _price(stretch, wide, terms=terms)
    return _marked(ledger, stretches, filled=ledger.total - total, doubt=doubt)


def give_up(ledger: Ledger, *, at_rest: int | None, terms: Terms) -> Ledger:
    """Leave the passage charged at what was proven, and mark what it may have cost beyond."""
    doubt = Decimal(0)
    for stretch in ledger.unsettled:
        most = max(stretch.rate.most or 0, at_rest or 0)
        doubt += _price(stretch, most - stretch.rate.replicas, terms=terms)
    stretches = ledger.unsettled
    rate = None if ledger.rate is None else replace(ledger.rate, most=None)
    ledger = replace(ledger, unsettled=(), at_rest=at_rest, rate=rate)
    return _marked(ledger, stretches, filled=Decimal(0), doubt=doubt)


def call_off(ledger: Ledger) -> Ledger:
    """Leave the passage charged at what was proven: the call that began it never arrived."""
    return replace(ledger, unsettled=())


def _changed_at(ledger: Ledger, deployment: Deployment) -> float | None:
    """Return since when the platform has been as it is; None = not told. A change that no look has
    seen yet came after the ledger's end, whatever the platform's clock says: it cuts off what is
    below a millisecond, and our own call changes something right after it was charged for.
    """
    told, known, end = deployment.updated_at, ledger.changed_at, ledger.at
    if told is None or end is None or told > end:
        return told
    return end if known is not None and told > known else None


def _is_at_rest(ledger: Ledger, deployment: Deployment) -> bool:
    if deployment.status is Status.FAILED:
        return not ledger.unsettled and deployment.replicas == ledger.at_rest
    if not deployment.is_ready:
        return False
    went_through_a_transition = any(not s.rate.ready for s in ledger.unsettled)
    return went_through_a_transition or deployment.replicas >= (ledger.at_rest or 0)


def _is_missing_some(ledger: Ledger) -> bool:
    """True if the passage is nothing but replicas missing from a ready deployment."""
    return all(s.rate.ready for s in ledger.unsettled)


def _proven(before: int | None, after: int) -> int:
    """Return what was billed at least through a passage between two counts at rest."""
    return after if before is None or before <= after else after + 1


def _price(stretch: Stretch, replicas: int, *, terms: Terms) -> Decimal:
    return price_of(stretch.rate, replicas, start=stretch.start, end=stretch.end, terms=terms)


def _marked(
    ledger: Ledger, stretches: tuple[Stretch, ...], *, filled: Decimal, doubt: Decimal
) -> Ledger:
    if not doubt:
        return ledger
    start, end = stretches[0].start, stretches[-1].end
    return mark(ledger, start=start, end=end, filled=filled, uncertain=doubt)

"""Prices and accounts: what each look at the platform and each ask of ours costs.

Prices are the configuration's where it has any for a GPU configuration, else the inventory's, kept
with the instant from which each was seen (document `prices`), so that a change of price bills the
past as it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from autoscaler.core import cost, uptime
from autoscaler.core.billing import Price, Terms, rate_of
from autoscaler.core.codec import Undecodable, decode, encode
from autoscaler.core.cost import GAPS_KEPT, Gap
from autoscaler.core.model import Deployment, Json
from autoscaler.core.snapshot import CostView
from autoscaler.daemon.asks import Arrival
from autoscaler.daemon.config import Live
from autoscaler.daemon.watched import Watched
from autoscaler.ports import InventoryItem, Store

PRICES_KEY = ("prices", "inventory")
PRICES_KEPT = 100
"""Changes of one price that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPrices:
    """Prices as the inventory told them."""

    currency: str = "USD"
    prices: Mapping[str, tuple[Price, ...]] = field(default_factory=dict)
    """GPU configuration to its prices, oldest first, each from when it was first seen."""


class PriceBook:
    """What a GPU-hour costs, by GPU configuration."""

    def __init__(self, live: Live, seen: SeenPrices) -> None:
        self.live = live
        self._seen = seen

    @property
    def currency(self) -> str:
        """The daemon's one currency."""
        return self.live.config.currency or self._seen.currency

    def learn(self, items: Sequence[InventoryItem], *, at: float) -> Json:
        """Take the inventory's prices in; return the document to keep, None if nothing is new."""
        prices = dict(self._seen.prices)
        currency = self._seen.currency
        for item in items:
            amount = item.price_per_gpu_hour
            if amount is None:
                continue
            currency = item.currency or currency
            known = prices.get(item.config_id, ())
            if not known or known[-1].amount != amount:
                # The first price also holds for the time before it was first read.
                since = at if known else 0.0
                fresh = Price(amount=amount, valid_from=since)
                prices[item.config_id] = (*known, fresh)[-PRICES_KEPT:]
        learned = SeenPrices(currency=currency, prices=prices)
        if learned == self._seen:
            return None
        self._seen = learned
        return encode(learned)

    def terms(self, deployment: Deployment) -> Terms:
        """Return on what terms a deployment is billed."""
        prices = self.live.config.prices_for(deployment)
        mixed = self.live.config.currency not in {None, self._seen.currency}
        if not prices and not mixed:
            prices = self._seen.prices.get(deployment.gpu_config_id, ())
        return Terms(
            prices=prices, currency=self.currency, max_gap_seconds=self.live.config.max_gap_seconds
        )

    def per_replica_hour(self, deployment: Deployment, at: float) -> float | None:
        """Return money per replica and hour; None = price unknown."""
        price = self.terms(deployment).at(at)
        return None if price is None else float(price * deployment.gpu_count)


def restore_prices(store: Store) -> SeenPrices:
    """Read the inventory's prices back."""
    document = store.documents(PRICES_KEY[0]).get(PRICES_KEY[1])
    try:
        return SeenPrices() if document is None else decode(SeenPrices, document)
    except Undecodable:
        return SeenPrices()


def look(watched: Watched, *, at: float, book: PriceBook) -> None:
    """Account for one look at the platform: `watched.deployment` was read `at`."""
    deployment = watched.deployment
    watched.uptime = uptime.observe(
        watched.uptime,
        deployment,
        at=at,
        scaling=watched.is_scaling,
        max_gap_seconds=book.live.config.max_gap_seconds,
    )
    charge(watched, at=at, book=book, changed_at=deployment.updated_at)
    watched.touch("uptime")


def charge(
    watched: Watched, *, at: float, book: PriceBook, changed_at: float | None = None
) -> None:
    """Charge up to `at`, from where on what is seen and asked now is billed."""
    rate = rate_of(
        watched.deployment,
        watched.ask,
        max_replicas=book.live.policy_for(watched.deployment).max_replicas,
        billable=book.live.config.billable,
    )
    unasked = replace(rate, replicas=min(rate.replicas, watched.deployment.replicas))
    terms = book.terms(watched.deployment)
    if watched.ledger.at is not None and at - watched.ledger.at > terms.max_gap_seconds:
        # What is asked proves nothing about a time that nobody saw; what runs at its end does.
        watched.ledger = cost.advance(watched.ledger, unasked, at=at, terms=terms)
    watched.ledger = cost.advance(watched.ledger, rate, at=at, terms=terms, changed_at=changed_at)
    watched.touch("ledger")
    if watched.ledger_if_lost is not None:
        watched.ledger_if_lost = cost.advance(
            watched.ledger_if_lost, unasked, at=at, terms=terms, changed_at=changed_at
        )
        watched.touch("ledger_if_lost")


def begin_ask(watched: Watched, *, at: float, book: PriceBook) -> None:
    """Bill an ask whose intent was just recorded, and keep a second book for the case that its call
    never arrives: nobody is billed for that.
    """
    watched.ledger_if_lost = watched.ledger
    charge(watched, at=at, book=book)


def end_doubt(watched: Watched, arrival: Arrival) -> None:
    """Close one of the two books, now that it is known whether the call arrived. Where that stays
    unclear the smaller one is kept, and the difference is marked.
    """
    lost = watched.ledger_if_lost
    if lost is None:
        return
    if arrival is not Arrival.YES:
        asked_at = 0.0 if watched.ask is None else watched.ask.asked_at
        doubt = watched.ledger.total - lost.total
        gap = Gap(start=asked_at, end=lost.at or asked_at, filled=Decimal(0), uncertain=doubt)
        unclear = arrival is Arrival.UNCLEAR
        watched.ledger = replace(lost, gaps=(*lost.gaps, gap)[-GAPS_KEPT:]) if unclear else lost
    watched.ledger_if_lost = None
    watched.touch("ledger", "ledger_if_lost")


def view(watched: Watched, *, at: float, book: PriceBook) -> CostView | None:
    """Return one deployment's cost; None while its price is unknown."""
    terms = book.terms(watched.deployment)
    return cost.view(watched.ledger, at=at, terms=terms)


def fleet_view(fleet: Iterable[Watched], *, at: float, book: PriceBook) -> CostView | None:
    """Return the sum over deployments, those that are gone among them; None = no price known."""
    views = (view(watched, at=at, book=book) for watched in fleet)
    return cost.fleet(known for known in views if known is not None)


def close(watched: Watched, *, at: float, book: PriceBook) -> None:
    """End the accounts of a deployment found gone `at`."""
    terms = book.terms(watched.deployment)
    watched.ledger = cost.close(watched.ledger, at=at, terms=terms)
    watched.uptime = uptime.close(
        watched.uptime, at=at, max_gap_seconds=book.live.config.max_gap_seconds
    )

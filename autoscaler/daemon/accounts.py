"""Prices and accounts: what each look at the platform and each ask of ours costs.

Prices are the configuration's where it has any for a GPU configuration, else the inventory's, kept
with the instant from which each was seen (document `prices`), so that a change of price bills the
past as it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from autoscaler.core import cost, passage, uptime
from autoscaler.core.billing import Price, Rate, Terms
from autoscaler.core.charging import Ledger
from autoscaler.core.codec import Undecodable, decode, encode
from autoscaler.core.model import Ask, Deployment, Json
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
    read_at: float | None = None
    """When they were last read; a change since then came at an instant that nobody saw."""


class PriceBook:
    """What a GPU-hour costs, by GPU configuration."""

    def __init__(self, live: Live, seen: SeenPrices) -> None:
        self.live = live
        self._seen = seen

    @property
    def currency(self) -> str:
        """The daemon's one currency."""
        return self.live.config.currency or self._seen.currency

    @property
    def read_at(self) -> float | None:
        """When the inventory's prices were last read; None = never."""
        return self._seen.read_at

    def document(self) -> Json:
        """Return the inventory's prices as they are kept."""
        return encode(self._seen)

    def learn(self, items: Sequence[InventoryItem], *, at: float) -> bool:
        """Take the inventory's prices in; return whether one is new."""
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
        is_news = prices != self._seen.prices or currency != self._seen.currency
        self._seen = SeenPrices(currency=currency, prices=prices, read_at=at)
        return is_news

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
    rate = _rate(watched, book)
    terms = book.terms(deployment)
    open_before = (watched.ledger.unsettled, watched.ledger.unpriced)
    watched.ledger = passage.look(watched.ledger, deployment, rate, at=at, terms=terms)
    watched.touch("uptime", "ledger")
    open_now = (watched.ledger.unsettled, watched.ledger.unpriced)
    if any(was and not now for was, now in zip(open_before, open_now, strict=True)):
        watched.touch("ledger_days")  # what was settled or priced may lie days back


def begin_ask(watched: Watched, ask: Ask, *, at: float, book: PriceBook) -> None:
    """Take in an ask whose intent is being recorded: from now on more may be billed. Replicas that
    were missing until now, or that an earlier ask without a sign wanted, may come by it: what they
    cost until now stays unproven.
    """
    earlier = watched.ask if watched.is_scaling else None
    if earlier is None or not passage.has_moved(earlier, watched.deployment):
        current, terms = watched.deployment.replicas, book.terms(watched.deployment)
        watched.ledger = passage.give_up(watched.ledger, at_rest=current, terms=terms)
    watched.ask = ask
    _charge(watched, at=at, book=book)
    watched.touch("ask")


def end_ask(watched: Watched, *, at: float, book: PriceBook, arrived: Arrival) -> None:
    """Settle an ask that is over, now that it is known, or never will be, whether its call arrived.
    An earlier ask that is open again keeps what is unsettled.
    """
    if not watched.is_scaling:
        watched.ledger = _settled(watched, arrived, book.terms(watched.deployment))
    _charge(watched, at=at, book=book)


def _settled(watched: Watched, arrived: Arrival, terms: Terms) -> Ledger:
    ledger, current = watched.ledger, watched.deployment.replicas
    if arrived is Arrival.YES:
        return passage.settle(ledger, current, terms=terms)
    if arrived is Arrival.NO:
        return passage.call_off(ledger)
    return passage.give_up(ledger, at_rest=current, terms=terms)


def _charge(watched: Watched, *, at: float, book: PriceBook) -> None:
    """Charge up to `at`, from where on what is seen and asked now is billed."""
    terms = book.terms(watched.deployment)
    watched.ledger = cost.advance(watched.ledger, _rate(watched, book), at=at, terms=terms)
    watched.touch("ledger", "ledger_days")


def _rate(watched: Watched, book: PriceBook) -> Rate:
    return passage.rate_of(
        watched.ledger,
        watched.deployment,
        watched.ask,
        max_replicas=book.live.policy_for(watched.deployment).max_replicas,
        billable=book.live.config.billable,
    )


def view(watched: Watched, *, at: float, book: PriceBook) -> CostView | None:
    """Return one deployment's cost; None while its price is unknown."""
    terms = book.terms(watched.deployment)
    return cost.view(watched.ledger, at=at, terms=terms)


def fleet_view(fleet: Iterable[Watched], *, at: float, book: PriceBook) -> CostView | None:
    """Return the sum over deployments, those that are gone among them; None = no price known."""
    views = (view(watched, at=at, book=book) for watched in fleet)
    return cost.fleet(known for known in views if known is not None)


def doubt_price(
    watched: Watched, before: Decimal | None, *, since: float | None, at: float, book: PriceBook
) -> None:
    """Mark what is not known if a price that was `before` when read at `since` is another now."""
    after = book.terms(watched.deployment).at(at)
    if before is None or after is None or before == after or since is None:
        return
    watched.ledger = cost.doubt_price(watched.ledger, after - before, start=since, end=at)
    watched.touch("ledger")


def close(watched: Watched, *, at: float, book: PriceBook) -> None:
    """End the accounts of a deployment found gone `at`."""
    terms = book.terms(watched.deployment)
    ledger = cost.close(watched.ledger, at=at, terms=terms)
    watched.ledger = passage.give_up(ledger, at_rest=None, terms=terms)
    watched.uptime = uptime.close(
        watched.uptime, at=at, max_gap_seconds=book.live.config.max_gap_seconds
    )

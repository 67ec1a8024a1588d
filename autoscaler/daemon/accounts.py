"""Prices and accounts: what each look at the platform and each ask of ours costs.

Prices are the configuration's where it has any for a GPU configuration, else the inventory's, kept
with the instant from which each was seen (document `prices`), so that a change of price bills the
past as it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autoscaler.core import cost, uptime
from autoscaler.core.codec import Undecodable, decode, encode
from autoscaler.core.cost import Price, Terms
from autoscaler.core.model import Deployment, Json
from autoscaler.core.policy import Policy
from autoscaler.daemon.config import Config
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

    def __init__(self, config: Config, seen: SeenPrices) -> None:
        self._config = config
        self._seen = seen

    @property
    def currency(self) -> str:
        """The daemon's one currency."""
        return self._config.currency or self._seen.currency

    def configure(self, config: Config) -> None:
        """Go by another configuration."""
        self._config = config

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

    def terms(self, gpu_config_id: str) -> Terms:
        """Return on what terms deployments of one GPU configuration are billed."""
        prices = self._config.prices.get(gpu_config_id)
        if prices is None:
            mixed = self._config.currency not in {None, self._seen.currency}
            prices = () if mixed else self._seen.prices.get(gpu_config_id, ())
        return Terms(
            prices=prices, currency=self.currency, max_gap_seconds=self._config.max_gap_seconds
        )

    def per_replica_hour(self, deployment: Deployment, at: float) -> float | None:
        """Return money per replica and hour; None = price unknown."""
        price = self.terms(deployment.gpu_config_id).at(at)
        return None if price is None else float(price * deployment.gpu_count)


def restore_prices(store: Store) -> SeenPrices:
    """Read the inventory's prices back."""
    document = store.documents(PRICES_KEY[0]).get(PRICES_KEY[1])
    try:
        return SeenPrices() if document is None else decode(SeenPrices, document)
    except Undecodable:
        return SeenPrices()


def look(watched: Watched, *, at: float, policy: Policy, book: PriceBook, config: Config) -> None:
    """Account for one look at the platform: `watched.deployment` was read `at`."""
    deployment = watched.deployment
    watched.uptime = uptime.observe(
        watched.uptime,
        deployment,
        at=at,
        scaling=watched.is_scaling,
        max_gap_seconds=config.max_gap_seconds,
    )
    charge(
        watched, at=at, policy=policy, book=book, config=config, changed_at=deployment.updated_at
    )
    watched.touch("uptime")


def charge(  # noqa: PLR0913  # one instant and the four things that a bill depends on
    watched: Watched,
    *,
    at: float,
    policy: Policy,
    book: PriceBook,
    config: Config,
    changed_at: float | None,
) -> None:
    """Charge up to `at`, from where on what is seen and asked now is billed."""
    rate = cost.rate_of(
        watched.deployment,
        watched.ask,
        max_replicas=policy.max_replicas,
        billable=config.billable,
    )
    terms = book.terms(watched.deployment.gpu_config_id)
    watched.ledger = cost.advance(watched.ledger, rate, at=at, terms=terms, changed_at=changed_at)
    watched.touch("ledger")


def close(watched: Watched, *, at: float, book: PriceBook, config: Config) -> None:
    """End the accounts of a deployment found gone `at`."""
    terms = book.terms(watched.deployment.gpu_config_id)
    watched.ledger = cost.close(watched.ledger, at=at, terms=terms)
    watched.uptime = uptime.close(watched.uptime, at=at, max_gap_seconds=config.max_gap_seconds)

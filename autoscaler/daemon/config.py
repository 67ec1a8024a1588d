"""What the daemon is told (Config) and what it is made of (Parts). `app.py` makes both.

Config is frozen and swapped whole by a reload; nothing here is read from files or the environment.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from autoscaler.core.alerting.rules import AlertRules
from autoscaler.core.billing import Price
from autoscaler.core.model import Deployment, Json
from autoscaler.core.passage import BILLABLE
from autoscaler.core.policy import Policy
from autoscaler.core.words import Status
from autoscaler.ports import (
    Clock,
    Cloud,
    EndpointProber,
    Every,
    Meter,
    Notifier,
    ProbePlan,
    SignalReader,
    Store,
)

DAY_SECONDS = 86400.0
POLLS_UNTIL_UNSEEN = 4
"""Missed polls after which time counts as unobserved (ARCHITECTURE 5, `stale_after_seconds`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a person set, as far as the loops obey it."""

    project: str
    """The project's id; part of every alert's identity."""
    policy_for: Callable[[Deployment], Policy]
    """The effective policy of one deployment."""
    version: str = ""
    """Of this program, for the log."""
    discover_seconds: float = 15.0
    """How often the fleet is listed. HPA's interval, as is the next."""
    decide_seconds: float = 15.0
    """How often each deployment is decided on."""
    notify_seconds: float = 1.0
    """How often the outbox is looked at; new rows are also sent at once."""
    pump_seconds: float = 1.0
    """How often the plan of probes is looked at where none is due: it changes with every tick."""
    signals_seconds: float = 15.0
    """How often the extra signals are read."""
    inventory_seconds: float = 600.0
    """How often prices and free GPUs are read: they change seldom."""
    heartbeat_seconds: float = 60.0
    """How often the dead man's switch hears of us."""
    prune_seconds: float = 3600.0
    """How often the state is cleaned of what is too old."""
    keep_seconds: float = 30 * DAY_SECONDS
    """How long history, decisions and delivered notifications are kept."""
    keep_observations_seconds: float = 7 * DAY_SECONDS
    """How long what `replay` needs is kept, which is most of the file."""
    prices_for: Callable[[Deployment], tuple[Price, ...]] = lambda _: ()
    """Prices of a deployment's GPU-hour over time, oldest first; empty = the inventory's."""
    currency: str | None = None
    """Currency of these prices; None = the inventory's is used. Where both are known and differ,
    the inventory's prices are not used at all (SEMANTICS 5).
    """
    billable: tuple[Status, ...] = BILLABLE
    fleet_budget: float | None = None
    """Money a month for the whole fleet; None = none set."""
    credential_renews: bool = False
    """True if the control plane's token is renewed by login and refresh."""
    rules: AlertRules = field(default_factory=AlertRules)
    warnings: tuple[str, ...] = ()
    """Sentences of the composition root to show on top, e.g. that state is not kept."""

    @property
    def max_gap_seconds(self) -> float:
        """Longest time between two looks that still counts as observed."""
        return POLLS_UNTIL_UNSEEN * self.discover_seconds


@dataclass(slots=True)
class Live:
    """What is in force now: a reload swaps it whole, and all jobs see it at once."""

    config: Config
    since: float
    """Instant of the start or the last reload: nothing goes down for a settling window after it."""

    def policy_for(self, deployment: Deployment) -> Policy:
        """Return the effective policy of one deployment."""
        return self.config.policy_for(deployment)


TestAlert = Callable[[str | None, str], Awaitable[list[dict[str, Json]]]]
"""Sends one test notification: (receiver or None for all, event) to what each answered."""

Reload = Callable[[], tuple[Config, str]]
"""Reads the configuration anew and swaps the adapters' part; returns it with what changed, as a
sentence. Raises ValueError with the reasons: then nothing was swapped.
"""


async def no_heartbeat() -> None:
    """Send no sign of life anywhere."""


async def no_receivers(_receiver: str | None, _event: str) -> list[dict[str, Json]]:
    """Answer a test alert where there is no receiver."""
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The seams that the daemon runs on."""

    clock: Clock
    every: Every
    cloud: Cloud
    prober: EndpointProber
    plan: ProbePlan
    store: Store
    notifier: Notifier
    meter: Meter
    signals: tuple[SignalReader, ...] = ()
    """Optional extra looks at each deployment."""
    heartbeat: Callable[[], Awaitable[None]] = no_heartbeat
    """Tells a dead man's switch that all is well; called only while the loops progress."""
    test_alert: TestAlert = no_receivers
    reload: Reload | None = None
    """None = this daemon cannot be reloaded."""
    loop_lag: Callable[[], float | None] = lambda: None
    """99th percentile of the loop's lag, seconds; None = not measured (virtual time has none)."""
    is_offline: Callable[[], Awaitable[bool | None]] | None = None
    """Whether our own network is lost, by the canaries; returns None where there are none."""
    rng: random.Random = field(default_factory=random.Random)

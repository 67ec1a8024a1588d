"""Settings to the daemon's Config, and what a reload may change of them."""

from importlib.metadata import PackageNotFoundError, version

from autoscaler.app.receivers import alert_rules
from autoscaler.core.billing import Price
from autoscaler.core.model import Deployment
from autoscaler.core.policy import Policy
from autoscaler.daemon.config import Config
from autoscaler.settings import Settings

RESTART_NEEDED = ("cloud", "inference", "probe", "web", "state", "log")
"""Sections whose changes only a restart brings into force: sockets, sessions, files."""

MEMORY_WARNING = (
    "State is kept in memory only (state.path is :memory:): after a restart alerts, cost totals and"
    " what was learned begin anew."
)

POLICIES_KEPT = 10_000
"""Effective policies remembered, one a deployment: each is asked for several times a tick."""


def product_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return version("neevscale")
    except PackageNotFoundError:
        return "unknown"


def daemon_config(settings: Settings) -> Config:
    """Return what the daemon obeys."""
    known: dict[tuple[str, str, str], Policy] = {}

    def policy_for(deployment: Deployment) -> Policy:
        matched_by = (deployment.name, deployment.model_id, deployment.region)
        policy = known.get(matched_by)
        if policy is None:
            if len(known) >= POLICIES_KEPT:
                known.clear()
            policy = known[matched_by] = settings.policy_for(deployment)
        return policy

    def prices_for(deployment: Deployment) -> tuple[Price, ...]:
        listed = settings.prices.listed_for(deployment.name, deployment.gpu_config_id)
        return tuple(Price(amount=p.price, valid_from=p.since_at) for p in listed)

    intervals, budget = settings.intervals, settings.budget.monthly
    return Config(
        project=settings.cloud.project_id or "",
        policy_for=policy_for,
        version=product_version(),
        discover_seconds=intervals.discover_seconds,
        decide_seconds=intervals.decide_seconds,
        signals_seconds=intervals.signals_seconds,
        inventory_seconds=intervals.inventory_seconds,
        heartbeat_seconds=settings.alerting.heartbeat.every_seconds / 4,
        keep_seconds=settings.state.keep_seconds,
        keep_observations_seconds=(
            0.0 if settings.state.is_memory else settings.state.keep_observations_seconds
        ),
        prices_for=prices_for,
        currency=settings.prices.currency,
        billable=settings.prices.billable_statuses,
        fleet_budget=None if budget is None else float(budget),
        credential_renews=settings.cloud.email is not None,
        rules=alert_rules(settings),
        warnings=_warnings(settings),
    )


def changes(before: Settings, after: Settings) -> str:
    """Return what a reload changes, as a sentence: sections only, for values may be secret."""
    changed = [
        name for name in Settings.model_fields if getattr(before, name) != getattr(after, name)
    ]
    if not changed:
        return "Nothing changed."
    taken = [name for name in changed if name not in RESTART_NEEDED]
    waiting = [name for name in changed if name in RESTART_NEEDED]
    if before.intervals.probe_seconds != after.intervals.probe_seconds:
        waiting.append("intervals.probe_seconds")
    words = []
    if taken:
        words.append(f"In force now: {', '.join(taken)}.")
    if waiting:
        words.append(f"Changed, but in force only after a restart: {', '.join(waiting)}.")
    return " ".join(words)


def _warnings(settings: Settings) -> tuple[str, ...]:
    if settings.state.is_memory:
        return (MEMORY_WARNING,)
    return ()

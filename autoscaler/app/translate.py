"""Settings to the daemon's Config, and what a reload may change of them."""

from importlib.metadata import PackageNotFoundError, version

from autoscaler.app.receivers import alert_rules
from autoscaler.core.billing import Price
from autoscaler.core.model import Deployment
from autoscaler.core.policy import Policy
from autoscaler.daemon.config import Config
from autoscaler.settings import Settings

RESTART_NEEDED = ("cloud", "web", "state", "log")
"""Sections whose changes only a restart brings into force: sockets, sessions, files."""

RESTART_NEEDED_OF_PROBES = (
    "jitter_ratio",
    "min_output_tokens",
    "max_output_tokens",
    "tokens_per_minute",
    "profiles",
    "liveness",
    "engine_metrics",
    "promql",
)
"""Settings under `probe` of which that holds too: when what is probed, and the extra signals."""

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


def changes(before: Settings, after: Settings, *, started: Settings | None = None) -> str:
    """Return what a reload changes, as a sentence: names only, for values may be secret. What
    differs from the settings that it was `started` with, and cannot be swapped, is named at every
    reload until the restart.
    """
    changed = [
        name for name in Settings.model_fields if getattr(before, name) != getattr(after, name)
    ]
    taken = [name for name in changed if name not in RESTART_NEEDED]
    if "probe" in taken and not _probes_differently(before, after):
        taken.remove("probe")
    waiting = _waiting(before if started is None else started, after)
    words = []
    if taken:
        words.append(f"In force now: {', '.join(taken)}.")
    if waiting:
        words.append(f"Changed, but in force only after a restart: {', '.join(waiting)}.")
    return " ".join(words) or "Nothing changed."


def _probes_differently(before: Settings, after: Settings) -> bool:
    fixed = set(RESTART_NEEDED_OF_PROBES)
    return before.probe.model_dump(exclude=fixed) != after.probe.model_dump(exclude=fixed)


def _waiting(started: Settings, after: Settings) -> list[str]:
    """Return the names of what differs and only a restart brings into force."""
    names = [name for name in RESTART_NEEDED if getattr(started, name) != getattr(after, name)]
    names += [
        f"probe.{name}"
        for name in RESTART_NEEDED_OF_PROBES
        if getattr(started.probe, name) != getattr(after.probe, name)
    ]
    if started.intervals.probe_seconds != after.intervals.probe_seconds:
        names.append("intervals.probe_seconds")
    reads_engines = started.probe.engine_metrics.enabled
    if reads_engines and started.inference.allowed_hosts != after.inference.allowed_hosts:
        names.append("inference.allowed_hosts, for probe.engine_metrics")
    return names


def _warnings(settings: Settings) -> tuple[str, ...]:
    if settings.state.is_memory:
        return (MEMORY_WARNING,)
    return ()

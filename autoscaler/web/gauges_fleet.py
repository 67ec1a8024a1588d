"""Gauges of the fleet, the daemon and the alerts, read from the Snapshot and the meter."""

import platform
from collections.abc import Callable, Mapping
from pathlib import Path

from autoscaler.core.snapshot import Alert, AlertState, Snapshot
from autoscaler.web.gauges import Rows
from autoscaler.web.meter import PrometheusMeter


def _one(value: float | None, *labels: str) -> Rows:
    if value is not None:
        yield labels, value


def _build(snapshot: Snapshot) -> Rows:
    yield (snapshot.version, platform.python_version()), 1


def _mode(snapshot: Snapshot) -> Rows:
    for mode in ("active", "advisory"):
        yield (mode,), int(snapshot.mode == mode)


def _prices(snapshot: Snapshot) -> Rows:
    prices = {
        (view.deployment.gpu_config_id, view.cost.currency): float(view.cost.price_per_gpu_hour)
        for view in snapshot.deployments
        if view.cost is not None
    }
    yield from prices.items()


def _budgets(snapshot: Snapshot) -> Rows:
    if snapshot.fleet_budget is not None and snapshot.fleet_cost is not None:
        yield ("fleet", snapshot.fleet_cost.currency), snapshot.fleet_budget
    for view in snapshot.deployments:
        if view.policy.monthly_budget is not None and view.cost is not None:
            yield (view.deployment.name, view.cost.currency), view.policy.monthly_budget


def _forecasts(snapshot: Snapshot) -> Rows:
    if snapshot.fleet_cost is not None:
        cost = snapshot.fleet_cost
        yield ("fleet", cost.currency), float(cost.forecast_month_end)
    for view in snapshot.deployments:
        if view.cost is not None:
            yield (
                (view.deployment.name, view.cost.currency),
                float(view.cost.forecast_month_end),
            )


def alert_state(alert: Alert) -> str:
    """Return the word for where an alert stands: a muted one is not `firing`."""
    if alert.state is AlertState.FIRING and alert.silenced_by is not None:
        return "silenced"
    if alert.state is AlertState.FIRING and alert.inhibited_by is not None:
        return "inhibited"
    return alert.state


def _alerts(snapshot: Snapshot) -> Rows:
    active = {
        (alert.name, alert.deployment, alert.severity, alert_state(alert))
        for alert in snapshot.alerts
        if alert.state is not AlertState.RESOLVED
    }
    for key in sorted(active):
        yield key, 1


def _silences(snapshot: Snapshot) -> Rows:
    counts = {"active": 0, "pending": 0, "expired": 0}
    for silence in snapshot.silences:
        if silence.ends_at <= snapshot.at:
            counts["expired"] += 1
        elif silence.starts_at > snapshot.at:
            counts["pending"] += 1
        else:
            counts["active"] += 1
    for state, count in counts.items():
        yield (state,), count


def _jobs(snapshot: Snapshot) -> Rows:
    for job in snapshot.jobs:
        yield from _one(job.last_success_at, job.name)


FLEET: Mapping[str, Callable[[Snapshot], Rows]] = {
    "build_info": _build,
    "mode": _mode,
    "leader": lambda _: _one(1),
    "start_timestamp_seconds": lambda s: _one(s.started_at),
    "snapshot_timestamp_seconds": lambda s: _one(s.at),
    "warnings": lambda s: _one(len(s.warnings)),
    "price_per_gpu_hour": _prices,
    "price_last_refresh_timestamp_seconds": lambda s: _one(s.prices_refreshed_at),
    "cost_budget": _budgets,
    "cost_forecast_month_end": _forecasts,
    "controlplane_stale": lambda s: _one(int(s.control_plane.is_stale)),
    "controlplane_invalid_items": lambda s: _one(len(s.control_plane.invalid_items)),
    "credential_expiry_timestamp_seconds": lambda s: _one(
        s.control_plane.credential_expires_at, "access_token"
    ),
    "alert_active": _alerts,
    "silences": _silences,
    "notification_queue_length": lambda s: (((r.name,), r.queued) for r in s.receivers),
    "notification_queue_oldest_timestamp_seconds": lambda s: (
        ((r.name,), r.oldest_at) for r in s.receivers if r.oldest_at is not None
    ),
    "notification_dead_letters": lambda s: (((r.name,), r.dead_letters) for r in s.receivers),
    "notification_circuit_open": lambda s: (((r.name,), int(r.circuit_open)) for r in s.receivers),
    "job_last_success_timestamp_seconds": _jobs,
}


def last_requests(meter: PrometheusMeter, snapshot: Snapshot | None) -> Rows:
    """Last success of each operation; a list counts by the snapshot, where it was complete."""
    known = dict(meter.last_request)
    if snapshot is not None:
        known.pop("list", None)
        if snapshot.control_plane.last_success_at is not None:
            known["list"] = snapshot.control_plane.last_success_at
    for operation, at in sorted(known.items()):
        yield (operation,), at


def last_scales(meter: PrometheusMeter, snapshot: Snapshot | None) -> Rows:
    """When the last scale call was sent, also if it was before a restart."""
    known = dict(meter.last_scale)
    for view in () if snapshot is None else snapshot.deployments:
        if view.ask is not None:
            direction = "up" if view.ask.count > view.ask.from_count else "down"
            key = (view.deployment.name, direction)
            known[key] = max(known.get(key, 0.0), view.ask.asked_at)
    yield from sorted(known.items())


def of_process(meter: PrometheusMeter, state_path: Path | None) -> dict[str, Rows]:
    """Gauges that need no snapshot."""
    return {
        "config_last_reload_successful": _one(int(meter.reload_ok)),
        "config_last_reload_success_timestamp_seconds": _one(meter.reloaded_at),
        "state_db_size_bytes": _one(_size(state_path)),
    }


def _size(path: Path | None) -> float | None:
    try:
        return None if path is None else path.stat().st_size
    except OSError:
        return None

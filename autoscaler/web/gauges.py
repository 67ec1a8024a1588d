"""Gauges of one deployment, read from its view: one small function a metric.

A function yields (further label values, value) for each series that exists now; what is not known
yields nothing, never 0.
"""

from collections.abc import Callable, Iterator, Mapping

from autoscaler.core.model import Decision
from autoscaler.core.snapshot import CostView, DeploymentView
from autoscaler.core.words import Mode, Reason, Status
from autoscaler.web.catalogue_deployment import LIMITS

Rows = Iterator[tuple[tuple[str, ...], float]]
Gauge = Callable[[DeploymentView], Rows]

STALE_SECONDS = 300.0
"""Age of a deployment's last reading from which its state gauges leave: when the stale alert fires
(SEMANTICS 4).
"""

LIMIT_OF: Mapping[Reason, str] = {
    Reason.BELOW_MIN: "min",
    Reason.HELD_AT_MIN: "min",
    Reason.ABOVE_MAX: "max",
    Reason.CAPPED_MAX: "max",
    Reason.STEP_LIMITED: "step",
    Reason.UP_COOLDOWN: "cooldown",
    Reason.DOWN_HELD: "cooldown",
    Reason.CAPPED_BUDGET: "budget",
    Reason.STALE_DATA: "stale_data",
    Reason.PAUSED: "paused",
    Reason.ADVISORY: "advisory",
    Reason.PENDING: "in_progress",
    Reason.TRANSITIONAL: "in_progress",
    Reason.SETTLING: "in_progress",
}
"""Which of the declared limits a reason stands for; a reason that is no limit is absent."""


def _one(value: float | None, *labels: str) -> Rows:
    if value is not None:
        yield labels, value


def _info(view: DeploymentView) -> Rows:
    deployment = view.deployment
    yield (
        (deployment.id, deployment.model_id, deployment.region, deployment.gpu_config_id),
        1,
    )


def _status(view: DeploymentView) -> Rows:
    for status in Status:
        yield (status,), int(status is view.status)


def _status_seconds(view: DeploymentView) -> Rows:
    for status, seconds in view.uptime.seconds.items():
        yield (status,), seconds


def _asked(view: DeploymentView) -> Rows:
    if view.ask is not None and view.ask.is_open:
        yield (), view.ask.count


def _active(view: DeploymentView) -> Rows:
    yield (), int(view.policy.may_scale and view.orders.pause is None)


def _override(view: DeploymentView) -> Rows:
    if view.orders.override is not None:
        yield (), view.orders.override.replicas


def _of_decision(read: Callable[[Decision], float | None]) -> Gauge:
    def rows(view: DeploymentView) -> Rows:
        if view.decision is not None:
            yield from _one(read(view.decision))

    return rows


def limits(decision: Decision) -> set[str]:
    """Return the limits that shaped a decision."""
    reasons = {decision.reason, *(step.reason for step in decision.steps)}
    return {LIMIT_OF[reason] for reason in reasons if reason is not None and reason in LIMIT_OF}


def _limited(view: DeploymentView) -> Rows:
    held = set() if view.decision is None else limits(view.decision)
    if view.policy.mode is Mode.ADVISORY:
        held.add("advisory")
    for limit in LIMITS:
        yield (limit,), int(limit in held)


def _signal_value(view: DeploymentView) -> Rows:
    if view.decision is not None:
        estimate = view.decision.estimate
        yield from _one(estimate.ttft_seconds, "ttft")
        yield from _one(estimate.itl_seconds, "itl")
        yield from _one(estimate.load, "load")


def _signal_target(view: DeploymentView) -> Rows:
    for slo in view.slos:
        if slo.threshold_seconds is not None:
            yield (slo.slo,), slo.threshold_seconds
    if view.decision is not None and view.decision.estimate.capacity_per_replica is not None:
        yield ("load",), view.decision.estimate.capacity_per_replica * view.deployment.replicas


def need(view: DeploymentView) -> dict[str, float]:
    """Return the estimated count that the load needs, with its interval; empty if unknown."""
    estimate = None if view.decision is None else view.decision.estimate
    if estimate is None or not estimate.capacity_per_replica:
        return {}
    loads = {"low": estimate.load_low, "estimate": estimate.load, "high": estimate.load_high}
    return {
        bound: load / estimate.capacity_per_replica
        for bound, load in loads.items()
        if load is not None
    }


def _needed(view: DeploymentView) -> Rows:
    for bound, count in need(view).items():
        yield (bound,), count


def _of_cost(read: Callable[[CostView], object]) -> Gauge:
    def rows(view: DeploymentView) -> Rows:
        if view.cost is not None:
            yield (view.cost.currency,), float(str(read(view.cost)))

    return rows


def _gpu_seconds(view: DeploymentView) -> Rows:
    if view.cost is not None:
        yield (view.deployment.gpu_config_id,), float(view.cost.gpu_seconds)


def _shadow_cost(view: DeploymentView) -> Rows:
    if view.cost is not None and view.shadow_cost is not None:
        yield (view.cost.currency,), float(view.shadow_cost)


def _success(view: DeploymentView) -> Rows:
    if view.probe.last is not None:
        yield (), int(view.probe.last.ok)


def _last_probe(view: DeploymentView) -> Rows:
    if view.probe.last_success is not None:
        yield ("success",), view.probe.last_success.ended_at
    if view.probe.last_failure is not None:
        yield ("failure",), view.probe.last_failure.ended_at


def _phases(view: DeploymentView) -> Rows:
    if view.probe.last is not None:
        phases = view.probe.last.phases
        yield from _one(phases.dns, "dns")
        yield from _one(phases.connect, "connect")
        yield from _one(phases.headers, "headers")
        yield from _one(phases.first_token, "first_token")
        yield from _one(phases.stream, "stream")


def _tokens_per_second(view: DeploymentView) -> Rows:
    last = view.probe.last_success
    if last is not None and last.itl_seconds:
        yield (), 1 / last.itl_seconds


def _cert(view: DeploymentView) -> Rows:
    if view.probe.last is not None:
        yield from _one(view.probe.last.cert_expires_at)


def _objective(view: DeploymentView) -> Rows:
    for slo in view.slos:
        yield (slo.slo,), slo.objective_ratio


def _threshold(view: DeploymentView) -> Rows:
    for slo in view.slos:
        yield from _one(slo.threshold_seconds, slo.slo)


def _budget_left(view: DeploymentView) -> Rows:
    for slo in view.slos:
        yield from _one(slo.budget_left_ratio, slo.slo)


_STATE: Mapping[str, Gauge] = {
    "deployment_created_timestamp_seconds": lambda v: _one(v.deployment.created_at),
    "deployment_updated_timestamp_seconds": lambda v: _one(v.deployment.updated_at),
    "deployment_uptime_seconds": lambda v: _one(v.deployment.uptime_seconds),
    "deployment_replicas": lambda v: _one(v.deployment.replicas),
    "deployment_gpus_per_replica": lambda v: _one(v.deployment.gpu_count),
}
"""What the platform told; leaves when the telling is too old."""


def _while_fresh(gauge: Gauge, now: float) -> Gauge:
    def rows(view: DeploymentView) -> Rows:
        if now - view.seen_at < STALE_SECONDS:
            yield from gauge(view)

    return rows


_OTHERS: Mapping[str, Gauge] = {
    "deployment_info": _info,
    "deployment_status": _status,
    "deployment_status_seconds_total": _status_seconds,
    "deployment_status_changed_timestamp_seconds": lambda v: _one(v.uptime.status_since),
    "deployment_ready_sessions_total": lambda v: _one(v.uptime.ready_sessions),
    "deployment_seen_timestamp_seconds": lambda v: _one(v.seen_at),
    "deployment_replicas_asked": _asked,
    "deployment_replicas_min": lambda v: _one(v.policy.min_replicas),
    "deployment_replicas_max": lambda v: _one(v.policy.max_replicas),
    "autoscaler_active": _active,
    "autoscaler_paused": lambda v: _one(int(v.orders.pause is not None)),
    "autoscaler_override_replicas": _override,
    "autoscaler_recommended_replicas": _of_decision(lambda d: d.recommended),
    "autoscaler_target_replicas": _of_decision(lambda d: d.target),
    "autoscaler_shadow_replicas": lambda v: _one(v.shadow_replicas),
    "autoscaler_limited": _limited,
    "autoscaler_signal_value": _signal_value,
    "autoscaler_signal_target": _signal_target,
    "autoscaler_needed_replicas": _needed,
    "autoscaler_utilization_ratio": _of_decision(lambda d: d.estimate.rho),
    "autoscaler_idle_inter_token_latency_seconds": _of_decision(lambda d: d.estimate.alpha_seconds),
    "autoscaler_alpha_trusted": _of_decision(lambda d: int(d.estimate.alpha_trusted)),
    "autoscaler_arrivals_per_second": _of_decision(lambda d: d.estimate.arrivals_per_second),
    "autoscaler_overloaded": _of_decision(lambda d: int(d.estimate.overloaded)),
    "autoscaler_last_evaluation_timestamp_seconds": _of_decision(lambda d: d.at),
    "deployment_cost_per_hour": _of_cost(lambda c: c.per_hour),
    "deployment_cost_total": _of_cost(lambda c: c.total),
    "deployment_gpu_seconds_total": _gpu_seconds,
    "deployment_cost_month_to_date": _of_cost(lambda c: c.month_to_date),
    "deployment_cost_while_not_ready": _of_cost(lambda c: c.while_not_ready),
    "deployment_cost_avoided": _of_cost(lambda c: c.avoided_against_max),
    "deployment_cost_shadow_difference": _shadow_cost,
    "probe_success": _success,
    "probe_last_timestamp_seconds": _last_probe,
    "probe_phase_seconds": _phases,
    "probe_output_tokens_per_second": _tokens_per_second,
    "probe_inflight_start_timestamp_seconds": lambda v: _one(v.probe.inflight_since),
    "probe_interval_seconds": lambda v: _one(v.probe.interval_seconds),
    "probe_tls_cert_expiry_timestamp_seconds": _cert,
    "slo_objective_ratio": _objective,
    "slo_threshold_seconds": _threshold,
    "slo_budget_left_ratio": _budget_left,
}


def deployment_gauges(now: float) -> dict[str, Gauge]:
    """Return the gauges by metric name without prefix, for a snapshot shown at `now`."""
    state = {name: _while_fresh(gauge, now) for name, gauge in _STATE.items()}
    return {**state, **_OTHERS}

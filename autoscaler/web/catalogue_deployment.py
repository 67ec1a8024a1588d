"""Metrics of a deployment's state, its money and its replicas."""

from autoscaler.core.words import Reason, Status, Verdict
from autoscaler.web.metric import OTHER, Kind, Metric

STATUSES = tuple(Status)
TIMED_STATUSES = (*STATUSES, "scaling")
LIMITS = (
    "min",
    "max",
    "step",
    "cooldown",
    "budget",
    "stale_data",
    "paused",
    "advisory",
    "in_progress",
)
SIGNALS = ("ttft", "itl", "load")
DIRECTIONS = ("up", "down")
SCALE_RESULTS = ("ok", "rejected", "timeout", "error")
BOUNDS = ("low", "estimate", "high")


def _gauge(name: str, text: str, *labels: str, unit: str = "", **values: tuple[str, ...]) -> Metric:
    return Metric(
        name=f"neevscale_{name}",
        kind=Kind.GAUGE,
        help=text,
        unit=unit,
        labels=("deployment", *labels),
        values=values,
    )


def _counter(
    name: str, text: str, *labels: str, unit: str = "", **values: tuple[str, ...]
) -> Metric:
    return Metric(
        name=f"neevscale_{name}_total",
        kind=Kind.COUNTER,
        help=text,
        unit=unit,
        labels=("deployment", *labels),
        values=values,
    )


STATE = (
    _gauge(
        "deployment_info",
        "Always 1; what does not change about a deployment stands in the labels.",
        "deployment_id",
        "model",
        "region",
        "gpu_config",
    ),
    _gauge(
        "deployment_status",
        "1 for the present status, 0 for the others. Unknown is stale data or a new word.",
        "status",
        status=STATUSES,
    ),
    _counter(
        "deployment_status_seconds",
        "Observed time in each status; scaling is a transition of our own ask.",
        "status",
        unit="seconds",
        status=TIMED_STATUSES,
    ),
    Metric(
        name="neevscale_deployment_status_transitions_total",
        kind=Kind.COUNTER,
        help="Changes of status seen.",
        labels=("deployment", "from", "to"),
        values={"from": (*STATUSES, OTHER), "to": (*STATUSES, OTHER)},
    ),
    _gauge(
        "deployment_status_changed_timestamp_seconds",
        "When the present status was first seen.",
        unit="seconds",
    ),
    _gauge(
        "deployment_created_timestamp_seconds",
        "When the platform made the deployment.",
        unit="seconds",
    ),
    _gauge(
        "deployment_updated_timestamp_seconds",
        "When the platform last changed the deployment.",
        unit="seconds",
    ),
    _gauge(
        "deployment_uptime_seconds",
        "Age of the present ready session as the platform tells it; 0 when not ready.",
        unit="seconds",
    ),
    _gauge(
        "deployment_ready_timestamp_seconds",
        "When the present ready session began; absent when not ready.",
        unit="seconds",
    ),
    _counter("deployment_ready_sessions", "Ready sessions seen: recoveries and restarts."),
    _gauge(
        "deployment_seen_timestamp_seconds", "When the platform last told of it.", unit="seconds"
    ),
    _gauge("deployment_replicas", "Replicas running now, as the platform says."),
    _gauge("deployment_replicas_asked", "What the open scale call asked for; absent when none is."),
    _gauge("deployment_replicas_min", "Floor of the policy; absent where none is set."),
    _gauge("deployment_replicas_max", "Ceiling of the policy; absent where none is set."),
    _gauge("deployment_gpus_per_replica", "GPUs that one replica holds."),
)

AUTOSCALER = (
    _gauge(
        "autoscaler_active", "1 if the deployment may be scaled: active, with a max, not paused."
    ),
    _gauge("autoscaler_paused", "1 while a person's pause holds."),
    _gauge("autoscaler_override_replicas", "Count that a person pinned; absent without one."),
    _gauge("autoscaler_recommended_replicas", "What the rules want before limits."),
    _gauge("autoscaler_target_replicas", "What the rules want after all limits."),
    _gauge("autoscaler_shadow_replicas", "What active mode would be running by now."),
    _counter(
        "autoscaler_decisions",
        "Evaluations by verdict and reason; a reason appears when first seen.",
        "verdict",
        "reason",
        verdict=tuple(Verdict),
        reason=tuple(Reason),
    ),
    _gauge(
        "autoscaler_limited",
        "1 for each limit that shaped the last decision.",
        "limit",
        limit=LIMITS,
    ),
    _gauge(
        "autoscaler_signal_value",
        "What the policy saw: mean latencies in seconds, load in replicas.",
        "signal",
        signal=SIGNALS,
    ),
    _gauge(
        "autoscaler_signal_target",
        "What the policy wants of each signal, in the unit of the value.",
        "signal",
        signal=SIGNALS,
    ),
    _gauge(
        "autoscaler_needed_replicas",
        "Estimated count that the load needs, unrounded, with its interval.",
        "bound",
        bound=BOUNDS,
    ),
    _gauge(
        "autoscaler_utilization_ratio",
        "Estimated share of a replica's capacity in use (rho).",
        unit="ratio",
    ),
    _gauge(
        "autoscaler_idle_inter_token_latency_seconds",
        "Inter-token latency of the idle deployment (alpha).",
        unit="seconds",
    ),
    _gauge("autoscaler_alpha_trusted", "1 if alpha may lower the count."),
    _gauge("autoscaler_arrivals_per_second", "Requests a second heard in the probes' streams."),
    _gauge("autoscaler_overloaded", "1 while probes show that the queue grows."),
    _counter(
        "autoscaler_scale_operations",
        "Scale calls by direction and result.",
        "direction",
        "result",
        direction=DIRECTIONS,
        result=(*SCALE_RESULTS, OTHER),
    ),
    _gauge(
        "autoscaler_last_scale_timestamp_seconds",
        "When the last scale call in each direction was sent.",
        "direction",
        unit="seconds",
        direction=DIRECTIONS,
    ),
    _gauge(
        "autoscaler_last_evaluation_timestamp_seconds",
        "When the last decision was made; its age shows a stuck loop.",
        unit="seconds",
    ),
)

COST = (
    _gauge(
        "deployment_cost_per_hour",
        "Estimated run rate: price x GPUs x billed replicas; absent where the price is unknown.",
        "currency",
        unit="currency",
    ),
    _counter(
        "deployment_cost",
        "Estimated cost since the ledger began; absent where the price is unknown.",
        "currency",
        unit="currency",
    ),
    _counter(
        "deployment_gpu_seconds",
        "Billed GPU time, free of price: re-price it as you like.",
        "gpu_config",
        unit="seconds",
    ),
    _gauge(
        "deployment_cost_month_to_date",
        "Estimated cost of the present month.",
        "currency",
        unit="currency",
    ),
    _gauge(
        "deployment_cost_while_not_ready",
        "Estimated cost of the time not ready, since the ledger began.",
        "currency",
        unit="currency",
    ),
    _gauge(
        "deployment_cost_avoided",
        "Estimated cost less than running at max all the time, since the ledger began.",
        "currency",
        unit="currency",
    ),
    _gauge(
        "deployment_cost_shadow_difference",
        "What following the recommendation would have cost more, or less where below 0.",
        "currency",
        unit="currency",
    ),
)

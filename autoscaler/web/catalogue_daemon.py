"""Metrics of the daemon itself, its alerts, its notifications and its view of the platform."""

from autoscaler.core.snapshot import Severity
from autoscaler.web.catalogue_probe import LAG_EDGES
from autoscaler.web.metric import OTHER, Kind, Metric

OPERATIONS = ("list", "get", "scale", "login", "refresh", "catalog", "inventory", OTHER)
CODES = (
    "200", "201", "202", "204", "301", "302", "307", "308", "400", "401", "403", "404", "405",
    "408", "409", "413", "422", "429", "500", "502", "503", "504", "timeout", "network", OTHER,
)  # fmt: skip
EVENTS = ("trigger", "escalate", "reminder", "resolve", "change", "test", OTHER)
NOTIFY_FAILURES = (
    "auth",
    "rate_limited",
    "client_error",
    "server_error",
    "timeout",
    "network",
    "template",
    OTHER,
)
ALERT_STATES = ("pending", "firing", "silenced", "inhibited")
LEVELS = ("debug", "info", "warning", "error", "critical", OTHER)
HANDLERS = ("api", "action", "health", "metrics", "page", "probe", "static", OTHER)
REQUEST_EDGES = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SCALE_EDGES = (15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 450.0, 600.0, 900.0, 1800.0, 3600.0)
DELIVERY_EDGES = (0.1, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0)
JOB_EDGES = (0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0)


def _row(  # one keyword per column of the table
    name: str,
    kind: Kind,
    text: str,
    *labels: str,
    unit: str = "",
    edges: tuple[float, ...] = (),
    **values: tuple[str, ...],
) -> Metric:
    return Metric(
        name=f"neevscale_{name}",
        kind=kind,
        help=text,
        unit=unit,
        labels=labels,
        values=values,
        edges=edges,
    )


FLEET = (
    _row(
        "build_info", Kind.GAUGE, "Always 1; the version stands in the labels.", "version", "python"
    ),
    _row(
        "mode",
        Kind.GAUGE,
        "1 for the daemon's mode: active if any deployment may be scaled.",
        "mode",
        mode=("active", "advisory"),
    ),
    _row("leader", Kind.GAUGE, "1 if this process may scale and notify."),
    _row("start_timestamp_seconds", Kind.GAUGE, "When the daemon started.", unit="seconds"),
    _row("snapshot_timestamp_seconds", Kind.GAUGE, "When this picture was taken.", unit="seconds"),
    _row("warnings", Kind.GAUGE, "Warnings that the page shows on top."),
    _row("metrics_hidden_deployments", Kind.GAUGE, "Deployments beyond the limit, without series."),
    _row(
        "price_per_gpu_hour",
        Kind.GAUGE,
        "Price in force for each GPU configuration.",
        "gpu_config",
        "currency",
        unit="currency",
    ),
    _row(
        "price_last_refresh_timestamp_seconds",
        Kind.GAUGE,
        "When prices were last read from the inventory; absent where they never were.",
        unit="seconds",
    ),
    _row(
        "cost_budget",
        Kind.GAUGE,
        "Monthly budget; the scope is fleet or a deployment.",
        "scope",
        "currency",
        unit="currency",
    ),
    _row(
        "cost_forecast_month_end",
        Kind.GAUGE,
        "Cost of the month at the present rate; the scope is fleet or a deployment.",
        "scope",
        "currency",
        unit="currency",
    ),
    _row(
        "config_last_reload_successful", Kind.GAUGE, "1 if the last (re)load took effect, else 0."
    ),
    _row(
        "config_last_reload_success_timestamp_seconds",
        Kind.GAUGE,
        "When the configuration in force was loaded.",
        unit="seconds",
    ),
)

CONTROL_PLANE = (
    _row(
        "controlplane_requests_total",
        Kind.COUNTER,
        "Requests to the platform by operation and answer.",
        "operation",
        "code",
        operation=OPERATIONS,
        code=CODES,
    ),
    _row(
        "controlplane_request_duration_seconds",
        Kind.HISTOGRAM,
        "How long requests to the platform took.",
        "operation",
        unit="seconds",
        edges=REQUEST_EDGES,
        operation=OPERATIONS,
    ),
    _row(
        "controlplane_last_success_timestamp_seconds",
        Kind.GAUGE,
        "Last success of each operation; a list counts when it was complete.",
        "operation",
        unit="seconds",
        operation=OPERATIONS,
    ),
    _row(
        "controlplane_stale", Kind.GAUGE, "1 while the picture of the fleet is too old to act on."
    ),
    _row(
        "controlplane_invalid_items", Kind.GAUGE, "Items of the last list that could not be read."
    ),
    _row(
        "credential_expiry_timestamp_seconds",
        Kind.GAUGE,
        "Expiry of a credential; absent where unknown.",
        "credential",
        unit="seconds",
        credential=("access_token",),
    ),
)

ALERTS = (
    _row(
        "alert_active",
        Kind.GAUGE,
        "1 for each active alert; mirrors ALERTS of Prometheus.",
        "alertname",
        "deployment",
        "severity",
        "state",
        severity=tuple(Severity),
        state=ALERT_STATES,
    ),
    _row(
        "alerts_transitions_total",
        Kind.COUNTER,
        "Alerts that began to fire or were resolved.",
        "alertname",
        "severity",
        "to",
        severity=(*Severity, OTHER),
        to=("firing", "resolved", OTHER),
    ),
    _row(
        "notifications_total",
        Kind.COUNTER,
        "Notifications delivered.",
        "receiver",
        "event",
        event=EVENTS,
    ),
    _row(
        "notification_failures_total",
        Kind.COUNTER,
        "Attempts to notify that failed.",
        "receiver",
        "event",
        "reason",
        event=EVENTS,
        reason=NOTIFY_FAILURES,
    ),
    _row("notification_requests_total", Kind.COUNTER, "Attempts to notify.", "receiver"),
    _row(
        "notification_delivery_seconds",
        Kind.HISTOGRAM,
        "From the change of state to the receiver's answer.",
        "receiver",
        unit="seconds",
        edges=DELIVERY_EDGES,
    ),
    _row("notification_queue_length", Kind.GAUGE, "Notifications waiting.", "receiver"),
    _row(
        "notification_queue_oldest_timestamp_seconds",
        Kind.GAUGE,
        "Creation of the oldest waiting notification; absent when none waits.",
        "receiver",
        unit="seconds",
    ),
    _row("notification_dead_letters", Kind.GAUGE, "Notifications given up and kept.", "receiver"),
    _row("notification_circuit_open", Kind.GAUGE, "1 while a receiver is left alone.", "receiver"),
    _row(
        "silences",
        Kind.GAUGE,
        "Silences by state.",
        "state",
        state=("active", "pending", "expired"),
    ),
)

DAEMON = (
    _row(
        "job_duration_seconds",
        Kind.HISTOGRAM,
        "How long the runs of a job took.",
        "task",
        unit="seconds",
        edges=JOB_EDGES,
    ),
    _row("job_failures_total", Kind.COUNTER, "Runs of a job that failed.", "task"),
    _row(
        "job_missed_total", Kind.COUNTER, "Runs skipped: too late, or the last still ran.", "task"
    ),
    _row(
        "job_last_success_timestamp_seconds",
        Kind.GAUGE,
        "Last success of a job.",
        "task",
        unit="seconds",
    ),
    _row(
        "event_loop_lag_seconds",
        Kind.HISTOGRAM,
        "How late the event loop ran a timer.",
        unit="seconds",
        edges=(*LAG_EDGES[:3], 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
    ),
    _row(
        "probe_schedule_lag_seconds",
        Kind.HISTOGRAM,
        "How late probes started.",
        unit="seconds",
        edges=LAG_EDGES,
    ),
    _row(
        "autoscaler_scale_duration_seconds",
        Kind.HISTOGRAM,
        "From an accepted ask to replicas reached and ready.",
        "direction",
        unit="seconds",
        edges=SCALE_EDGES,
        direction=("up", "down", OTHER),
    ),
    _row("log_messages_total", Kind.COUNTER, "Log lines by level.", "level", level=LEVELS),
    _row(
        "http_requests_total",
        Kind.COUNTER,
        "Requests to our own server.",
        "handler",
        "code",
        handler=HANDLERS,
        code=CODES,
    ),
    _row(
        "state_write_failures_total",
        Kind.COUNTER,
        "Writes of the state that failed; what they held is written with the next.",
    ),
    _row("state_db_size_bytes", Kind.GAUGE, "Size of the state file.", unit="bytes"),
)

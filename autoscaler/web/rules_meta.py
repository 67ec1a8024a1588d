"""Alerts that only somebody outside the daemon can give: that it is alive, sees and delivers."""

from autoscaler.core.model import Json
from autoscaler.web.rules_config import RuleAlert, RulesConfig

_FAILED = "sum by (receiver) (rate(neevscale_notification_failures_total[15m]))"
_TRIED = "sum by (receiver) (rate(neevscale_notification_requests_total[15m]))"
_DELIVERY = (
    RuleAlert(
        "NeevNotificationsFailing",
        f"{_FAILED} / {_TRIED} > 0.01",
        "warning",
        "5m",
        "{{ $value | humanizePercentage }} of the notifications to {{ $labels.receiver }} fail.",
    ),
    RuleAlert(
        "NeevNotificationBacklog",
        "time() - max by (receiver) (neevscale_notification_queue_oldest_timestamp_seconds) > 600",
        "critical",
        "0m",
        "A notification to {{ $labels.receiver }} has waited for {{ $value | humanizeDuration }}.",
    ),
)
_LAG = "sum by (le) (rate(neevscale_event_loop_lag_seconds_bucket[10m]))"
_PROCESS = (
    RuleAlert(
        "NeevTwoLeaders",
        "sum(neevscale_leader) > 1",
        "critical",
        "2m",
        "{{ $value }} processes may scale the same deployments. Stop all but one.",
    ),
    RuleAlert(
        "NeevJobsMissed",
        "sum by (task) (increase(neevscale_job_missed_total[10m])) > 5",
        "warning",
        "10m",
        "The job {{ $labels.task }} was skipped {{ $value | humanize }} times in 10 min.",
    ),
    RuleAlert(
        "NeevLoopLag",
        f"histogram_quantile(0.99, {_LAG}) > 0.25",
        "warning",
        "10m",
        "The daemon is late by {{ $value | humanizeDuration }}: probes measure it, too.",
    ),
    RuleAlert(
        "NeevDeploymentsHidden",
        "max(neevscale_metrics_hidden_deployments) > 0",
        "warning",
        "10m",
        "{{ $value }} deployments have no series: there are more than the limit.",
    ),
)


def meta_alerts(config: RulesConfig) -> dict[str, Json]:
    """Return the group of what only somebody outside the daemon can say."""
    alerts = (*_alive(config), *_seeing(config), *_DELIVERY, *_PROCESS)
    return {"name": "neevscale-meta", "rules": [alert.rule(config) for alert in alerts]}


def _alive(config: RulesConfig) -> tuple[RuleAlert, ...]:
    job = f'job="{config.job}"'
    return (
        RuleAlert(
            "NeevDaemonDown",
            f"up{{{job}}} == 0 or absent(up{{{job}}})",
            "critical",
            "5m",
            "Neevscale cannot be scraped: nothing is watched, scaled or alerted on.",
        ),
        RuleAlert(
            "NeevMetricsAbsent",
            "absent(neevscale_build_info)",
            "critical",
            "10m",
            "Prometheus holds no series of Neevscale: is the job's target right?",
        ),
        RuleAlert(
            "NeevTickStale",
            f"time() - max(neevscale_snapshot_timestamp_seconds) > {config.tick_stale_seconds}",
            "critical",
            "1m",
            "Neevscale has made no decision for {{ $value | humanizeDuration }}.",
        ),
        RuleAlert(
            "NeevReloadFailed",
            "max_over_time(neevscale_config_last_reload_successful[5m]) == 0",
            "warning",
            "10m",
            "The last reload failed; the old configuration is in force. See the log for why.",
        ),
    )


def _seeing(config: RulesConfig) -> tuple[RuleAlert, ...]:
    listed = 'neevscale_controlplane_last_success_timestamp_seconds{operation="list"}'
    probed = "max by (deployment) (neevscale_probe_last_timestamp_seconds)"
    ready = 'max by (deployment) (neevscale_deployment_status{status="ready"})'
    return (
        RuleAlert(
            "NeevPollStale",
            f"time() - max({listed}) > {config.poll_stale_seconds}",
            "critical",
            "0m",
            "The platform has not been listed for {{ $value | humanizeDuration }}.",
        ),
        RuleAlert(
            "NeevProbeStale",
            f"(time() - {probed} > {config.probe_stale_seconds}) "
            f"and on (deployment) ({ready} == 1)",
            "warning",
            "0m",
            "{{ $labels.deployment }} is ready, not probed for {{ $value | humanizeDuration }}.",
        ),
    )

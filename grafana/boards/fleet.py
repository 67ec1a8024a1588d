"""Fleet: what is up, what it costs, what is wrong, in thirty seconds."""

from grafana.board import MINE, Board, Row
from grafana.panels import Kind, Panel, Query

STATUS_WORDS = {
    "1": ("initializing", "blue"),
    "2": ("ready", "green"),
    "3": ("failed", "red"),
    "4": ("terminating", "purple"),
    "5": ("unknown", "orange"),
}
"""Numbers for the state timeline, which draws one series a deployment."""


def status_number(selector: str) -> str:
    """Return an expression that numbers the present status of each deployment."""
    status = "max by (deployment) (neevscale_deployment_status"
    parts = [
        f'{number} * ({status}{{status="{word}",{selector}}}) == 1)'
        for number, (word, _) in STATUS_WORDS.items()
    ]
    return " or ".join(parts)


_GLANCE = Row(
    "Now",
    (
        Panel(
            kind=Kind.STAT,
            title="Deployments by status",
            width=6,
            height=5,
            text="How many deployments stand in each status. Unknown: the platform was not read.",
            queries=[
                Query(f"sum by (status) (neevscale_deployment_status{{{MINE}}})", "{{status}}")
            ],
            decimals=0,
        ),
        Panel(
            kind=Kind.STAT,
            title="Failed",
            width=3,
            height=5,
            bad_above=(1, 1),
            decimals=0,
            text="Deployments that the platform reports as failed. Anything above 0 pages.",
            queries=[
                Query(f'sum(neevscale_deployment_status{{status="failed",{MINE}}}) or vector(0)')
            ],
        ),
        Panel(
            kind=Kind.STAT,
            title="Alerts firing",
            width=3,
            height=5,
            bad_above=(1, 5),
            decimals=0,
            text="Alerts of the daemon that fire now; the watchdog does not count.",
            queries=[
                Query('count(neevscale_alert_active{state="firing",severity!="none"}) or vector(0)')
            ],
        ),
        Panel(
            kind=Kind.STAT,
            title="Least error budget",
            width=3,
            height=5,
            unit="percentunit",
            text="What is left of the error budget of the worst objective, as the daemon "
            "counts it.",
            queries=[Query(f"min(neevscale_slo_budget_left_ratio{{{MINE}}})")],
            good_above=(0, 0.25),
        ),
        Panel(
            kind=Kind.STAT,
            title="GPUs",
            width=3,
            height=5,
            decimals=0,
            text="GPUs that the running replicas hold.",
            queries=[
                Query(
                    f"sum(neevscale_deployment_replicas{{{MINE}}} * on (deployment) "
                    f"neevscale_deployment_gpus_per_replica{{{MINE}}})"
                )
            ],
        ),
        Panel(
            kind=Kind.STAT,
            title="Run rate",
            width=3,
            height=5,
            decimals=2,
            unit="none",
            text="Estimated cost an hour at the present counts. Empty where no price is known.",
            queries=[
                Query(
                    f"sum by (currency) (neevscale_deployment_cost_per_hour{{{MINE}}})",
                    "{{currency}}",
                )
            ],
        ),
        Panel(
            kind=Kind.STAT,
            title="Age of the picture",
            width=3,
            height=5,
            unit="s",
            text="Seconds since the platform was last listed completely.",
            queries=[
                Query(
                    "time() - max(neevscale_controlplane_last_success_timestamp_seconds"
                    '{operation="list"})'
                )
            ],
            bad_above=(60, 300),
        ),
    ),
)

_TABLE = Row(
    "Deployments",
    (
        Panel(
            kind=Kind.TABLE,
            title="Deployments",
            width=24,
            height=10,
            text="One line a deployment; the name opens its dashboard. Latencies are those "
            "of probes.",
            queries=[
                Query(f"max by (deployment, model, region) (neevscale_deployment_info{{{MINE}}})"),
                Query(f"max by (deployment) (neevscale_deployment_replicas{{{MINE}}})"),
                Query(f"max by (deployment) (neevscale_autoscaler_target_replicas{{{MINE}}})"),
                Query(
                    "max by (deployment) (neevscale_autoscaler_needed_replicas"
                    f'{{bound="estimate",{MINE}}})'
                ),
                Query(
                    f"1 - sum by (deployment) "
                    f"(rate(neevscale_probe_failures_total{{{MINE}}}[$win])) / "
                    f"sum by (deployment) (rate(neevscale_probes_total{{{MINE}}}[$win]))"
                ),
                Query(
                    "histogram_quantile(0.9, sum by (deployment, le) (rate("
                    f"neevscale_probe_time_to_first_token_seconds_bucket{{{MINE}}}[$win])))"
                ),
                Query(
                    "histogram_quantile(0.9, sum by (deployment, le) (rate("
                    f"neevscale_probe_inter_token_latency_seconds_bucket{{{MINE}}}[$win])))"
                ),
                Query(f"sum by (deployment) (neevscale_deployment_cost_per_hour{{{MINE}}})"),
                Query(f"max by (deployment) (neevscale_deployment_uptime_seconds{{{MINE}}})"),
            ],
            columns={
                "deployment": ("Deployment", "string"),
                "model": ("Model", "string"),
                "region": ("Region", "string"),
                "Value #B": ("Replicas", "none"),
                "Value #C": ("Target", "none"),
                "Value #D": ("Needed", "none"),
                "Value #E": ("Probes that succeed", "percentunit"),
                "Value #F": ("TTFT p90", "s"),
                "Value #G": ("ITL p90", "s"),
                "Value #H": ("Cost an hour", "none"),
                "Value #I": ("Uptime", "s"),
            },
        ),
    ),
)

_DAY = Row(
    "The last hours",
    (
        Panel(
            kind=Kind.TIMELINE,
            title="Status",
            width=24,
            height=9,
            words=STATUS_WORDS,
            text="The status of each deployment over time.",
            queries=[Query(status_number(MINE), "{{deployment}}")],
        ),
        Panel(
            kind=Kind.STEPS,
            title="Replicas",
            unit="none",
            text="Running replicas of each deployment; blue marks are scale calls.",
            queries=[Query(f"neevscale_deployment_replicas{{{MINE}}}", "{{deployment}}")],
        ),
        Panel(
            kind=Kind.LINES,
            title="Needed against running",
            unit="percentunit",
            text="Estimated need over running replicas: above 100 % too few run.",
            queries=[
                Query(
                    f'neevscale_autoscaler_needed_replicas{{bound="estimate",{MINE}}} / '
                    f"on (deployment) (neevscale_deployment_replicas{{{MINE}}} > 0)",
                    "{{deployment}}",
                )
            ],
        ),
        Panel(
            kind=Kind.BARS,
            title="Failed probes by reason",
            text="Failed probes of the window, by what went wrong.",
            queries=[
                Query(
                    "topk(10, sum by (deployment, reason) (increase("
                    f"neevscale_probe_failures_total{{{MINE}}}[$win])) > 0)",
                    "{{deployment}} {{reason}}",
                )
            ],
        ),
        Panel(
            kind=Kind.BARGAUGE,
            title="Share of the time ready, 30 days",
            unit="percentunit",
            text="Observed time ready over all observed time; time that nobody saw is left out.",
            queries=[
                Query(
                    "sum by (deployment) (increase(neevscale_deployment_status_seconds_total"
                    f'{{status="ready",{MINE}}}[30d])) / sum by (deployment) (increase('
                    f'neevscale_deployment_status_seconds_total{{status!~"unknown|terminating",{MINE}}}[30d]))',
                    "{{deployment}}",
                )
            ],
            good_above=(0.99, 0.995),
        ),
    ),
)

FLEET = Board(
    uid="fleet",
    title="Fleet",
    text="What is up, what it costs and what is wrong, at a glance.",
    rows=(_GLANCE, _TABLE, _DAY),
)

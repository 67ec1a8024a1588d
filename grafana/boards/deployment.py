"""Deployment: one of them, from its status down to the phases of its last probe."""

from grafana.board import MINE, Board, Row
from grafana.boards.fleet import STATUS_WORDS, status_number
from grafana.panels import Kind, Panel, Query


def quantile(share: float, metric: str, by: str = "le") -> str:
    """Return a quantile of a probe's histogram over the window."""
    rate = f"rate(neevscale_probe_{metric}_seconds_bucket{{{MINE}}}[$win])"
    return f"histogram_quantile({share}, sum by ({by}) ({rate}))"


def threshold(slo: str) -> Query:
    """Return the objective as a line."""
    return Query(f'max(neevscale_slo_threshold_seconds{{slo="{slo}",{MINE}}})', "objective")


_RED = {"objective": "red"}

_NOW = Row(
    "Now",
    (
        Panel(
            kind=Kind.STAT,
            title="Status",
            width=4,
            height=4,
            words=STATUS_WORDS,
            text="The present status; unknown while the platform cannot be read.",
            queries=[Query(status_number(MINE))],
        ),
        Panel(
            kind=Kind.STAT,
            title="Replicas",
            width=4,
            height=4,
            unit="none",
            text="Running replicas, and what the rules want.",
            queries=[
                Query(f"max(neevscale_deployment_replicas{{{MINE}}})", "running"),
                Query(f"max(neevscale_autoscaler_target_replicas{{{MINE}}})", "target"),
            ],
        ),
        Panel(
            kind=Kind.STAT,
            title="Uptime",
            width=4,
            height=4,
            unit="s",
            text="Age of the present ready session, as the platform tells it.",
            queries=[Query(f"max(neevscale_deployment_uptime_seconds{{{MINE}}})")],
        ),
        Panel(
            kind=Kind.STAT,
            title="Age of the last probe",
            width=4,
            height=4,
            unit="s",
            text="Seconds since the last probe ended, whatever its end.",
            bad_above=(120, 600),
            queries=[Query(f"time() - max(neevscale_probe_last_timestamp_seconds{{{MINE}}})")],
        ),
        Panel(
            kind=Kind.STAT,
            title="Probes that succeed",
            width=4,
            height=4,
            unit="percentunit",
            text="Share of the window's probes that succeeded.",
            good_above=(0.9, 0.99),
            queries=[
                Query(
                    f"1 - sum(rate(neevscale_probe_failures_total{{{MINE}}}[$win])) / "
                    f"sum(rate(neevscale_probes_total{{{MINE}}}[$win]))"
                )
            ],
        ),
        Panel(
            kind=Kind.STAT,
            title="Cost an hour",
            width=4,
            height=4,
            unit="none",
            decimals=2,
            text="Estimated cost at the present count. Empty where no price is known.",
            queries=[
                Query(
                    f"sum by (currency) (neevscale_deployment_cost_per_hour{{{MINE}}})",
                    "{{currency}}",
                )
            ],
        ),
    ),
)

_LATENCY = Row(
    "What a user feels",
    (
        Panel(
            kind=Kind.LINES,
            title="Time to first token",
            unit="s",
            colours=_RED,
            text="From sending a probe to its first token; dots are single probes.",
            queries=[
                Query(quantile(0.5, "time_to_first_token"), "p50"),
                Query(quantile(0.9, "time_to_first_token"), "p90"),
                threshold("ttft"),
            ],
        ),
        Panel(
            kind=Kind.LINES,
            title="Time between tokens",
            unit="s",
            colours=_RED,
            text="Mean time between tokens of a probe: the engine's step time.",
            queries=[
                Query(quantile(0.5, "inter_token_latency"), "p50"),
                Query(quantile(0.9, "inter_token_latency"), "p90"),
                threshold("itl"),
            ],
        ),
        Panel(
            kind=Kind.HEATMAP,
            title="Time to first token, all probes",
            unit="s",
            width=24,
            text="How many probes fell into each bucket; a second band is a second kind of "
            "request.",
            queries=[
                Query(
                    f"sum by (le) (increase("
                    f"neevscale_probe_time_to_first_token_seconds_bucket{{{MINE}}}"
                    "[$__rate_interval]))",
                    "{{le}}",
                )
            ],
        ),
        Panel(
            kind=Kind.LINES,
            title="Gaps in the stream",
            unit="s",
            text="Longest of a hundred gaps between reads of a stream: far above the time between "
            "tokens it stalls.",
            queries=[Query(quantile(0.99, "inter_chunk_latency"), "p99")],
        ),
        Panel(
            kind=Kind.LINES,
            title="Tokens a second of one stream",
            unit="short",
            text="Tokens over seconds of the probes' streams; falls as the batch fills.",
            queries=[
                Query(
                    f"sum(rate(neevscale_probe_decode_tokens_total{{{MINE}}}[$win])) / "
                    f"sum(rate(neevscale_probe_decode_seconds_total{{{MINE}}}[$win]))",
                    "tokens/s",
                )
            ],
        ),
        Panel(
            kind=Kind.STACK,
            title="Phases of the last probe",
            unit="s",
            text="Where the last probe spent its time. Headers and first token are the queue.",
            queries=[
                Query(f"max by (phase) (neevscale_probe_phase_seconds{{{MINE}}})", "{{phase}}")
            ],
        ),
        Panel(
            kind=Kind.LINES,
            title="Whole request p90",
            unit="s",
            text="From sending a probe to its end; successful ones only.",
            queries=[Query(quantile(0.9, "duration"), "p90")],
        ),
    ),
)

_LOAD = Row(
    "Load and replicas",
    (
        Panel(
            kind=Kind.STEPS,
            title="Replicas against need",
            unit="none",
            width=24,
            text="Running and wanted replicas, and what the load needs, with the interval.",
            queries=[
                Query(f"max(neevscale_deployment_replicas{{{MINE}}})", "running"),
                Query(f"max(neevscale_autoscaler_target_replicas{{{MINE}}})", "target"),
                Query(f"max(neevscale_deployment_replicas_max{{{MINE}}})", "max"),
                *(
                    Query(
                        f'max(neevscale_autoscaler_needed_replicas{{bound="{bound}",{MINE}}})', name
                    )
                    for bound, name in (
                        ("low", "needed, at least"),
                        ("estimate", "needed"),
                        ("high", "needed, at most"),
                    )
                ),
            ],
        ),
    ),
)

_SLO = Row(
    "Objectives and failures",
    (
        Panel(
            kind=Kind.BARGAUGE,
            title="Error budget left",
            unit="percentunit",
            width=8,
            text="What is left in the objective's window, as the daemon counts it; below 0 "
            "overspent.",
            queries=[Query(f"max by (slo) (neevscale_slo_budget_left_ratio{{{MINE}}})", "{{slo}}")],
            good_above=(0, 0.25),
        ),
        Panel(
            kind=Kind.LINES,
            title="Burn rate, 1 h",
            width=16,
            text="How much faster than allowed the budget is spent: 1 = just on budget, 14.4 "
            "pages.",
            queries=[
                Query(
                    f"deployment_slo:neevscale_probe_slo_bad_per_slo_events:ratio_rate1h{{{MINE}}}"
                    " / "
                    "on (deployment, slo) (1 - max by (deployment, slo) "
                    "(neevscale_slo_objective_ratio))",
                    "{{slo}}",
                )
            ],
        ),
        Panel(
            kind=Kind.BARS,
            title="Failed probes by reason",
            text="Failed probes of the window, by what went wrong.",
            queries=[
                Query(
                    f"sum by (reason) (increase("
                    f"neevscale_probe_failures_total{{{MINE}}}[$win])) > 0",
                    "{{reason}}",
                )
            ],
        ),
        Panel(
            kind=Kind.BARS,
            title="Probes not sent or not counted",
            text="Probes that were due and not sent, and probes that our own side spoiled.",
            queries=[
                Query(
                    f"sum by (reason) (increase(neevscale_probe_skipped_total{{{MINE}}}[$win]))",
                    "not sent: {{reason}}",
                ),
                Query(
                    f"sum by (reason) (increase(neevscale_probe_untrusted_total{{{MINE}}}[$win]))",
                    "not counted: {{reason}}",
                ),
            ],
        ),
        Panel(
            kind=Kind.TIMELINE,
            title="Status",
            width=24,
            height=5,
            words=STATUS_WORDS,
            text="The status over time.",
            queries=[Query(status_number(MINE), "{{deployment}}")],
        ),
    ),
)

DEPLOYMENT = Board(
    uid="deployment",
    title="Deployment",
    text="One deployment: status, latency, load, objectives and failures.",
    rows=(_NOW, _LATENCY, _LOAD, _SLO),
    one_deployment=True,
)

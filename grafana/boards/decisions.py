"""Autoscaler decisions: what was wanted, what was done, and what held it back."""

from grafana.board import MINE, Board, Row
from grafana.boards.deployment import quantile, threshold
from grafana.panels import Kind, Panel, Query

_COUNTS = Row(
    "Counts",
    (
        Panel(
            kind=Kind.STEPS,
            title="Running, recommended, target",
            unit="none",
            text="Recommended is what the rules want before limits, target after all of them.",
            queries=[
                Query(f"neevscale_deployment_replicas{{{MINE}}}", "{{deployment}} running"),
                Query(
                    f"neevscale_autoscaler_recommended_replicas{{{MINE}}}",
                    "{{deployment}} recommended",
                ),
                Query(f"neevscale_autoscaler_target_replicas{{{MINE}}}", "{{deployment}} target"),
            ],
        ),
        Panel(
            kind=Kind.STEPS,
            title="Bounds and asks",
            unit="none",
            text="The policy's bounds, and the count of an open scale call while there is one.",
            queries=[
                Query(f"neevscale_deployment_replicas_min{{{MINE}}}", "{{deployment}} min"),
                Query(f"neevscale_deployment_replicas_max{{{MINE}}}", "{{deployment}} max"),
                Query(f"neevscale_deployment_replicas_asked{{{MINE}}}", "{{deployment}} asked"),
            ],
        ),
        Panel(
            kind=Kind.LINES,
            title="What the load needs",
            unit="none",
            text="The estimate of the count, with its interval: the band in which decisions fall.",
            queries=[
                Query(
                    f"max by (deployment, bound) (neevscale_autoscaler_needed_replicas{{{MINE}}})",
                    "{{deployment}} {{bound}}",
                )
            ],
        ),
        Panel(
            kind=Kind.LINES,
            title="Signal over target",
            unit="percentunit",
            text="What the policy saw over what it wants: above 100 % the signal asks for more.",
            queries=[
                Query(
                    f"neevscale_autoscaler_signal_value{{{MINE}}} / on (deployment, signal) "
                    f"neevscale_autoscaler_signal_target{{{MINE}}}",
                    "{{deployment}} {{signal}}",
                )
            ],
        ),
    ),
)

_WHY = Row(
    "Why",
    (
        Panel(
            kind=Kind.BARS,
            title="Decisions by reason",
            width=24,
            text="Decisions of the window by verdict and reason: the same words as in the log.",
            queries=[
                Query(
                    "sum by (verdict, reason) (increase("
                    f"neevscale_autoscaler_decisions_total{{{MINE}}}[$win])) > 0",
                    "{{verdict}} {{reason}}",
                )
            ],
        ),
        Panel(
            kind=Kind.TIMELINE,
            title="What limited the decision",
            words={"1": ("limited", "orange")},
            text="Which limits shaped each decision: bounds, steps, cooldown, budget, orders.",
            queries=[
                Query(
                    f"max by (deployment, limit) (neevscale_autoscaler_limited{{{MINE}}}) == 1",
                    "{{deployment}} {{limit}}",
                )
            ],
        ),
        Panel(
            kind=Kind.LINES,
            title="Idle latency between tokens (alpha)",
            unit="s",
            text="What the deployment needs for a token when idle; trusted where the second is 1.",
            queries=[
                Query(
                    f"neevscale_autoscaler_idle_inter_token_latency_seconds{{{MINE}}}",
                    "{{deployment}}",
                ),
            ],
        ),
        Panel(
            kind=Kind.LINES,
            title="Share of a replica in use",
            unit="percentunit",
            text="Estimated share of a replica's capacity in use (rho); 100 % is where "
            "queues grow.",
            queries=[Query(f"neevscale_autoscaler_utilization_ratio{{{MINE}}}", "{{deployment}}")],
        ),
        Panel(
            kind=Kind.TIMELINE,
            title="Overload and trust",
            text="Overload: probes show a growing queue. Trust: alpha may lower the count.",
            words={"0": ("no", "text"), "1": ("yes", "green")},
            queries=[
                Query(f"neevscale_autoscaler_overloaded{{{MINE}}}", "{{deployment}} overloaded"),
                Query(f"neevscale_autoscaler_alpha_trusted{{{MINE}}}", "{{deployment}} trusted"),
            ],
        ),
    ),
)

_DONE = Row(
    "What was done, and what it brought",
    (
        Panel(
            kind=Kind.BARS,
            title="Scale calls",
            width=8,
            text="Scale calls of the window by direction and result.",
            queries=[
                Query(
                    "sum by (direction, result) (increase("
                    f"neevscale_autoscaler_scale_operations_total{{{MINE}}}[$win])) > 0",
                    "{{direction}} {{result}}",
                )
            ],
        ),
        Panel(
            kind=Kind.LINES,
            title="Time to capacity p90",
            width=8,
            unit="s",
            text="From an accepted call to replicas reached and ready, over a day.",
            queries=[
                Query(
                    "histogram_quantile(0.9, sum by (direction, le) (increase("
                    "neevscale_autoscaler_scale_duration_seconds_bucket[1d])))",
                    "{{direction}}",
                )
            ],
        ),
        Panel(
            kind=Kind.BARGAUGE,
            title="Share of the day at max",
            width=8,
            unit="percentunit",
            text="Share of the last day at max: high means that max, not the load, decides.",
            queries=[
                Query(
                    f"avg_over_time((neevscale_deployment_replicas{{{MINE}}} >= bool on "
                    f"(deployment) "
                    f"neevscale_deployment_replicas_max{{{MINE}}})[1d:30s])",
                    "{{deployment}}",
                )
            ],
            bad_above=(0.1, 0.5),
        ),
        Panel(
            kind=Kind.LINES,
            title="Time to first token p90",
            unit="s",
            text="What users felt meanwhile, against the objective.",
            colours={"objective": "red"},
            queries=[
                Query(quantile(0.9, "time_to_first_token", "deployment, le"), "{{deployment}}"),
                threshold("ttft"),
            ],
        ),
        Panel(
            kind=Kind.LINES,
            title="Time between tokens p90",
            unit="s",
            text="What users felt meanwhile, against the objective.",
            colours={"objective": "red"},
            queries=[
                Query(quantile(0.9, "inter_token_latency", "deployment, le"), "{{deployment}}"),
                threshold("itl"),
            ],
        ),
    ),
)

DECISIONS = Board(
    uid="decisions",
    title="Autoscaler decisions",
    text="What was wanted, what was done, what held it back, and what users felt meanwhile.",
    rows=(_COUNTS, _WHY, _DONE),
)

"""Cost: what is spent, on what, against which budget, and what autoscaling saved."""

from grafana.board import MINE, Board, Row
from grafana.panels import Kind, Panel, Query

DAY_SECONDS = 86400
_NOTE = "Estimated from price x GPUs x replicas; the invoice decides."

_NOW = Row(
    "This month",
    (
        Panel(
            kind=Kind.STAT,
            title="Spent this month",
            width=5,
            height=5,
            unit="none",
            decimals=2,
            text=f"Cost of the present month so far. {_NOTE}",
            queries=[
                Query(
                    f"sum by (currency) (neevscale_deployment_cost_month_to_date{{{MINE}}})",
                    "{{currency}}",
                )
            ],
        ),
        Panel(
            kind=Kind.STAT,
            title="By the end of the month",
            width=5,
            height=5,
            unit="none",
            text=f"Spent so far plus the present rate for the hours left. {_NOTE}",
            decimals=2,
            queries=[
                Query(
                    'sum by (currency) (neevscale_cost_forecast_month_end{scope="fleet"})',
                    "{{currency}}",
                )
            ],
        ),
        Panel(
            kind=Kind.STAT,
            title="Run rate",
            width=4,
            height=5,
            unit="none",
            decimals=2,
            text=f"Cost an hour at the present counts. {_NOTE}",
            queries=[
                Query(
                    f"sum by (currency) (neevscale_deployment_cost_per_hour{{{MINE}}})",
                    "{{currency}}",
                )
            ],
        ),
        Panel(
            kind=Kind.STAT,
            title="Less than always at max",
            width=5,
            height=5,
            unit="none",
            text=f"What autoscaling saved against running at max, since the ledger began. {_NOTE}",
            queries=[
                Query(
                    f"sum by (currency) (neevscale_deployment_cost_avoided{{{MINE}}})",
                    "{{currency}}",
                )
            ],
            decimals=2,
        ),
        Panel(
            kind=Kind.STAT,
            title="Spent while not ready",
            width=5,
            height=5,
            unit="none",
            text=f"Cost of starting, failed and terminating time, since the ledger began. {_NOTE}",
            queries=[
                Query(
                    f"sum by (currency) (neevscale_deployment_cost_while_not_ready{{{MINE}}})",
                    "{{currency}}",
                )
            ],
            decimals=2,
        ),
    ),
)

_TIME = Row(
    "Over time",
    (
        Panel(
            kind=Kind.STACK,
            title="Cost an hour",
            unit="none",
            width=24,
            decimals=2,
            text=f"Run rate of each deployment, stacked to the fleet's. {_NOTE}",
            queries=[
                Query(
                    f"sum by (deployment, currency) (neevscale_deployment_cost_per_hour{{{MINE}}})",
                    "{{deployment}} {{currency}}",
                )
            ],
        ),
        Panel(
            kind=Kind.BARS,
            title="Cost of the last 24 h, running",
            unit="none",
            text=f"Cost of the day before each instant. {_NOTE}",
            queries=[
                Query(
                    "sum by (deployment, currency) "
                    f"(increase(neevscale_deployment_cost_total{{{MINE}}}[1d]))",
                    "{{deployment}} {{currency}}",
                )
            ],
        ),
        Panel(
            kind=Kind.STACK,
            title="GPU hours an hour",
            unit="short",
            text="Billed GPUs, free of price: GPU time over time, by configuration.",
            queries=[
                Query(
                    "sum by (gpu_config) "
                    f"(rate(neevscale_deployment_gpu_seconds_total{{{MINE}}}[$win]))",
                    "{{gpu_config}}",
                )
            ],
        ),
    ),
)

_BUDGET = Row(
    "Budgets and prices",
    (
        Panel(
            kind=Kind.BARGAUGE,
            title="Forecast over budget",
            unit="percentunit",
            text=f"The month's forecast over its budget, where one is set. {_NOTE}",
            queries=[
                Query(
                    "neevscale_cost_forecast_month_end / on (scope, currency) "
                    "neevscale_cost_budget",
                    "{{scope}}",
                )
            ],
            bad_above=(0.95, 1),
        ),
        Panel(
            kind=Kind.LINES,
            title="Following every recommendation",
            unit="none",
            decimals=2,
            text=f"What active mode would have cost more, or less below 0, since the start. "
            f"{_NOTE}",
            queries=[
                Query(
                    "sum by (deployment, currency) "
                    f"(neevscale_deployment_cost_shadow_difference{{{MINE}}})",
                    "{{deployment}} {{currency}}",
                )
            ],
        ),
        Panel(
            kind=Kind.TABLE,
            title="Prices in force",
            width=18,
            height=6,
            text="Price of a GPU and hour for each configuration: from the inventory or the "
            "configuration.",
            queries=[Query("max by (gpu_config, currency) (neevscale_price_per_gpu_hour)")],
            columns={
                "gpu_config": ("GPU configuration", "string"),
                "currency": ("Currency", "string"),
                "Value": ("A GPU and hour", "none"),
            },
        ),
        Panel(
            kind=Kind.STAT,
            title="Age of the prices",
            width=6,
            height=6,
            unit="s",
            text="Seconds since the inventory was last read. Empty where the configuration has "
            "all prices.",
            bad_above=(DAY_SECONDS, 7 * DAY_SECONDS),
            queries=[Query("time() - neevscale_price_last_refresh_timestamp_seconds")],
        ),
    ),
)

COST = Board(
    uid="cost",
    title="Cost",
    text=f"What is spent, on what, against which budget. {_NOTE}",
    rows=(_NOW, _TIME, _BUDGET),
)

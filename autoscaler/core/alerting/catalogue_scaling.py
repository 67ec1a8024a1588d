"""Alerts about scaling and money."""

from autoscaler.core.alerting.conditions import fleet, scaling, spend
from autoscaler.core.alerting.conditions.status import EVENT_SECONDS
from autoscaler.core.alerting.rules import DAY, HOUR
from autoscaler.core.alerting.spec import AlertSpec
from autoscaler.core.snapshot import Severity

SCALING_ALERTS: tuple[AlertSpec, ...] = (
    AlertSpec(
        name="NeevSaturatedAtMax",
        severity=Severity.WARNING,
        summary="the load wants more replicas than max_replicas allows",
        action="Raise max_replicas, or accept that users wait.",
        deployment=scaling.saturated,
        for_seconds=600,
        keep_seconds=600,
        inhibited_by=("NeevDeploymentFailed", "NeevEndpointDown"),
    ),
    AlertSpec(
        name="NeevCapacityShort",
        severity=Severity.WARNING,
        summary="more GPUs are wanted than are free",
        action=(
            "Ask the platform for capacity, or plan another region or GPU kind; scaling keeps"
            " asking, for free counts are only a hint."
        ),
        deployment=scaling.capacity_short,
        keep_seconds=300,
    ),
    AlertSpec(
        name="NeevAutoscalerStuck",
        severity=Severity.CRITICAL,
        summary="the autoscaler makes no decisions, or its scale calls fail",
        action="Read the daemon's log for this deployment; scale by hand meanwhile.",
        deployment=scaling.stuck,
        inhibited_by=("NeevControlPlaneStale",),
    ),
    AlertSpec(
        name="NeevAutoscalerThrashing",
        severity=Severity.WARNING,
        summary="scaling goes back and forth",
        action="Widen tolerance_ratio or scale_down_hold_seconds; `neevscale explain` shows why.",
        deployment=scaling.thrashing,
    ),
    AlertSpec(
        name="NeevScaleStepUndone",
        severity=Severity.WARNING,
        summary="a step down did not hold its prediction and is undone",
        action="Nothing at once: the estimate has learned from it. Look again if it repeats.",
        deployment=scaling.notice("failed_step"),
        keep_seconds=EVENT_SECONDS,
    ),
    AlertSpec(
        name="NeevReplicasLost",
        severity=Severity.WARNING,
        summary="replicas are missing that nobody took away",
        action="See in the console whether one crashed; scaling asks again for what it needs.",
        deployment=scaling.notice("replica_drop"),
        keep_seconds=EVENT_SECONDS,
        inhibited_by=("NeevDeploymentFailed", "NeevControlPlaneStale"),
    ),
    AlertSpec(
        name="NeevReplicasUneven",
        severity=Severity.INFO,
        summary="some replicas are clearly slower than the others",
        action="See whether the balancer spreads requests evenly and all GPUs are alike.",
        deployment=scaling.notice("imbalance"),
        keep_seconds=600,
        inhibited_by=("NeevDeploymentFailed", "NeevEndpointDown"),
    ),
    AlertSpec(
        name="NeevExternalChange",
        severity=Severity.INFO,
        summary="somebody else changed it",
        action="Nothing, if it was meant: a raised count is kept as a floor for a while.",
        deployment=scaling.notice("external_change"),
        fleet=fleet.fleet_changed,
        keep_seconds=300,
    ),
    AlertSpec(
        name="NeevOrderEnding",
        severity=Severity.INFO,
        summary="a pause or an override ends soon",
        action="Give it again if it is still wanted: `neevscale override` or `neevscale pause`.",
        deployment=scaling.order_ending,
    ),
    AlertSpec(
        name="NeevBudgetCapped",
        severity=Severity.WARNING,
        summary="the budget keeps it from scaling up",
        action="Raise the budget or the hourly cap, or accept that users wait.",
        deployment=scaling.notice("capped_budget"),
        keep_seconds=600,
    ),
    AlertSpec(
        name="NeevSLOInfeasible",
        severity=Severity.WARNING,
        summary="an objective cannot be met by any number of replicas",
        action="Set an objective above what an idle replica needs, or use a faster GPU or model.",
        deployment=scaling.notice("infeasible_slo"),
        for_seconds=300,
        keep_seconds=600,
    ),
    AlertSpec(
        name="NeevAlphaUntrusted",
        severity=Severity.INFO,
        summary="it is not scaled down, because its idle latency is not known",
        action=(
            "Give `alpha_seconds`, or let it run near idle once: then it is learned and trusted."
        ),
        deployment=scaling.untrusted_alpha,
        for_seconds=HOUR,
        keep_seconds=600,
    ),
    AlertSpec(
        name="NeevIdleSpend",
        severity=Severity.INFO,
        summary="replicas run for a day that would not be needed",
        action="Resume scaling, or switch to active mode for it.",
        deployment=scaling.idle_spend,
        for_seconds=DAY,
        keep_seconds=600,
    ),
)

SPEND_ALERTS: tuple[AlertSpec, ...] = (
    AlertSpec(
        name="NeevCostBudgetForecast",
        severity=Severity.WARNING,
        summary="the month is on its way past its budget",
        action="Lower max_replicas or the budget's pace, or raise the budget.",
        deployment=spend.forecast,
        fleet=spend.forecast,
        for_seconds=6 * HOUR,
        keep_seconds=DAY,
        inhibited_by=("NeevCostBudgetExceeded",),
    ),
    AlertSpec(
        name="NeevCostBudgetExceeded",
        severity=Severity.CRITICAL,
        summary="the month's budget is spent",
        action="Decide: raise the budget, lower max_replicas, or delete what is not needed.",
        deployment=spend.exceeded,
        fleet=spend.exceeded,
    ),
    AlertSpec(
        name="NeevCostBudgetStep",
        severity=Severity.INFO,
        summary="a good part of the month's budget is spent",
        action="Compare with the day of the month; nothing needs to be done yet.",
        deployment=spend.step_reached,
        fleet=spend.step_reached,
        inhibited_by=("NeevCostBudgetExceeded",),
    ),
    AlertSpec(
        name="NeevCostAnomaly",
        severity=Severity.WARNING,
        summary="the last day cost much more than the days before it",
        action="See on the page which deployment grew, and when.",
        deployment=spend.anomaly,
        fleet=spend.anomaly,
        for_seconds=HOUR,
    ),
    AlertSpec(
        name="NeevPriceStale",
        severity=Severity.INFO,
        summary="Prices have not been read for a week.",
        action="See why the inventory does not answer, or set `prices:` in the configuration.",
        fleet=spend.price_stale,
        for_seconds=HOUR,
    ),
)

"""For each alert of the catalogue: how long it takes to fire and to end, by the catalogue."""

from dataclasses import dataclass, replace

from helpers_alert_facts import (
    DAY,
    FAST,
    HOUR,
    MINUTE,
    SLOW,
    Make,
    burning,
    capacity,
    certificate,
    deciding,
    erring,
    exhausted,
    expiring,
    failing_receiver,
    flapping,
    idle,
    lagging,
    lumps,
    noticing,
    of_fleet,
    old_decision,
    ordering,
    plane,
    probing,
    refusing,
    restarting,
    scale_stuck,
    spend,
    spending,
    stale,
    status,
    thrashing,
    unreadable,
)
from helpers_alerts import T0, fleet, subject

from autoscaler.core.alerting.facts import (
    DeploymentFacts,
    FleetFacts,
)
from autoscaler.core.words import FailureReason, Reason, Status


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    make: Make
    fires: float = 0.0
    """Longest time from the first bad look to firing."""
    not_before: float = 0.0
    """Shortest such time."""
    ends: float = 15.0
    """Longest time from the first good look to the end."""
    keeps: float = 0.0
    """Shortest such time."""
    step: float = 15.0
    dimension: str = ""
    loud: bool = False
    """Whether the story is long enough to be marked slow."""


CASES: tuple[Case, ...] = (
    Case(name="NeevDeploymentFailed", make=status(Status.FAILED), ends=15, keeps=15),
    Case(name="NeevDeploymentStuckInitializing", make=status(Status.INITIALIZING)),
    Case(name="NeevDeploymentStuckTerminating", make=status(Status.TERMINATING)),
    Case(name="NeevScaleStuck", make=scale_stuck),
    Case(
        name="NeevFlapping",
        make=flapping,
        fires=420,
        not_before=300,
        ends=HOUR + 60,
        keeps=HOUR / 2,
        step=60,
    ),
    Case(name="NeevUnexpectedRestart", make=restarting, ends=30 * MINUTE, step=60),
    Case(name="NeevEndpointHostRefused", make=refusing),
    Case(
        name="NeevEndpointDown",
        make=probing(FailureReason.DISCONNECTED),
        fires=30,
        not_before=30,
        ends=15,
        keeps=15,
    ),
    Case(name="NeevEndpointAuth", make=probing(FailureReason.HTTP_AUTH), fires=15, not_before=15),
    Case(
        name="NeevEndpointMisconfigured",
        make=probing(FailureReason.HTTP_4XX),
        fires=30,
        not_before=30,
    ),
    Case(
        name="NeevEndpointDegraded",
        make=probing(FailureReason.TRUNCATED, every=3),
        fires=14 * MINUTE,
        not_before=5 * MINUTE,
        ends=30 * MINUTE,
        keeps=10 * MINUTE,
        step=30,
    ),
    Case(
        name="NeevEndpointRateLimited",
        make=probing(FailureReason.HTTP_429, every=2),
        fires=7 * MINUTE,
        not_before=5 * MINUTE,
        ends=11 * MINUTE,
    ),
    Case(
        name="NeevTLSCertExpiring", make=certificate, fires=HOUR, not_before=HOUR, step=60, ends=60
    ),
    Case(
        name="NeevStreamBuffered",
        make=lumps,
        fires=10 * MINUTE,
        not_before=10 * MINUTE,
        ends=31 * MINUTE,
        keeps=30 * MINUTE,
        step=30,
    ),
    *(
        Case(name=name, make=burning(word, rates), dimension=speed)
        for name, word in (
            ("NeevAvailabilityBudgetBurn", "availability"),
            ("NeevTTFTBudgetBurn", "ttft"),
            ("NeevITLBudgetBurn", "itl"),
        )
        for speed, rates in (("fast", FAST), ("slow", SLOW))
    ),
    Case(name="NeevErrorBudgetExhausted", make=exhausted, dimension="ttft"),
    Case(
        name="NeevSaturatedAtMax",
        make=deciding(current=4, target=4, recommended=6),
        fires=10 * MINUTE,
        not_before=10 * MINUTE,
        ends=10 * MINUTE + 15,
        keeps=10 * MINUTE,
    ),
    Case(name="NeevCapacityShort", make=capacity, ends=315, keeps=5 * MINUTE),
    Case(name="NeevAutoscalerStuck", make=old_decision),
    Case(
        name="NeevAutoscalerThrashing",
        make=thrashing,
        fires=240,
        not_before=240,
        ends=HOUR + 60,
        step=60,
    ),
    Case(name="NeevScaleStepUndone", make=noticing("failed_step"), ends=1860, keeps=1800, step=60),
    Case(name="NeevReplicasLost", make=noticing("replica_drop"), ends=1860, keeps=1800, step=60),
    Case(name="NeevReplicasUneven", make=noticing("imbalance"), ends=615, keeps=600),
    Case(name="NeevExternalChange", make=noticing("external_change"), ends=315, keeps=300),
    Case(name="NeevOrderEnding", make=ordering),
    Case(name="NeevBudgetCapped", make=noticing("capped_budget"), ends=615, keeps=600),
    Case(
        name="NeevSLOInfeasible",
        make=noticing("infeasible_slo"),
        fires=300,
        not_before=300,
        ends=615,
        keeps=600,
    ),
    Case(
        name="NeevAlphaUntrusted",
        make=deciding(reason=Reason.DOWN_UNTRUSTED),
        fires=HOUR,
        not_before=HOUR,
        ends=660,
        keeps=600,
        step=60,
    ),
    Case(
        name="NeevIdleSpend",
        make=idle,
        fires=DAY,
        not_before=DAY,
        ends=720,
        keeps=600,
        step=120,
        loud=True,
    ),
    Case(
        name="NeevCostBudgetForecast",
        make=spending(spend(500, 1200), spend(500, 900)),
        fires=6 * HOUR,
        not_before=6 * HOUR,
        ends=DAY + 120,
        keeps=DAY,
        step=120,
        loud=True,
    ),
    Case(name="NeevCostBudgetExceeded", make=spending(spend(1100, 900), spend(10, 900))),
    Case(
        name="NeevCostBudgetStep",
        make=spending(spend(600, 900), spend(10, 900)),
        dimension="50%",
    ),
    Case(
        name="NeevCostAnomaly",
        make=spending(
            spend(1, 2, last_day=90.0, daily_mean=40.0), spend(1, 2, last_day=41.0, daily_mean=40.0)
        ),
        fires=HOUR,
        not_before=HOUR,
        step=60,
        ends=60,
    ),
    Case(
        name="NeevPriceStale",
        make=of_fleet(price_refreshed_at=lambda at: at - 8 * DAY),
        fires=HOUR,
        not_before=HOUR,
        step=60,
        ends=float("inf"),
    ),
    Case(
        name="NeevSelfOffline",
        make=of_fleet(self_offline=lambda at: True),
        fires=60,
        not_before=60,
    ),
    Case(name="NeevControlPlaneStale", make=stale, fires=330, not_before=0, ends=15),
    Case(
        name="NeevControlPlaneAuth",
        make=of_fleet(control_plane=lambda at: plane(at, auth_failures=2, last_success_at=T0)),
    ),
    Case(
        name="NeevControlPlaneErrors",
        make=erring,
        fires=12 * MINUTE,
        not_before=10 * MINUTE,
        ends=15 * MINUTE,
    ),
    Case(name="NeevDeploymentUnreadable", make=unreadable, fires=300, not_before=300),
    Case(name="NeevCredentialExpiring", make=expiring, dimension="inference_key"),
    Case(name="NeevNotifyFailing", make=failing_receiver, dimension="pager"),
    Case(name="NeevDaemonOverloaded", make=lagging, fires=600, not_before=600),
    Case(
        name="NeevConfigReloadFailed",
        make=of_fleet(reload_failed_at=lambda at: T0, reload_error=lambda at: "no such key"),
        fires=600,
        not_before=600,
    ),
)
"""All but the watchdog, the storm and the throughput, which have tests of their own."""


def merged(effect: FleetFacts, cause: FleetFacts) -> FleetFacts:
    """Facts in which both are bad: what the cause changes of the defaults wins."""
    plain = fleet(effect.at)
    changes = {
        name: getattr(cause, name)
        for name in FleetFacts.__dataclass_fields__
        if name not in {"at", "deployments"} and getattr(cause, name) != getattr(plain, name)
    }
    asked = effect.control_plane
    plane_of_both = replace(cause.control_plane, requests=asked.requests, errors=asked.errors)
    changes["control_plane"] = plane_of_both if "control_plane" in changes else asked
    return replace(effect, deployments=_both(effect, cause), **changes)


def _both(effect: FleetFacts, cause: FleetFacts) -> tuple[DeploymentFacts, ...]:
    if not effect.deployments or not cause.deployments:
        return effect.deployments or cause.deployments
    plain = subject(effect.at)
    changes = {
        name: getattr(cause.deployments[0], name)
        for name in DeploymentFacts.__dataclass_fields__
        if getattr(cause.deployments[0], name) != getattr(plain, name)
    }
    return (replace(effect.deployments[0], **changes),)

"""For each alert of the catalogue: facts in which its condition is true, and in which it is not.

A case makes facts from an instant and the number of bad looks before it (None = the condition is
not true). Its times say how long it takes to fire and to end by the catalogue.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from helpers_alerts import T0, decision, deployment, fleet, probe, subject, with_status

from autoscaler.core.alerting.facts import (
    ControlPlaneFacts,
    CredentialFacts,
    DeploymentFacts,
    FleetFacts,
    SpendFacts,
)
from autoscaler.core.model import Ask, Notice, Orders, Override, Pause
from autoscaler.core.policy import Policy
from autoscaler.core.snapshot import (
    ControlPlaneView,
    CostView,
    JobView,
    ReceiverView,
    SloView,
)
from autoscaler.core.words import FailureReason, Mode, Reason, Status

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
Make = Callable[[float, int | None], FleetFacts]


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


def one(at: float, **changes: Any) -> FleetFacts:
    return fleet(at, subject(at, **changes))


def status(bad: Status) -> Make:
    def make(at: float, looks: int | None) -> FleetFacts:
        seen = with_status(bad if looks is not None else Status.READY)
        return one(at, deployment=seen, confirmed_failed=looks is not None, status_since=T0 - HOUR)

    return make


def probing(failure: FailureReason, *, every: int = 1, **changes: Any) -> Make:
    """Probes that fail with this reason, each one or each `every`-th."""

    def make(at: float, looks: int | None) -> FleetFacts:
        word = failure if looks is not None and looks % every == 0 else None
        return one(at, probes=(probe(at, word),), **changes)

    return make


def noticing(kind: str) -> Make:
    def make(at: float, looks: int | None) -> FleetFacts:
        told = (Notice(kind=kind, because="it is so"),) if looks is not None else ()
        return one(at, notices=told)

    return make


def deciding(**changes: Any) -> Make:
    """A decision with these fields, and a policy with max 4 in advisory mode."""
    policy = changes.pop("policy", Policy(matched="chat-*", max_replicas=4))
    more = changes.pop("facts", {})

    def make(at: float, looks: int | None) -> FleetFacts:
        found = decision(at, **changes) if looks is not None else decision(at)
        return one(at, decision=found, policy=policy, **more)

    return make


def slo(name: str, *, rates: dict[str, float | None], left: float = 0.5) -> SloView:
    return SloView(
        slo=name,
        objective_ratio=0.98,
        threshold_seconds=None if name == "availability" else 1.0,
        events=2000,
        bad=30,
        budget_left_ratio=left,
        burn_rates=rates,
        bad_by_window=dict.fromkeys(rates, 30),
    )


CALM: dict[str, float | None] = dict.fromkeys(("5m", "30m", "1h", "2h", "6h", "1d", "3d"), 0.5)
FAST: dict[str, float | None] = {**CALM, "5m": 30.0, "1h": 20.0}
SLOW: dict[str, float | None] = {**CALM, "2h": 4.0, "1d": 3.5}


def burning(name: str, rates: dict[str, float | None]) -> Make:
    def make(at: float, looks: int | None) -> FleetFacts:
        views = (slo(name, rates=rates if looks is not None else CALM),)
        return one(at, slos=views, probes=(probe(at),))

    return make


def money(month: float, forecast: float) -> CostView:
    return CostView(
        currency="INR",
        per_hour=Decimal(192),
        total=Decimal(str(month)),
        today=Decimal(10),
        month_to_date=Decimal(str(month)),
        forecast_month_end=Decimal(str(forecast)),
        avoided_against_max=Decimal(0),
        while_not_ready=Decimal(0),
        gpu_seconds=Decimal(0),
        price_per_gpu_hour=Decimal("192.48"),
    )


def spending(bad: SpendFacts, good: SpendFacts) -> Make:
    def make(at: float, looks: int | None) -> FleetFacts:
        return fleet(at, spend=bad if looks is not None else good)

    return make


def spend(month: float, forecast: float, **more: Any) -> SpendFacts:
    return SpendFacts(cost=money(month, forecast), monthly_budget=1000.0, **more)


def plane(at: float, **changes: Any) -> ControlPlaneFacts:
    counts = {
        key: changes.pop(key) for key in ("requests", "errors", "auth_failures") if key in changes
    }
    view = ControlPlaneView(**({"last_success_at": at} | changes))
    return ControlPlaneFacts(view=view, **({"requests": 1} | counts))


def of_fleet(**bad: Callable[[float], Any]) -> Make:
    """Facts of the fleet that are bad in these fields."""

    def make(at: float, looks: int | None) -> FleetFacts:
        return fleet(
            at, **({key: build(at) for key, build in bad.items()} if looks is not None else {})
        )

    return make


def stale(at: float, looks: int | None) -> FleetFacts:
    return fleet(at, control_plane=plane(at, last_success_at=T0 if looks is not None else at))


def receiver(at: float, *, waiting: float | None, critical: bool) -> ReceiverView:
    oldest = None if waiting is None else at - waiting
    return ReceiverView(
        name="pager",
        kind="pagerduty",
        queued=0 if waiting is None else 2,
        oldest_at=oldest,
        dead_letters=0,
        circuit_open=waiting is not None,
        last_error="" if waiting is None else "answered 500",
        oldest_critical_at=oldest if critical else None,
    )


def failing_receiver(at: float, looks: int | None) -> FleetFacts:
    return fleet(
        at, receivers=(receiver(at, waiting=600 if looks is not None else None, critical=True),)
    )


def lagging(at: float, looks: int | None) -> FleetFacts:
    lag = 0.4 if looks is not None else 0.01
    job = JobView(
        name="decide", last_success_at=at, last_duration_seconds=0.1, failures=0, missed=0
    )
    return fleet(at, loop_lag_p99_seconds=lag, jobs=(job,))


def expiring(at: float, looks: int | None) -> FleetFacts:
    left = 3 * DAY if looks is not None else 90 * DAY
    return fleet(at, credentials=(CredentialFacts(name="inference_key", expires_at=at + left),))


def flapping(at: float, looks: int | None) -> FleetFacts:
    is_up = looks is None or looks % 2 == 0
    seen = deployment() if is_up else with_status(Status.INITIALIZING)
    return one(at, deployment=seen, decision=None, status_since=at)


def restarting(at: float, looks: int | None) -> FleetFacts:
    """The first bad look shows a session that is younger than the last."""
    began = at - 5.0 if looks == 0 else T0 - HOUR
    uptime = 5 if looks is not None else 7200 + int(at - T0)
    return one(at, deployment=deployment(uptime_seconds=uptime), status_since=began)


def thrashing(at: float, looks: int | None) -> FleetFacts:
    if looks is None:
        return one(at)
    up = looks % 2 == 0
    ask = 3 if up else 1
    return one(at, decision=decision(at, target=ask, ask=ask))


def scale_stuck(at: float, looks: int | None) -> FleetFacts:
    outcome = "accepted" if looks is not None else "settled"
    ask = Ask(count=4, from_count=2, asked_at=T0 - HOUR, outcome=outcome)
    return one(at, ask=ask)


def ordering(at: float, looks: int | None) -> FleetFacts:
    until = at + (600 if looks is not None else 7200)
    return one(at, orders=Orders(override=Override(replicas=3, until=until, by="ada")))


def refusing(at: float, looks: int | None) -> FleetFacts:
    why = "Its host changed from a.example to b.example." if looks is not None else ""
    return one(at, host_refused=why)


def certificate(at: float, looks: int | None) -> FleetFacts:
    left = 10 * DAY if looks is not None else 60 * DAY
    return one(at, probes=(probe(at),), cert_expires_at=at + left)


def lumps(at: float, looks: int | None) -> FleetFacts:
    return one(
        at, probes=(probe(at),), buffered_hint="A proxy buffers." if looks is not None else ""
    )


def capacity(at: float, looks: int | None) -> FleetFacts:
    return one(at, decision=decision(at, target=6), free_gpus=1 if looks is not None else 8)


def old_decision(at: float, looks: int | None) -> FleetFacts:
    return one(at, decision=decision(at - 300 if looks is not None else at))


def exhausted(at: float, looks: int | None) -> FleetFacts:
    views = (slo("ttft", rates=CALM, left=-0.2 if looks is not None else 0.3),)
    return one(at, slos=views, probes=(probe(at),))


def unreadable(at: float, looks: int | None) -> FleetFacts:
    items = ("Item 3 (chat-x): `replicas` is no number.",) if looks is not None else ()
    return fleet(at, control_plane=plane(at, invalid_items=items))


def erring(at: float, looks: int | None) -> FleetFacts:
    return fleet(at, control_plane=plane(at, requests=4, errors=1 if looks is not None else 0))


def idle(at: float, looks: int | None) -> FleetFacts:
    orders = Orders(pause=Pause(since=T0, until=None, by="ada"))
    found = decision(
        at, current=4, target=4, recommended=2 if looks is not None else 4, reason=Reason.PAUSED
    )
    return one(at, decision=found, orders=orders, policy=Policy(mode=Mode.ACTIVE))


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

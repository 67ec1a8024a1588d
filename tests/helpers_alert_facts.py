"""Facts in which one alert's condition is true, and in which it is not.

Each builder takes an instant and the number of bad looks before it (None = it is not true).
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from helpers_alerts import T0, decision, deployment, fleet, probe, subject, with_status

from autoscaler.core.alerting.facts import (
    ControlPlaneFacts,
    CredentialFacts,
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

"""One deployment as a row of the page's table: what to show, how to sort it, how bad it is.

Only a reading of the view: nothing here decides. Foreign texts are cut and made visible here; the
template escapes them.
"""

from dataclasses import dataclass

from autoscaler.core.model import Decision
from autoscaler.core.snapshot import Alert, AlertState, DeploymentView, Severity, SloView
from autoscaler.core.words import Mode, Status, Verdict
from autoscaler.web import formats
from autoscaler.web.gauges import need
from autoscaler.web.text import plain, sentence

TONES = {
    Status.READY: "good",
    Status.INITIALIZING: "busy",
    Status.FAILED: "bad",
    Status.TERMINATING: "busy",
    Status.UNKNOWN: "warn",
}
VERDICT_SIGNS = {Verdict.UP: "▲", Verdict.DOWN: "▼", Verdict.HOLD: "●", Verdict.BLIND: "◌"}
MOST_PIPS = 12
"""Replicas drawn one by one; more become a number alone."""
NEAR_SHARE = 0.8
"""Share of an SLO's threshold from which its latency is shown as near it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """A value against its limit, as text and as a bar."""

    text: str
    value: float
    """For sorting; below 0 = unknown."""
    limit: str
    share: float
    """Length of the bar, 0..100."""
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedBar:
    """The estimated count against the running one, on one scale."""

    text: str
    interval: str
    value: float
    low: float
    high: float
    at: float
    """Positions on a scale of 0..100: the interval, and the estimate."""
    have: float
    """Position of the running count."""
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionCell:
    """The last decision in a line."""

    sign: str
    verdict: str
    reason: str
    because: str
    at: float
    ago: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    id: str
    name: str
    model: str
    region: str
    status: str
    tone: str
    standing: str
    """What may happen to it: active, advisory, paused, pinned, watched only."""
    replicas: int
    wanted: int | None
    """Asked or target where it differs from the running count."""
    wanted_word: str
    bounds: str
    pips: tuple[str, ...]
    """`on`, `coming`, `going` or `free`, one a replica up to max; empty where too many."""
    ttft: Gauge
    itl: Gauge
    need: NeedBar | None
    cost: str
    cost_value: float
    decision: DecisionCell | None
    alerts: tuple[tuple[str, str], ...]
    """Severity and name of each firing alert."""
    alert_rank: int
    needs_attention: bool


def row_of(view: DeploymentView, now: float) -> Row:
    """Return the row of one deployment, shown at `now`."""
    deployment = view.deployment
    wanted, word = _wanted(view)
    alerts = tuple((alert.severity.value, plain(alert.name, 60)) for alert in firing(view.alerts))
    slos = {slo.slo: slo for slo in view.slos}
    ttft, itl = view.probe.ttft_p90, view.probe.itl_p90
    gauges = _gauge(ttft, slos.get("ttft")), _gauge(itl, slos.get("itl"))
    return Row(
        id=plain(deployment.id, 80),
        name=plain(deployment.name, 80),
        model=plain(deployment.model_name or deployment.model_id, 80),
        region=plain(deployment.region, 40),
        status=view.status.value,
        tone=TONES[view.status],
        standing=standing(view, now),
        replicas=deployment.replicas,
        wanted=wanted,
        wanted_word=word,
        bounds=_bounds(view),
        pips=_pips(view, wanted),
        ttft=gauges[0],
        itl=gauges[1],
        need=_need_bar(view),
        cost=_cost(view),
        cost_value=-1.0 if view.cost is None else float(view.cost.per_hour),
        decision=_decision(view.decision, now),
        alerts=alerts,
        alert_rank=sum({"critical": 100, "warning": 10}.get(severity, 1) for severity, _ in alerts),
        needs_attention=bool(alerts)
        or view.status is not Status.READY
        or any(gauge.tone == "bad" for gauge in gauges),
    )


def firing(alerts: tuple[Alert, ...]) -> list[Alert]:
    """Return the alerts that a person should see now; the watchdog is none."""
    return [
        alert
        for alert in alerts
        if alert.state is AlertState.FIRING
        and alert.severity is not Severity.NONE
        and alert.silenced_by is None
        and alert.inhibited_by is None
    ]


def standing(view: DeploymentView, now: float) -> str:
    """Return in a few words what the autoscaler may do with a deployment."""
    pause, override = view.orders.pause, view.orders.override
    if pause is not None:
        left = "" if pause.until is None else f", {formats.duration(pause.until - now)} left"
        return f"paused{left}"
    if override is not None:
        left = formats.duration(override.until - now)
        return f"held at {override.replicas}, {left} left"
    if not view.policy.is_managed:
        return "watched only"
    return "active" if view.policy.mode is Mode.ACTIVE else "advisory"


def _wanted(view: DeploymentView) -> tuple[int | None, str]:
    replicas = view.deployment.replicas
    if view.ask is not None and view.ask.is_open and view.ask.count != replicas:
        return view.ask.count, "asked"
    if view.decision is not None and view.decision.target != replicas:
        word = "target" if view.policy.may_scale else "advised"
        return view.decision.target, word
    return None, ""


def _bounds(view: DeploymentView) -> str:
    low, high = view.policy.min_replicas, view.policy.max_replicas
    if low is None and high is None:
        return "no bounds"
    return f"{1 if low is None else low} to {'∞' if high is None else high}"


def _pips(view: DeploymentView, wanted: int | None) -> tuple[str, ...]:
    have = view.deployment.replicas
    goal = have if wanted is None else wanted
    most = max(have, goal, view.policy.max_replicas or 0)
    if most > MOST_PIPS:
        return ()
    words = []
    for place in range(1, most + 1):
        if place <= min(have, goal):
            words.append("on")
        elif place <= have:
            words.append("going")
        else:
            words.append("coming" if place <= goal else "free")
    return tuple(words)


def _gauge(value: float | None, slo: SloView | None) -> Gauge:
    threshold = None if slo is None else slo.threshold_seconds
    if value is None:
        limit = "" if threshold is None else f"of {formats.seconds(threshold)}"
        return Gauge(text=formats.NOTHING, value=-1.0, limit=limit, share=0.0, tone="none")
    if not threshold:
        return Gauge(text=formats.seconds(value), value=value, limit="", share=0.0, tone="none")
    share = value / threshold
    tone = "bad" if share > 1 else "warn" if share > NEAR_SHARE else "good"
    return Gauge(
        text=formats.seconds(value),
        value=value,
        limit=f"of {formats.seconds(threshold)}",
        share=round(min(1.0, share) * 100, 1),
        tone=tone,
    )


def _need_bar(view: DeploymentView) -> NeedBar | None:
    counts = need(view)
    if "estimate" not in counts:
        return None
    have, value = view.deployment.replicas, counts["estimate"]
    low, high = counts.get("low", value), counts.get("high", value)
    full = max(1.0, have, high, view.policy.max_replicas or 0) * 1.05

    def place(count: float) -> float:
        return round(count / full * 100, 1)

    tone = "bad" if value > have else "warn" if high > have else "good"
    return NeedBar(
        text=f"{value:.1f}",
        interval=f"{low:.1f} to {high:.1f}" if high > low else "",
        value=value,
        low=place(low),
        high=place(high),
        at=place(value),
        have=place(have),
        tone=tone,
    )


def _cost(view: DeploymentView) -> str:
    if view.cost is None:
        return formats.NOTHING
    return formats.money(view.cost.per_hour, plain(view.cost.currency, 8))


def _decision(decision: Decision | None, now: float) -> DecisionCell | None:
    if decision is None:
        return None
    return DecisionCell(
        sign=VERDICT_SIGNS[decision.verdict],
        verdict=decision.verdict.value,
        reason=decision.reason.value,
        because=sentence(plain(decision.because, 200)),
        at=decision.at,
        ago=formats.duration(now - decision.at),
    )

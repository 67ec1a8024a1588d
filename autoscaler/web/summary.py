"""The top of the page: six figures of the fleet, and the sentences that a person must not miss."""

from collections import Counter
from dataclasses import dataclass

from autoscaler.core.snapshot import DeploymentView, Severity, Snapshot
from autoscaler.core.words import Mode, Status
from autoscaler.web import formats
from autoscaler.web.rows import TONES, firing
from autoscaler.web.text import plain

MOST_WARNINGS = 20
MOST_PROPOSALS = 8
STALE_SECONDS = 60.0
"""Age of the last list from which the card shows it as late: four polls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One figure."""

    title: str
    figure: str
    unit: str
    note: str
    tone: str
    shares: tuple[tuple[str, float, float], ...] = ()
    """Tone, start and length (0..100) of each part of a bar; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What advisory mode would have done."""

    deployment: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """What a person must know while nothing is scaled."""

    deployments: int
    proposals: tuple[Proposal, ...]
    more: int
    balance: str
    """What following the advice would have cost or saved; empty if unknown."""


def cards_of(snapshot: Snapshot) -> list[Card]:
    """Return the figures, most asked for first."""
    return [
        _deployments(snapshot),
        _replicas(snapshot),
        _money(snapshot),
        _budget(snapshot),
        _alerts(snapshot),
        _control_plane(snapshot),
    ]


def _deployments(snapshot: Snapshot) -> Card:
    counts = Counter(view.status for view in snapshot.deployments)
    total = len(snapshot.deployments)
    shares, start = [], 0.0
    for status in Status:
        length = counts[status] / total * 100 if total else 0.0
        if length:
            shares.append((TONES[status], round(start, 2), round(length, 2)))
        start += length
    rest = [f"{counts[status]} {status}" for status in Status if status is not Status.READY]
    notes = [text for text in rest if not text.startswith("0 ")]
    return Card(
        title="Ready",
        figure=str(counts[Status.READY]),
        unit=f"of {total}",
        note=", ".join(notes) or "all that there are",
        tone="bad" if counts[Status.FAILED] else "good",
        shares=tuple(shares),
    )


def _replicas(snapshot: Snapshot) -> Card:
    views = snapshot.deployments
    running = sum(view.deployment.replicas for view in views)
    gpus = sum(view.deployment.replicas * view.deployment.gpu_count for view in views)
    asks = [
        view.ask.count - view.deployment.replicas for view in views if view.ask and view.ask.is_open
    ]
    coming = sum(asks)
    note = f"{coming:+d} asked for".replace("-", "−") if coming else "nothing asked for"
    return Card(
        title="Replicas", figure=str(running), unit=f"on {gpus} GPUs", note=note, tone="none"
    )


def _money(snapshot: Snapshot) -> Card:
    cost = snapshot.fleet_cost
    if cost is None:
        return Card(
            title="Run rate", figure=formats.NOTHING, unit="", note="no price is known", tone="none"
        )
    currency = plain(cost.currency, 8)
    month = formats.money(cost.month_to_date, currency)
    forecast = formats.money(cost.forecast_month_end, currency)
    return Card(
        title="Run rate",
        figure=formats.money(cost.per_hour, currency),
        unit="an hour",
        note=f"{month} this month, {forecast} by its end",
        tone="none",
    )


def _budget(snapshot: Snapshot) -> Card:
    left = [
        (slo.budget_left_ratio, view.deployment.name, slo.slo)
        for view in snapshot.deployments
        for slo in view.slos
        if slo.budget_left_ratio is not None
    ]
    if not left:
        return Card(
            title="Error budget", figure=formats.NOTHING, unit="", note="nothing counted yet",
            tone="none",
        )  # fmt: skip
    ratio, name, slo = min(left)
    return Card(
        title="Least error budget",
        figure=formats.percent(ratio),
        unit="left",
        note=f"{slo} of {plain(name, 40)}",
        tone="bad" if ratio <= 0 else "warn" if ratio < 0.25 else "good",
    )


def _alerts(snapshot: Snapshot) -> Card:
    open_alerts = firing(snapshot.alerts)
    critical = sum(alert.severity is Severity.CRITICAL for alert in open_alerts)
    names = Counter(plain(alert.name, 40) for alert in open_alerts)
    return Card(
        title="Alerts",
        figure=str(len(open_alerts)),
        unit=f"firing, {critical} critical" if critical else "firing",
        note=", ".join(list(names)[:2]) or "nothing fires",
        tone="bad" if critical else "warn" if open_alerts else "good",
    )


def _control_plane(snapshot: Snapshot) -> Card:
    plane = snapshot.control_plane
    if plane.last_success_at is None:
        return Card(
            title="Platform seen", figure="never", unit="", note=plain(plane.last_error, 80),
            tone="bad",
        )  # fmt: skip
    age = snapshot.at - plane.last_success_at
    bad = plane.is_stale or age > STALE_SECONDS
    return Card(
        title="Platform seen",
        figure=formats.duration(age),
        unit="ago",
        note=plain(plane.last_error, 80) if bad and plane.last_error else "answers",
        tone="bad" if bad else "good",
    )


def advisory_of(snapshot: Snapshot) -> Advisory | None:
    """Return what to say while at least one deployment is only advised; None if none is."""
    advised = [view for view in snapshot.deployments if view.policy.mode is Mode.ADVISORY]
    if not advised:
        return None
    proposals = [proposal for view in advised if (proposal := _proposal(view)) is not None]
    return Advisory(
        deployments=len(advised),
        proposals=tuple(proposals[:MOST_PROPOSALS]),
        more=max(0, len(proposals) - MOST_PROPOSALS),
        balance=_balance(advised),
    )


def _proposal(view: DeploymentView) -> Proposal | None:
    decision = view.decision
    if decision is None or decision.target == view.deployment.replicas:
        return None
    return Proposal(
        deployment=plain(view.deployment.name, 80),
        text=f"{view.deployment.replicas} → {decision.target}: {plain(decision.because, 160)}",
    )


def _balance(views: list[DeploymentView]) -> str:
    amounts = [view.shadow_cost for view in views if view.shadow_cost is not None]
    currencies = {view.cost.currency for view in views if view.cost is not None}
    if not amounts or len(currencies) != 1:
        return ""
    total, currency = sum(amounts), plain(currencies.pop(), 8)
    if total == 0:
        return ""
    word = "saved" if total < 0 else "cost"
    return f"Following it since the start would have {word} {formats.money(abs(total), currency)}."


def warnings_of(snapshot: Snapshot) -> list[str]:
    """Return the sentences to show on top, the worst first, bounded."""
    own = []
    if snapshot.control_plane.is_stale:
        error = plain(snapshot.control_plane.last_error, 160)
        own.append(
            f"The platform cannot be read: {error or 'no answer'}. Nothing is scaled blindly."
        )
    own += [plain(item) for item in snapshot.control_plane.invalid_items]
    own += [plain(warning) for warning in snapshot.warnings]
    if len(own) <= MOST_WARNINGS:
        return own
    return [*own[:MOST_WARNINGS], f"… and {len(own) - MOST_WARNINGS} more in the log."]

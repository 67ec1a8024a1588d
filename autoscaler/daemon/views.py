"""Builds the frozen Snapshot: the one picture that page, metrics, API and CLI read.

A picture of a large fleet takes a while, in which others get their turns: each deployment in it is
of one instant, but the last may be a few milliseconds younger than the first.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import takewhile

from autoscaler.core import slo, uptime
from autoscaler.core.snapshot import (
    Alert,
    ControlPlaneView,
    DeploymentView,
    ProbeView,
    Silence,
    Snapshot,
)
from autoscaler.core.words import Mode, Status
from autoscaler.daemon import accounts, warnings
from autoscaler.daemon.scene import Scene
from autoscaler.daemon.watched import Watched

RECENT_SECONDS = 600.0
"""Probes that quantiles and the success ratio are taken over: 20 at the slowest usual pace."""
BREATH = 50
"""Deployments (a few milliseconds) after which others get a turn."""
PRICES_SECONDS = 60.0
"""Without an answer from the inventory, prices are called unknown only so long after the start:
its read and that of the list begin together, and it has its retries.
"""


async def take_picture(
    scene: Scene, *, now: float, alerts: tuple[Alert, ...], silences: tuple[Silence, ...]
) -> Snapshot:
    """Take the picture."""
    config, fleet = scene.live.config, scene.fleet
    seen = fleet.control_plane.view(
        now,
        since=scene.started_at,
        poll_seconds=config.discover_seconds,
        expires_at=scene.parts.cloud.credential_expires_at(),
    )
    own = _by_deployment(alerts)
    views = []
    for number, watched in enumerate(list(fleet), start=1):
        views.append(_deployment_view(scene, watched, now, control_plane=seen, alerts=own))
        if number % BREATH == 0:
            await asyncio.sleep(0)
    return Snapshot(
        at=now,
        started_at=scene.started_at,
        version=config.version,
        mode=(Mode.ACTIVE if any(v.policy.may_scale for v in views) else Mode.ADVISORY).value,
        control_plane=seen,
        deployments=tuple(views),
        alerts=alerts,
        silences=silences,
        jobs=scene.board.views(),
        receivers=scene.parts.notifier.receivers(),
        fleet_cost=accounts.fleet_view(fleet.ever(), at=now, book=scene.book),
        loop_lag_p99_seconds=scene.parts.loop_lag(),
        fleet_budget=config.fleet_budget,
        prices_refreshed_at=fleet.inventory_at if fleet.inventory else None,
        warnings=_warnings(scene, views, now),
    )


def probe_view(watched: Watched, *, now: float, interval: float | None, hint: str) -> ProbeView:
    """Return what the recent probes of one deployment look like."""
    newest = list(takewhile(lambda p: p.ended_at > now - RECENT_SECONDS, reversed(watched.recent)))
    window = [p for p in newest if p.counts]
    ttft = sorted(p.ttft_seconds for p in window if p.ttft_seconds is not None)
    itl = sorted(p.itl_seconds for p in window if p.itl_seconds is not None)
    return ProbeView(
        last=next(reversed(watched.recent), None),
        last_success=next((p for p in reversed(watched.recent) if p.ok), None),
        last_failure=next((p for p in reversed(watched.recent) if not p.ok), None),
        ttft_p50=_quantile(ttft, 0.5),
        ttft_p90=_quantile(ttft, 0.9),
        itl_p50=_quantile(itl, 0.5),
        itl_p90=_quantile(itl, 0.9),
        success_ratio=sum(p.ok for p in window) / len(window) if window else None,
        inflight_since=min(watched.inflight.values(), default=None),
        interval_seconds=interval,
        buffered_hint=hint,
    )


def _deployment_view(
    scene: Scene,
    watched: Watched,
    now: float,
    *,
    control_plane: ControlPlaneView,
    alerts: Mapping[str, Sequence[Alert]],
) -> DeploymentView:
    deployment, parts = watched.deployment, scene.parts
    policy = scene.live.config.policy_for(deployment)
    slos = scene.probing.objectives(watched, now)
    events = next((v for v in slos if v.slo == slo.AVAILABILITY and v.events), None)
    shadow = watched.state.shadow
    return DeploymentView(
        deployment=deployment,
        status=Status.UNKNOWN if control_plane.is_stale else deployment.status,
        seen_at=watched.sighting.read_at,
        policy=policy,
        orders=watched.orders,
        ask=watched.ask,
        decision=watched.decision,
        shadow_replicas=None if shadow is None else shadow.replicas,
        shadow_cost=_money(shadow.cost_more) if shadow is not None and shadow.priced else None,
        probe=probe_view(
            watched,
            now=now,
            interval=parts.plan.interval_seconds(watched.id),
            hint=parts.prober.hint(watched.id),
        ),
        uptime=uptime.view(
            watched.uptime,
            uptime_seconds=deployment.uptime_seconds,
            availability_ratio=None if events is None else 1.0 - events.bad / events.events,
        ),
        slos=slos,
        cost=accounts.view(watched, at=now, book=scene.book),
        alerts=tuple(alerts.get(watched.name, ())),
    )


def _warnings(scene: Scene, views: Iterable[DeploymentView], now: float) -> tuple[str, ...]:
    told = [*scene.warnings, *scene.live.config.warnings]
    for view in views:
        told += warnings.about_deployment(view.deployment, view.policy)
    if scene.fleet.inventory_at is not None or now - scene.started_at >= PRICES_SECONDS:
        told += warnings.about_prices(scene.fleet, scene.book, now)
    return tuple(told)


def _by_deployment(alerts: Iterable[Alert]) -> Mapping[str, Sequence[Alert]]:
    found = defaultdict(list)
    for alert in alerts:
        found[alert.deployment].append(alert)
    return found


def _quantile(ordered: Sequence[float], q: float) -> float | None:
    """Return the nearest-rank quantile of sorted values; None if there are none."""
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else None


def _money(value: float) -> Decimal:
    return Decimal(str(round(value, 4)))

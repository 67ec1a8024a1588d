"""Gathers what the alert engine judges, from what the daemon has anyway."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from autoscaler.core.alerting.facts import (
    ControlPlaneFacts,
    CredentialFacts,
    DeploymentFacts,
    FleetFacts,
    SpendFacts,
)
from autoscaler.core.charging import Ledger
from autoscaler.core.snapshot import CostView
from autoscaler.daemon import accounts
from autoscaler.daemon.scene import Scene
from autoscaler.daemon.watched import Watched

COMPLETE_LISTS = 2
"""Complete lists in a row that name everything that exists (SEMANTICS 4)."""
BREATH = 10
"""Deployments whose facts are gathered (a few milliseconds) before others get a turn."""
SPEND_DAYS = 7
"""Days whose mean spend the last day is compared with."""


@dataclass(slots=True)
class Reloads:
    """What became of the last reload."""

    failed_at: float | None = None
    """Instant of a reload that was refused; None = the last one was not."""
    error: str = ""
    """Why it was refused."""


class Evidence:
    """What was seen since the last look at the alerts."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._is_offline: bool | None = None
        self.reloads = Reloads()

    async def look_at_canaries(self) -> None:
        """Ask the canaries whether it is our own network that is lost."""
        if self._scene.parts.is_offline is not None:
            self._is_offline = await self._scene.parts.is_offline()

    async def gather(self, now: float) -> FleetFacts:
        """Return what was seen since the last look, and leave it to no other."""
        config, fleet = self._scene.live.config, self._scene.fleet
        control_plane = self._control_plane(now)
        fleet.control_plane.requests = fleet.control_plane.errors = 0
        departed = list(fleet.departed)
        fleet.departed.clear()
        refused = {r.deployment_id: r.because for r in self._scene.parts.prober.refusals()}
        present = []
        for number, watched in enumerate(list(fleet), start=1):
            present.append(self._deployment(watched, now, refused=refused.get(watched.id, "")))
            watched.unseen_by_alerts.clear()
            if number % BREATH == 0:
                await asyncio.sleep(0)
        gone = [self._deployment(w, now, refused="") for w in departed]
        return FleetFacts(
            at=now,
            project=config.project,
            control_plane=control_plane,
            complete=fleet.control_plane.complete_lists >= COMPLETE_LISTS,
            deployments=(*present, *gone),
            poll_seconds=config.discover_seconds,
            decide_seconds=config.decide_seconds,
            self_offline=self._is_offline,
            receivers=self._scene.parts.notifier.receivers(),
            jobs=self._scene.board.views(),
            loop_lag_p99_seconds=self._scene.parts.loop_lag(),
            credentials=self._credentials(),
            spend=self._fleet_spend(now),
            price_refreshed_at=fleet.inventory_at if fleet.inventory else None,
            reload_failed_at=self.reloads.failed_at,
            reload_error=self.reloads.error,
        )

    def _deployment(self, watched: Watched, now: float, *, refused: str) -> DeploymentFacts:
        policy = self._scene.live.policy_for(watched.deployment)
        view = accounts.view(watched, at=now, book=self._scene.book)
        newest = reversed(watched.recent)
        expiries = (p.cert_expires_at for p in newest if p.cert_expires_at is not None)
        return DeploymentFacts(
            deployment=watched.deployment,
            seen_at=watched.sighting.read_at,
            status_since=watched.uptime.since,
            confirmed_failed=watched.sighting.confirmed_failed,
            gone=watched.sighting.gone_at is not None,
            settling=watched.is_settling(now, policy),
            probes=tuple(watched.unseen_by_alerts),
            policy=policy,
            orders=watched.orders,
            ask=watched.ask,
            decision=watched.decision,
            notices=watched.notices,
            scale_failures=watched.sighting.scale_failures,
            slos=self._scene.probing.objectives(watched, now),
            cert_expires_at=next(expiries, None),
            spend=self._spend([watched.ledger], view, now=now),
            free_gpus=self._scene.fleet.free_gpus(watched.deployment),
            host_refused=refused,
            buffered_hint=self._scene.parts.prober.hint(watched.id),
        )

    def _control_plane(self, now: float) -> ControlPlaneFacts:
        seen = self._scene.fleet.control_plane
        return ControlPlaneFacts(
            view=seen.view(
                now,
                since=self._scene.started_at,
                poll_seconds=self._scene.live.config.discover_seconds,
                expires_at=self._scene.parts.cloud.credential_expires_at(),
            ),
            requests=seen.requests,
            errors=seen.errors,
            auth_failures=seen.auth_failures,
        )

    def _credentials(self) -> tuple[CredentialFacts, ...]:
        expires_at = self._scene.parts.cloud.credential_expires_at()
        if expires_at is None:
            return ()
        return (
            CredentialFacts(
                name="access_token",
                expires_at=expires_at,
                lifetime_seconds=self._scene.parts.cloud.credential_lifetime_seconds(),
                renews_itself=self._scene.live.config.credential_renews,
                refresh_failed=self._scene.fleet.control_plane.auth_failures > 0,
            ),
        )

    def _fleet_spend(self, now: float) -> SpendFacts:
        ever = self._scene.fleet.ever()
        view = accounts.fleet_view(ever, at=now, book=self._scene.book)
        ledgers = [watched.ledger for watched in ever]
        return self._spend(ledgers, view, now=now, budget=self._scene.live.config.fleet_budget)

    def _spend(
        self,
        ledgers: Sequence[Ledger],
        view: CostView | None,
        *,
        now: float,
        budget: float | None = None,
    ) -> SpendFacts:
        days = [_past_day(ledgers, now, back) for back in range(1, SPEND_DAYS + 2)]
        whole = [day for day in days if day is not None]
        full = len(whole) == SPEND_DAYS + 1
        return SpendFacts(
            cost=view,
            monthly_budget=budget,
            last_day=whole[0] if full else None,
            daily_mean=sum(whole[1:]) / SPEND_DAYS if full else None,
        )


def _past_day(ledgers: Sequence[Ledger], now: float, back: int) -> float | None:
    """Return the money of the whole UTC day that lies `back` days before now's; None = no entry."""
    day = (datetime.fromtimestamp(now, UTC) - timedelta(days=back)).strftime("%Y-%m-%d")
    entries = [ledger.days[day].cost for ledger in ledgers if day in ledger.days]
    return float(sum(entries)) if entries else None

"""A Console that satisfies the Protocol without a daemon: it shows a fleet and keeps orders."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from helpers_web_day import NOW, decisions_of, history_of
from helpers_web_fleet import snapshot_of

from autoscaler.core.codec import encode
from autoscaler.core.model import Json, Orders, Override, Pause
from autoscaler.core.snapshot import HistoryPoint, Snapshot
from autoscaler.ports import Denied
from autoscaler.web import MeterConfig, PrometheusMeter

TOKEN = "adm-secret-token"


class FakeConsole:
    """What a running daemon answers, over a fixed fleet."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self.picture: Snapshot | None = snapshot_of(10) if snapshot is None else snapshot
        self.healthy = (True, "")
        self.ready = (True, "")
        self.calls: list[tuple[str, ...]] = []
        self.reload_fault: str | None = None

    def snapshot(self) -> Snapshot | None:
        return self.picture

    def history(self, deployment: str, *, since: float) -> list[HistoryPoint]:
        return history_of(self._index(deployment), since=since)

    def decisions(
        self, deployment: str, *, at: float | None = None, limit: int = 100
    ) -> list[dict[str, Json]]:
        found = decisions_of(self._index(deployment))
        if at is not None:
            found = [decision for decision in found if decision.at <= at]
        rows = [encode(decision) for decision in found[:limit]]
        return [row for row in rows if isinstance(row, dict)]

    def pause(self, deployment: str, *, by: str, reason: str, seconds: float | None) -> None:
        until = None if seconds is None else NOW + seconds
        self._order(deployment, Orders(pause=Pause(since=NOW, until=until, by=by, reason=reason)))
        self.calls.append(("pause", deployment, by, reason))

    def resume(self, deployment: str, *, by: str) -> None:
        self._order(deployment, Orders())
        self.calls.append(("resume", deployment, by))

    def override(
        self, deployment: str, *, replicas: int, seconds: float, by: str, reason: str
    ) -> None:
        if replicas > 6:
            raise Denied(f"{deployment}: {replicas} replicas are above max 6. Raise max first.")
        order = Override(replicas=replicas, until=NOW + seconds, by=by, reason=reason)
        self._order(deployment, Orders(override=order))
        self.calls.append(("override", deployment, str(replicas), str(seconds), by))

    def accept_endpoint(self, deployment: str, *, address: str, by: str, reason: str) -> None:
        self._index(deployment)
        if not address.startswith("new."):
            raise Denied(f"The endpoint of {deployment} is not at {address}.")
        self.calls.append(("accept_endpoint", deployment, address, by, reason))

    async def probe_now(self, deployment: str, *, debug: bool = False) -> dict[str, Json]:
        await asyncio.sleep(0)
        self.calls.append(("probe", deployment, str(debug)))
        return {"ok": True, "ttft_seconds": 0.14, "itl_seconds": 0.018, "deployment": deployment}

    def silence(self, *, matchers: Sequence[str], seconds: float, by: str, reason: str) -> str:
        self.calls.append(("silence", *matchers, str(seconds), by))
        return "s-2"

    def unsilence(self, silence_id: str) -> None:
        if silence_id != "s-1":
            raise Denied(f"no silence {silence_id}. GET /api/v1/silences lists them.")
        self.calls.append(("unsilence", silence_id))

    async def test_alert(self, *, receiver: str | None, event: str) -> list[dict[str, Json]]:
        await asyncio.sleep(0)
        self.calls.append(("test_alert", str(receiver), event))
        return [{"receiver": "hook", "ok": True, "status": 200}]

    async def reload(self) -> str:
        await asyncio.sleep(0)
        if self.reload_fault:
            raise Denied(self.reload_fault)
        return "nothing changed"

    def costs(self, *, month: str | None) -> list[dict[str, Json]]:
        return [
            {"deployment": "chat-frontdoor", "day": f"{month or '2026-11'}-01", "cost": "59.76"}
        ]

    def uptimes(self, *, month: str | None) -> list[dict[str, Json]]:
        return [{"deployment": "chat-frontdoor", "report": {"month": month or "2026-11"}}]

    def is_healthy(self) -> tuple[bool, str]:
        return self.healthy

    def is_ready(self) -> tuple[bool, str]:
        return self.ready

    def _index(self, deployment: str) -> int:
        for view in () if self.picture is None else self.picture.deployments:
            if deployment in {view.deployment.id, view.deployment.name}:
                return int(view.deployment.id.rsplit("-", 1)[1])
        raise Denied(f"no deployment {deployment}")

    def _order(self, deployment: str, orders: Orders) -> None:
        self._index(deployment)
        if self.picture is None:
            return
        views = tuple(
            replace(view, orders=orders)
            if deployment in {view.deployment.id, view.deployment.name}
            else view
            for view in self.picture.deployments
        )
        self.picture = replace(self.picture, deployments=views, at=self.picture.at + 1)


def meter_at(now: float = NOW, **settings: float) -> PrometheusMeter:
    """A meter with a clock that stands still."""
    return PrometheusMeter(MeterConfig(**settings), clock=lambda: now)  # type: ignore[arg-type]  # floats and ints by name

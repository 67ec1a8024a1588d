"""Keeps the picture that everybody reads up to date."""

import asyncio
from dataclasses import dataclass

import structlog

from autoscaler.core.snapshot import Snapshot
from autoscaler.daemon.alerts import AlertDesk
from autoscaler.daemon.scene import Scene
from autoscaler.daemon.views import take_picture

log = structlog.get_logger()


@dataclass(slots=True)
class Showing:
    """What the daemon shows at present."""

    snapshot: Snapshot | None = None
    """None before the first tick."""
    is_draining: bool = False


class Picture:
    """Takes a new picture when something changed; one at a time, so that none is older than the one
    it replaces.
    """

    def __init__(self, scene: Scene, desk: AlertDesk, showing: Showing) -> None:
        self._scene = scene
        self._desk = desk
        self._showing = showing
        self._told: set[str] = set()
        self._taking = asyncio.Lock()
        self._is_stale = False

    async def renew(self) -> None:
        """Replace it. Who waits while one is being taken shares the next."""
        self._is_stale = True
        async with self._taking:
            if self._is_stale:
                self._is_stale = False
                await self._take()

    async def _take(self) -> None:
        now = self._scene.parts.clock.now()
        silences = tuple(s for s in self._desk.state.silences if s.ends_at > now)
        picture = await take_picture(
            self._scene, now=now, alerts=self._desk.alerts, silences=silences
        )
        self._showing.snapshot = picture
        for sentence in picture.warnings:
            if sentence not in self._told:
                self._told.add(sentence)
                log.warning("attention", because=sentence)

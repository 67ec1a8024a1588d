"""The outbound sign of life: a dead man's switch alerts when it stops.

It is sent only while the given check says that the loops are healthy, so a daemon that hangs, or
that sees nothing, falls silent and is missed. A sign that does not get through is not repeated: the
next one comes soon, and its absence is the message.
"""

from collections.abc import Callable

import structlog

from autoscaler.notify.config import HeartbeatConfig
from autoscaler.notify.http import Http, ask
from autoscaler.notify.receiver import NotDelivered
from autoscaler.ports import Clock

log = structlog.get_logger("neevscale.notify")


class Heartbeat:
    """Sends one sign each `every_seconds`, however often it is called."""

    def __init__(
        self, config: HeartbeatConfig, http: Http, clock: Clock, *, healthy: Callable[[], bool]
    ) -> None:
        self._config = config
        self._http = http
        self._clock = clock
        self._healthy = healthy
        self._next_at = float("-inf")

    async def beat_once(self) -> bool:
        """Send the sign if it is due and the loops are healthy; return whether it was taken."""
        now = self._clock.monotonic()
        if now < self._next_at or not self._healthy():
            return False
        self._next_at = now + self._config.every_seconds
        try:
            reply = await self._http.post(
                ask(self._config.url),
                b"ok",
                headers={"Content-Type": "text/plain"},
                options=self._config.http,
            )
        except NotDelivered as fault:
            log.warning("heartbeat_failed", error=str(fault))
            return False
        if not reply.ok:
            log.warning("heartbeat_failed", error=f"answered {reply.status}")
        return reply.ok

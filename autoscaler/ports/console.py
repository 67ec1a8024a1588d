"""What may be asked of a running daemon from outside."""

from collections.abc import Sequence
from typing import Protocol

from autoscaler.core.model import Json
from autoscaler.core.snapshot import HistoryPoint, Snapshot


class Denied(Exception):
    """A console call that cannot be carried out; the text says why and what to do."""


class Console(Protocol):
    """What the web server and the CLI may ask of a running daemon. Names are deployment names or
    ids.
    """

    def snapshot(self) -> Snapshot | None:
        """The latest picture; None before the first tick."""
        ...

    def history(self, deployment: str, *, since: float) -> list[HistoryPoint]:
        """Minutes of one deployment, oldest first."""
        ...

    def decisions(
        self, deployment: str, *, at: float | None = None, limit: int = 100
    ) -> list[dict[str, Json]]:
        """Decisions as JSON, newest first; with `at`, the one in force then first."""
        ...

    def pause(self, deployment: str, *, by: str, reason: str, seconds: float | None) -> None:
        """Stop scaling one deployment. Raises Denied."""
        ...

    def resume(self, deployment: str, *, by: str) -> None:
        """End pause and override. Raises Denied."""
        ...

    def override(
        self, deployment: str, *, replicas: int, seconds: float, by: str, reason: str
    ) -> None:
        """Hold a count until it expires. Raises Denied."""
        ...

    def accept_endpoint(self, deployment: str, *, address: str, by: str, reason: str) -> None:
        """Trust the `host:port` to which a deployment's endpoint has moved. Raises Denied."""
        ...

    async def probe_now(self, deployment: str, *, debug: bool = False) -> dict[str, Json]:
        """Probe once, now; with `debug`, the whole story of that probe. Raises Denied."""
        ...

    def silence(self, *, matchers: Sequence[str], seconds: float, by: str, reason: str) -> str:
        """Add a silence and return its id. Raises Denied."""
        ...

    def unsilence(self, silence_id: str) -> None:
        """Expire a silence. Raises Denied."""
        ...

    async def test_alert(self, *, receiver: str | None, event: str) -> list[dict[str, Json]]:
        """Send a test notification and return what each receiver answered. Raises Denied."""
        ...

    async def reload(self) -> str:
        """Validate the configuration, then swap it in; returns what changed. Raises Denied: the old
        one stays.
        """
        ...

    def costs(self, *, month: str | None) -> list[dict[str, Json]]:
        """Cost rows per deployment and day, money as decimal strings; `month` is YYYY-MM."""
        ...

    def uptimes(self, *, month: str | None) -> list[dict[str, Json]]:
        """One report per deployment on a month (YYYY-MM) against the platform's SLA."""
        ...

    def is_healthy(self) -> tuple[bool, str]:
        """Liveness: whether the loops progress, and why not."""
        ...

    def is_ready(self) -> tuple[bool, str]:
        """Readiness: configuration loaded, store open, first list done or grace over."""
        ...

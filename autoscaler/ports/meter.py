"""Counters of what happens."""

from collections.abc import Mapping
from typing import Protocol

from autoscaler.core.model import Decision, ProbeResult


class Meter(Protocol):
    """Counters, incremented where events happen. Labels are bounded; names live in the exporter."""

    def probe(self, deployment: str, result: ProbeResult, *, slo_bad: Mapping[str, bool]) -> None:
        """One finished probe; `slo_bad` maps each objective it counts for to whether it was bad."""
        ...

    def probe_skipped(self, deployment: str, reason: str) -> None:
        """A due probe that was not sent: overlap, not_ready, maintenance, self_offline, shutdown,
        late.
        """
        ...

    def schedule_lag(self, seconds: float) -> None:
        """Intended against actual start of one probe."""
        ...

    def decision(self, decision: Decision) -> None:
        """One evaluation."""
        ...

    def scale_call(self, deployment: str, *, direction: str, result: str) -> None:
        """One scale call: direction up or down; result ok, rejected, timeout, error."""
        ...

    def scale_settled(self, direction: str, seconds: float) -> None:
        """Seconds from an accepted ask to replicas reached and ready."""
        ...

    def status_transition(self, deployment: str, before: str, after: str) -> None:
        """One change of status seen."""
        ...

    def controlplane_request(self, operation: str, code: str, seconds: float) -> None:
        """One HTTP request to the control plane; code is the status or timeout, network."""
        ...

    def alert_transition(self, name: str, severity: str, to: str) -> None:
        """One alert that began to fire or was resolved."""
        ...

    def notification(
        self, receiver: str, event: str, *, failure: str | None, seconds: float
    ) -> None:
        """One attempt to notify; `failure` None = delivered, `seconds` since the state change."""
        ...

    def job(self, name: str, seconds: float, *, failed: bool) -> None:
        """One run of a periodic job."""
        ...

    def job_missed(self, name: str) -> None:
        """One run that was skipped because the last still ran, or came too late."""
        ...

    def state_write_failed(self) -> None:
        """One write of the state that failed."""
        ...

    def loop_lag(self, seconds: float) -> None:
        """One sample of the event loop's lag."""
        ...

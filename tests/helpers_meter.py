"""A meter that counts calls."""

from collections.abc import Mapping

from autoscaler.core.model import Decision, ProbeResult


class CountingMeter:
    """Counts by name; knows every call of the Meter."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, ...], int] = {}

    def _add(self, *key: str) -> None:
        self.counts[key] = self.counts.get(key, 0) + 1

    def total(self, *key: str) -> int:
        """Sum over all counts whose key begins so."""
        return sum(n for k, n in self.counts.items() if k[: len(key)] == key)

    def probe(self, deployment: str, result: ProbeResult, *, slo_bad: Mapping[str, bool]) -> None:
        self._add("probe", deployment, "ok" if result.ok else str(result.failure))

    def probe_skipped(self, deployment: str, reason: str) -> None:
        self._add("probe_skipped", deployment, reason)

    def schedule_lag(self, seconds: float) -> None:
        self._add("schedule_lag")

    def decision(self, decision: Decision) -> None:
        self._add("decision", decision.deployment, decision.verdict, decision.reason)

    def scale_call(self, deployment: str, *, direction: str, result: str) -> None:
        self._add("scale_call", deployment, direction, result)

    def scale_settled(self, direction: str, seconds: float) -> None:
        self._add("scale_settled", direction)

    def status_transition(self, deployment: str, before: str, after: str) -> None:
        self._add("status_transition", deployment, before, after)

    def controlplane_request(self, operation: str, code: str, seconds: float) -> None:
        self._add("controlplane_request", operation, code)

    def alert_transition(self, name: str, severity: str, to: str) -> None:
        self._add("alert_transition", name, severity, to)

    def notification(
        self, receiver: str, event: str, *, failure: str | None, seconds: float
    ) -> None:
        self._add("notification", receiver, event, failure or "")

    def job(self, name: str, seconds: float, *, failed: bool) -> None:
        self._add("job", name, "failed" if failed else "ok")

    def job_missed(self, name: str) -> None:
        self._add("job_missed", name)

    def state_write_failed(self) -> None:
        self._add("state_write_failed")

    def loop_lag(self, seconds: float) -> None:
        self._add("loop_lag")

"""The counters of the daemon, incremented where events happen; satisfies `ports.Meter`.

It counts and nothing else: no metric is read back to decide. Labels outside their declared sets
count as `other`, deployments beyond the limit as `_overflow`: nothing grows without bound.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

from autoscaler.core.model import Decision, ProbeResult
from autoscaler.web.catalogue import BY_NAME
from autoscaler.web.config import MeterConfig
from autoscaler.web.metric import Kind, Metric
from autoscaler.web.precreate import Precreated
from autoscaler.web.series import Counter, Histogram

OVERFLOW = "_overflow"
EXEMPLAR = "probe_id"

_OWN_EDGES = {
    "neevscale_probe_time_to_first_token_seconds": "ttft_edges",
    "neevscale_probe_time_to_first_content_token_seconds": "ttft_edges",
    "neevscale_probe_inter_token_latency_seconds": "itl_edges",
}


class PrometheusMeter:
    """All counters and histograms of one daemon, by the names of the catalogue."""

    def __init__(
        self, config: MeterConfig | None = None, *, clock: Callable[[], float] = lambda: 0.0
    ) -> None:
        """`clock` returns seconds since the epoch; the daemon passes its own."""
        self.config = config or MeterConfig()
        self._clock = clock
        metrics = [_with_edges(metric, self.config) for metric in BY_NAME.values()]
        self.counters = {m.name: Counter(m) for m in metrics if m.kind is Kind.COUNTER}
        self.histograms = {m.name: Histogram(m) for m in metrics if m.kind is Kind.HISTOGRAM}
        self.last_scale: dict[tuple[str, str], float] = {}
        self.last_request: dict[str, float] = {}
        self.reload_ok = True
        self.reloaded_at = clock()
        self._known: set[str] = set()
        self._gone: dict[str, float] = {}
        self._receivers: set[str] = set()
        self._precreated = Precreated(self.counters, self.histograms)
        self._precreated.fleet()

    def sync(self, deployments: Iterable[str], receivers: Iterable[str] = ()) -> None:
        """Take in which deployments and receivers exist: new ones begin at 0, gone deployments keep
        their counters for the tombstone and then leave. Called before each exposition.
        """
        for name in set(receivers) - self._receivers:
            self._receivers.add(name)
            self._precreated.receiver(name)
        now, present = self._clock(), set(deployments)
        for name in sorted(present - self._known):
            self._admit(name)
        for name in self._known - present:
            self._gone.setdefault(name, now)
        for name in self._known & present:
            self._gone.pop(name, None)
        for name, since in list(self._gone.items()):
            if now - since >= self.config.tombstone_seconds:
                self._forget(name)

    def probe(self, deployment: str, result: ProbeResult, *, slo_bad: Mapping[str, bool]) -> None:
        """One finished probe; see `ports.Meter`."""
        name = self._name(deployment)
        for slo, bad in slo_bad.items():
            self._count("probe_slo_bad_total", name, slo, amount=float(bad))
            self._count("probe_slo_events_total", name, slo)
        for reason in result.untrusted:
            self._count("probe_untrusted_total", name, reason)
        self._count_tokens(name, result)
        if not result.counts:
            return
        self._count("probes_total", name, result.profile)
        if result.failure is not None:
            self._count("probe_failures_total", name, result.profile, result.failure)
        self._observe_latencies(name, result)

    def probe_skipped(self, deployment: str, reason: str) -> None:
        """A due probe that was not sent."""
        self._count("probe_skipped_total", self._name(deployment), reason)

    def schedule_lag(self, seconds: float) -> None:
        """How late one probe started."""
        self._observe("probe_schedule_lag_seconds", value=seconds)

    def decision(self, decision: Decision) -> None:
        """One evaluation."""
        name = self._name(decision.deployment)
        self._count("autoscaler_decisions_total", name, decision.verdict, decision.reason)

    def scale_call(self, deployment: str, *, direction: str, result: str) -> None:
        """One scale call."""
        name = self._name(deployment)
        self._count("autoscaler_scale_operations_total", name, direction, result)
        self.last_scale[name, direction] = self._clock()

    def scale_settled(self, direction: str, seconds: float) -> None:
        """Seconds from an accepted ask to replicas reached and ready."""
        self._observe("autoscaler_scale_duration_seconds", direction, value=seconds)

    def status_transition(self, deployment: str, before: str, after: str) -> None:
        """One change of status seen."""
        name = self._name(deployment)
        self._count("deployment_status_transitions_total", name, before, after)

    def controlplane_request(self, operation: str, code: str, seconds: float) -> None:
        """One request to the platform."""
        self._count("controlplane_requests_total", operation, code)
        self._observe("controlplane_request_duration_seconds", operation, value=seconds)
        if code.startswith("2"):
            self.last_request[operation] = self._clock()

    def alert_transition(self, name: str, severity: str, to: str) -> None:
        """One alert that began to fire or was resolved."""
        self._count("alerts_transitions_total", name, severity, to)

    def notification(
        self, receiver: str, event: str, *, failure: str | None, seconds: float
    ) -> None:
        """One attempt to notify; `failure` None = delivered."""
        self._count("notification_requests_total", receiver)
        if failure is not None:
            self._count("notification_failures_total", receiver, event, failure)
            return
        self._count("notifications_total", receiver, event)
        self._observe("notification_delivery_seconds", receiver, value=seconds)

    def job(self, name: str, seconds: float, *, failed: bool) -> None:
        """One run of a periodic job."""
        self._observe("job_duration_seconds", name, value=seconds)
        self._count("job_failures_total", name, amount=float(failed))
        self._count("job_missed_total", name, amount=0.0)

    def job_missed(self, name: str) -> None:
        """One run that was skipped."""
        self._count("job_missed_total", name)

    def state_write_failed(self) -> None:
        """One write of the state that failed."""
        self._count("state_write_failures_total")

    def loop_lag(self, seconds: float) -> None:
        """One sample of the event loop's lag."""
        self._observe("event_loop_lag_seconds", value=seconds)

    def log_message(self, level: str) -> None:
        """One log line; called by a processor of the log."""
        self._count("log_messages_total", level)

    def http_request(self, handler: str, code: int) -> None:
        """One request to our own server."""
        self._count("http_requests_total", handler, str(code))

    def config_reloaded(self, *, ok: bool) -> None:
        """One (re)load of the configuration."""
        self.reload_ok = ok
        if ok:
            self.reloaded_at = self._clock()

    def value(self, name: str, *labels: str) -> float:
        """Return the present value of a counter, for tests and the end-of-run summary."""
        return self.counters[name].value(*labels)

    def _name(self, deployment: str) -> str:
        if deployment not in self._known:
            self._admit(deployment)
        return deployment if deployment in self._known else OVERFLOW

    def _admit(self, deployment: str) -> None:
        if len(self._known) < self.config.max_deployments:
            self._known.add(deployment)
            self._precreated.deployment(deployment)

    def _forget(self, deployment: str) -> None:
        self._known.discard(deployment)
        del self._gone[deployment]
        every: list[Counter | Histogram] = [*self.counters.values(), *self.histograms.values()]
        for series in every:
            if series.metric.labels[:1] == ("deployment",):
                series.drop(deployment)
        for key in [key for key in self.last_scale if key[0] == deployment]:
            del self.last_scale[key]

    def _count(self, name: str, *labels: str, amount: float = 1.0) -> None:
        self.counters[f"neevscale_{name}"].add(labels, amount)

    def _observe(
        self, name: str, *labels: str, value: float, exemplar: tuple[str, str, float] | None = None
    ) -> None:
        self.histograms[f"neevscale_{name}"].observe(labels, value, exemplar=exemplar)

    def _count_tokens(self, name: str, result: ProbeResult) -> None:
        counts = {
            "input": result.prompt_tokens,
            "output": result.output_tokens,
            "cached": result.cached_tokens,
        }
        for kind, tokens in counts.items():
            self._count("probe_tokens_total", name, result.profile, kind, amount=float(tokens or 0))

    def _observe_latencies(self, name: str, result: ProbeResult) -> None:
        labels = (name, result.profile)
        exemplar = (EXEMPLAR, result.id, result.ended_at)
        latencies = {
            "probe_time_to_first_token_seconds": result.ttft_seconds,
            "probe_time_to_first_content_token_seconds": result.first_content_seconds,
            "probe_inter_token_latency_seconds": result.itl_seconds,
            "probe_duration_seconds": result.duration_seconds if result.ok else None,
        }
        for metric, seconds in latencies.items():
            if seconds is not None:
                self._observe(metric, *labels, value=seconds, exemplar=exemplar)
        for (before, _), (at, _) in pairwise(result.token_times):
            self._observe("probe_inter_chunk_latency_seconds", *labels, value=at - before)
        stream = result.phases.stream
        if result.itl_seconds and stream is not None:
            self._count("probe_decode_tokens_total", *labels, amount=stream / result.itl_seconds)
            self._count("probe_decode_seconds_total", *labels, amount=stream)


def _with_edges(metric: Metric, config: MeterConfig) -> Metric:
    attribute = _OWN_EDGES.get(metric.name)
    if attribute is None:
        return metric
    own: tuple[float, ...] = tuple(getattr(config, attribute))
    return dataclasses.replace(metric, edges=tuple(sorted({*metric.edges, *own})))

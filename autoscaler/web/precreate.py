"""Which series exist before anything happened, so that a first failure is an increase from 0.

Not all that could exist: reasons of decisions, transitions and rare profiles appear when seen.
"""

from collections.abc import Mapping
from itertools import product

from autoscaler.core.alerting.catalogue import CATALOGUE
from autoscaler.web.catalogue_deployment import DIRECTIONS, SCALE_RESULTS
from autoscaler.web.catalogue_probe import SLOS, TOKEN_TYPES
from autoscaler.web.metric import OTHER, Metric
from autoscaler.web.series import Counter, Histogram

PROFILE = "short"
"""The one profile that every deployment is probed with."""


class Precreated:
    """Creates the children of the fleet and of each deployment at 0."""

    def __init__(
        self, counters: Mapping[str, Counter], histograms: Mapping[str, Histogram]
    ) -> None:
        self._counters = counters
        self._histograms = histograms

    def fleet(self) -> None:
        """Create what has no deployment."""
        for spec in CATALOGUE:
            for to in ("firing", "resolved"):
                self._zero("alerts_transitions_total", (spec.name, spec.severity, to))
        for level in ("warning", "error"):
            self._zero("log_messages_total", (level,))
        self._zero("state_write_failures_total", ())
        for name in ("event_loop_lag_seconds", "probe_schedule_lag_seconds"):
            self._histograms[f"neevscale_{name}"].create(())
        for direction in DIRECTIONS:
            self._histograms["neevscale_autoscaler_scale_duration_seconds"].create((direction,))

    def deployment(self, name: str) -> None:
        """Create what every deployment has."""
        for metric in ("probes_total", "probe_decode_tokens_total", "probe_decode_seconds_total"):
            self._zero(metric, (name, PROFILE))
        for kind in TOKEN_TYPES:
            self._zero("probe_tokens_total", (name, PROFILE, kind))
        for reason in self._words("probe_failures_total", "reason"):
            self._zero("probe_failures_total", (name, PROFILE, reason))
        for metric in ("probe_skipped_total", "probe_untrusted_total"):
            for reason in self._words(metric, "reason"):
                self._zero(metric, (name, reason))
        for slo in SLOS:
            self._zero("probe_slo_bad_total", (name, slo))
            self._zero("probe_slo_events_total", (name, slo))
        for direction, result in product(DIRECTIONS, SCALE_RESULTS):
            self._zero("autoscaler_scale_operations_total", (name, direction, result))
        for metric in (
            "time_to_first_token",
            "inter_token_latency",
            "inter_chunk_latency",
            "duration",
        ):
            self._histograms[f"neevscale_probe_{metric}_seconds"].create((name, PROFILE))

    def receiver(self, name: str) -> None:
        """Create what every receiver of alerts has: a first failure is an increase."""
        self._zero("notification_requests_total", (name,))
        for event in ("trigger", "resolve"):
            self._zero("notifications_total", (name, event))
        for reason in self._words("notification_failures_total", "reason"):
            self._zero("notification_failures_total", (name, "trigger", reason))

    def _zero(self, metric: str, labels: tuple[str, ...]) -> None:
        self._counters[f"neevscale_{metric}"].add(labels, 0.0)

    def _words(self, metric: str, name: str) -> list[str]:
        declared: Metric = self._counters[f"neevscale_{metric}"].metric
        return [word for word in declared.values[name] if word != OTHER]

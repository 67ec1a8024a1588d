"""`/metrics`: the exposition of the catalogue, in the text format or in OpenMetrics.

It renders on the event loop in slices and gives the loop back between them: no thread, so that
nothing needs a lock and virtual time works, and no slice long enough to delay a probe's clock. The
snapshot is taken once; counters go on between slices, which the formats allow.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from autoscaler.core.snapshot import DeploymentView, Snapshot
from autoscaler.web.catalogue import METRICS
from autoscaler.web.gauges import Gauge, Rows, deployment_gauges
from autoscaler.web.gauges_fleet import FLEET, last_requests, last_scales, of_process
from autoscaler.web.held import Held
from autoscaler.web.meter import PrometheusMeter
from autoscaler.web.metric import Metric
from autoscaler.web.text import label, label_pairs, number

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
SLICE_SECONDS = 0.010
"""Longest time that rendering keeps the loop: a fifth of the 50 ms that a probe may notice."""

_pairs = lru_cache(maxsize=8192)(label_pairs)


class Exporter:
    """Renders one scrape at a time from the latest snapshot and the meter."""

    def __init__(
        self,
        snapshot: Callable[[], Snapshot | None],
        meter: PrometheusMeter,
        *,
        state_path: Path | None = None,
    ) -> None:
        self._snapshot = snapshot
        self._meter = meter
        self._state_path = state_path
        self._ready_since = Held(tolerance_seconds=5.0)
        self._process = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._process)

    async def chunks(self, *, openmetrics: bool) -> AsyncIterator[bytes]:
        """Yield the exposition in parts, each made in at most about `SLICE_SECONDS`."""
        lines: list[str] = []
        began = time.perf_counter()
        for text in self._texts(openmetrics=openmetrics):
            lines.append(text)
            if time.perf_counter() - began >= SLICE_SECONDS:
                yield ("\n".join(lines) + "\n").encode()
                lines = []
                await asyncio.sleep(0)
                began = time.perf_counter()
        lines.append(self._process_text(openmetrics=openmetrics))
        yield "\n".join(lines).encode()

    def _texts(self, *, openmetrics: bool) -> Iterator[str]:
        snapshot = self._snapshot()
        shown = (
            () if snapshot is None else snapshot.deployments[: self._meter.config.max_deployments]
        )
        if snapshot is not None:
            self._meter.sync(
                (view.deployment.name for view in shown),
                (receiver.name for receiver in snapshot.receivers),
            )
        rows = _Rows(
            meter=self._meter,
            snapshot=snapshot,
            shown=shown,
            ready_since=self._ready_since,
            state_path=self._state_path,
        )
        for metric in METRICS:
            began = False
            for text in self._family(metric, rows, openmetrics=openmetrics):
                if not began:
                    yield head(metric, openmetrics=openmetrics)
                    began = True
                yield text

    def _family(self, metric: Metric, rows: "_Rows", *, openmetrics: bool) -> Iterator[str]:
        counted = self._meter.counters.get(metric.name) or self._meter.histograms.get(metric.name)
        own = rows.of(metric)
        if own is not None:
            return own
        return iter(()) if counted is None else counted.lines(exemplars=openmetrics)

    def _process_text(self, *, openmetrics: bool) -> str:
        text = generate_latest(self._process).decode()
        return f"{_openmetrics_heads(text)}# EOF\n" if openmetrics else text


def head(metric: Metric, *, openmetrics: bool) -> str:
    """Return the HELP, TYPE and, where the format knows it, UNIT lines of a family."""
    name = metric.family if openmetrics else metric.name
    lines = [f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.kind}"]
    if openmetrics and metric.unit and name.endswith(f"_{metric.unit}"):
        lines.append(f"# UNIT {name} {metric.unit}")
    return "\n".join(lines)


def _openmetrics_heads(text: str) -> str:
    """Turn the text format of counters into that of OpenMetrics: their heads lose `_total`."""
    lines = []
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        word, _, tail = rest.partition(" ")
        if kind == "#" and word in {"HELP", "TYPE"}:
            name, _, what = tail.partition(" ")
            line = f"# {word} {name.removesuffix('_total')} {what}"  # noqa: PLW2901  # rewritten
        lines.append(line)
    return "\n".join(lines) + "\n"


@dataclass(slots=True, kw_only=True)
class _Rows:
    """Lines of the gauges of one scrape."""

    meter: PrometheusMeter
    snapshot: Snapshot | None
    shown: tuple[DeploymentView, ...]
    ready_since: Held
    state_path: Path | None
    gauges: Mapping[str, Gauge] = field(init=False)
    views: list[tuple[str, DeploymentView]] = field(init=False)
    of_process: dict[str, Rows] = field(init=False)

    def __post_init__(self) -> None:
        self.views = _labelled(self.shown)
        self.of_process = of_process(self.meter, self.state_path)
        self.gauges = {}
        if self.snapshot is not None:
            own = {"deployment_ready_timestamp_seconds": self._ready}
            self.gauges = {**deployment_gauges(self.snapshot.at), **own}
            self.ready_since.keep(view.deployment.id for view in self.shown)

    def of(self, metric: Metric) -> Iterator[str] | None:
        """Return the lines of a metric that is no counter of the meter, else None."""
        name = metric.name.removeprefix("neevscale_")
        if name in self.gauges:
            return self._per_deployment(metric, self.gauges[name])
        rows = self._fleet_rows(name)
        return None if rows is None else _lines(metric, rows)

    def _fleet_rows(self, name: str) -> Rows | None:
        if name in self.of_process:
            return self.of_process[name]
        if name == "controlplane_last_success_timestamp_seconds":
            return last_requests(self.meter, self.snapshot)
        if name == "autoscaler_last_scale_timestamp_seconds":
            return last_scales(self.meter, self.snapshot)
        if self.snapshot is None:
            return None
        if name == "metrics_hidden_deployments":
            return iter([((), len(self.snapshot.deployments) - len(self.views))])
        gauge = FLEET.get(name)
        return None if gauge is None else gauge(self.snapshot)

    def _per_deployment(self, metric: Metric, gauge: Gauge) -> Iterator[str]:
        name, names = metric.name, metric.labels[1:]
        for deployment, view in self.views:
            for labels, value in gauge(view):
                pairs = f"{deployment},{_pairs(names, labels)}" if labels else deployment
                yield f"{name}{{{pairs}}} {number(value)}"

    def _ready(self, view: DeploymentView) -> Rows:
        since = view.seen_at - view.deployment.uptime_seconds
        if view.deployment.is_ready:
            yield (), self.ready_since.value(view.deployment.id, since)


def _lines(metric: Metric, rows: Rows) -> Iterator[str]:
    for labels, value in rows:
        pairs = _pairs(metric.labels, metric.bounded(labels))
        yield (
            f"{metric.name}{{{pairs}}} {number(value)}"
            if pairs
            else f"{metric.name} {number(value)}"
        )


def _labelled(views: tuple[DeploymentView, ...]) -> list[tuple[str, DeploymentView]]:
    """Pair each view with its label; of two with one name the later carries its id besides."""
    seen: set[str] = set()
    pairs = []
    for view in views:
        name = label(view.deployment.name)
        if name in seen:
            name = label(f"{view.deployment.name[:60]} ({view.deployment.id})")
        if name not in seen:
            pairs.append((f'deployment="{name}"', view))
        seen.add(name)
    return pairs

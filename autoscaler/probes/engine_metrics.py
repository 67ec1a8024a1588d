"""The engine's own counters as extra signals, where the platform lets them be read.

vLLM's names; other engines are absent, which is fine. Behind a balancer a reading is that of one
replica, whichever answered: a sample, as a probe is, and named by the instant at which its process
began, which the page tells. What two readings of one replica say is for the core to judge. No key
is sent: vLLM asks for none here, and this page is no reason to show one.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from yarl import URL

from autoscaler.core.model import Deployment, Signal
from autoscaler.core.words import Measure
from autoscaler.ports import Clock
from autoscaler.probes.fetch import Fetcher
from autoscaler.probes.hosts import allows, parse_endpoint

RUNNING: Final = "engine_running"
WAITING: Final = "engine_waiting"
KV_CACHE: Final = "engine_kv_cache_ratio"
REQUESTS: Final = "engine_requests_total"

_GAUGES: Final = {
    "vllm:num_requests_running": RUNNING,
    "vllm:num_requests_waiting": WAITING,
    "vllm:kv_cache_usage_perc": KV_CACHE,
    "vllm:gpu_cache_usage_perc": KV_CACHE,  # until 0.10
}
_FINISHED: Final = "vllm:request_success_total"
_RUNNING: Final = "vllm:num_requests_running"
_BEGAN: Final = "process_start_time_seconds"
"""Of every page of Prometheus' own client library, unless several processes share one page."""
NAMES: Final = frozenset({*_GAUGES, _FINISHED, _BEGAN})
"""Series of a page that are read."""


class EngineMetrics:
    """Satisfies `ports.SignalReader`."""

    def __init__(
        self, clock: Clock, *, allowed_hosts: Sequence[str], path: str = "/metrics"
    ) -> None:
        self._clock = clock
        self._allowed = tuple(allowed_hosts)
        self._path = path
        self._fetcher = Fetcher()

    async def read(self, deployment: Deployment) -> tuple[Signal, ...]:
        """Running, waiting, KV cache in use (0..1), and requests begun since its engine began, of
        the replica that answered; empty where the page cannot be read.
        """
        url = self._url(deployment)
        if url is None:
            return ()
        fetched = await self._fetcher.get(url)
        if fetched.body is None:
            return ()
        return signals_of(sum_series(fetched.body, NAMES), self._clock.now())

    async def close(self) -> None:
        """Close the session."""
        await self._fetcher.close()

    def _url(self, deployment: Deployment) -> URL | None:
        url = parse_endpoint(deployment.endpoint_url or "")
        return url.with_path(self._path) if url and allows(self._allowed, url) else None


def signals_of(sums: Mapping[str, float], at: float) -> tuple[Signal, ...]:
    """The signals that a page's sums give. Requests begun are those finished and those that run."""
    replica = f"{sums[_BEGAN]:.2f}" if _BEGAN in sums else ""
    signals = [
        Signal(
            name=name,
            at=at,
            value=sums[series],
            measure=Measure.WAITING if name is WAITING else None,
            replica=replica,
        )
        for series, name in _GAUGES.items()
        if series in sums
    ]
    begun = sums.get(_FINISHED, math.nan) + sums.get(_RUNNING, math.nan)
    if math.isfinite(begun):
        signals.append(
            Signal(
                name=REQUESTS,
                at=at,
                value=begun,
                measure=Measure.REQUESTS_TOTAL,
                replica=replica,
            )
        )
    return tuple(signals)


def sum_series(page: bytes, names: frozenset[str]) -> dict[str, float]:
    """Values of the `names` on a page in Prometheus' text format, summed over their labels.

    Only lines that begin with a wanted name are looked at: a page of 55 kB takes 1 ms.
    """
    wanted = tuple(name.encode() for name in sorted(names))
    sums: dict[str, float] = {}
    for line in page.splitlines():
        if not line.startswith(wanted):
            continue
        series, _, rest = line.decode("utf-8", "replace").partition("{")
        text = rest.rpartition("}")[2] if rest else ""
        if not rest:
            series, _, text = series.partition(" ")
        value = _number(text)
        if series in names and value is not None:
            sums[series] = sums.get(series, 0.0) + value
    # each is finite; a page of huge ones may still add up to infinity
    return {series: total for series, total in sums.items() if math.isfinite(total)}


def _number(text: str) -> float | None:
    """The value of a sample; a time stamp may stand behind it. None if it is no finite number."""
    words = text.split()
    try:
        value = float(words[0])
    except (IndexError, ValueError):
        return None
    return value if math.isfinite(value) else None

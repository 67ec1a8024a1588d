"""The engine's own counters as extra signals, where the platform lets them be read.

vLLM's names; other engines are absent, which is fine. Behind a balancer a reading is that of one
replica, whichever answered: a sample, as a probe is. No key is sent: vLLM asks for none here, and
this page is no reason to show one.
"""

from collections.abc import Sequence
from typing import Final

from yarl import URL

from autoscaler.core.model import Deployment, Signal
from autoscaler.ports import Clock
from autoscaler.probes.fetch import Fetcher
from autoscaler.probes.hosts import allows, parse_endpoint

RUNNING: Final = "engine_running"
WAITING: Final = "engine_waiting"
KV_CACHE: Final = "engine_kv_cache_ratio"
REQUESTS: Final = "engine_requests_per_second"

_GAUGES: Final = {
    "vllm:num_requests_running": RUNNING,
    "vllm:num_requests_waiting": WAITING,
    "vllm:kv_cache_usage_perc": KV_CACHE,
    "vllm:gpu_cache_usage_perc": KV_CACHE,  # until 0.10
}
_FINISHED: Final = "vllm:request_success_total"
_NAMES: Final = frozenset({*_GAUGES, _FINISHED})
LONGEST_GAP_SECONDS: Final = 120.0
"""Two readings further apart give no rate worth the name."""


class EngineMetrics:
    """Satisfies `ports.SignalReader`."""

    def __init__(
        self, clock: Clock, *, allowed_hosts: Sequence[str], path: str = "/metrics"
    ) -> None:
        self._clock = clock
        self._allowed = tuple(allowed_hosts)
        self._path = path
        self._fetcher = Fetcher()
        self._finished: dict[str, tuple[float, float]] = {}
        """Deployment id to (monotonic second, requests finished) of the last reading."""

    async def read(self, deployment: Deployment) -> tuple[Signal, ...]:
        """Running, waiting, KV cache in use (0..1), and requests finished per second since the last
        reading; empty where the page cannot be read.
        """
        url = self._url(deployment)
        if url is None:
            return ()
        fetched = await self._fetcher.get(url)
        if fetched.body is None:
            return ()
        sums = sum_series(fetched.body, _NAMES)
        at = self._clock.now()
        signals = [
            Signal(name=name, at=at, value=sums[series])
            for series, name in _GAUGES.items()
            if series in sums
        ]
        if _FINISHED in sums:
            rate = self._rate(deployment.id, sums[_FINISHED])
            signals.append(Signal(name=REQUESTS, at=at, value=rate))
        return tuple(signals)

    async def close(self) -> None:
        """Close the session."""
        await self._fetcher.close()

    def _url(self, deployment: Deployment) -> URL | None:
        url = parse_endpoint(deployment.endpoint_url or "")
        return url.with_path(self._path) if url and allows(self._allowed, url) else None

    def _rate(self, deployment_id: str, finished: float) -> float | None:
        """Requests a second since the last reading; None at the first, after a restart of the
        engine, or where another replica answered (its count is lower).
        """
        now = self._clock.monotonic()
        before = self._finished.get(deployment_id)
        self._finished[deployment_id] = (now, finished)
        if before is None or not 0 < now - before[0] <= LONGEST_GAP_SECONDS:
            return None
        risen = finished - before[1]
        return risen / (now - before[0]) if risen >= 0 else None


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
    return sums


def _number(text: str) -> float | None:
    """The value of a sample; a time stamp may stand behind it. None if it is no finite number."""
    words = text.split()
    try:
        value = float(words[0])
    except (IndexError, ValueError):
        return None
    return value if value - value == 0 else None

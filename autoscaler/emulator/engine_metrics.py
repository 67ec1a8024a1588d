"""An endpoint's `/metrics` in vLLM's names, over the whole fleet as one engine.

vLLM's time per output token is each request's mean, which is what the fleet tallies; the histogram
of single gaps is not kept for background requests and therefore not shown.
"""

from collections.abc import Callable, Iterable
from itertools import accumulate
from operator import attrgetter

from autoscaler.emulator.fleet import Gauges
from autoscaler.emulator.tallies import Histogram

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"

_PLAIN: tuple[tuple[str, str, str, Callable[[Gauges], float]], ...] = (
    (
        "num_requests_running",
        "gauge",
        "Number of requests in model execution batches.",
        attrgetter("running"),
    ),
    (
        "num_requests_waiting",
        "gauge",
        "Number of requests waiting to be processed.",
        attrgetter("waiting"),
    ),
    (
        "kv_cache_usage_perc",
        "gauge",
        "KV-cache usage. 1 means 100 percent usage.",
        attrgetter("kv_usage_ratio"),
    ),
    (
        "num_preemptions_total",
        "counter",
        "Cumulative number of preemption from the engine.",
        attrgetter("preemptions_total"),
    ),
    (
        "prompt_tokens_total",
        "counter",
        "Number of prefill tokens processed.",
        attrgetter("prompt_tokens_total"),
    ),
    (
        "generation_tokens_total",
        "counter",
        "Number of generation tokens processed.",
        attrgetter("generation_tokens_total"),
    ),
)
"""Name without its prefix, type, help (vLLM's words), and where the fleet keeps the value."""

_HISTOGRAMS: tuple[tuple[str, str, Callable[[Gauges], Histogram]], ...] = (
    (
        "time_to_first_token_seconds",
        "Histogram of time to first token in seconds.",
        attrgetter("tallies.ttft"),
    ),
    (
        "request_time_per_output_token_seconds",
        "Histogram of time_per_output_token_seconds per request.",
        attrgetter("tallies.itl"),
    ),
    (
        "e2e_request_latency_seconds",
        "Histogram of e2e request latency in seconds.",
        attrgetter("tallies.e2e"),
    ),
    (
        "request_queue_time_seconds",
        "Histogram of time spent in WAITING phase for request.",
        attrgetter("tallies.wait"),
    ),
)
"""Likewise of the histograms."""


def render_metrics(gauges: Gauges, *, model: str) -> str:
    """Return the exposition text."""
    labels = f'engine="0",model_name="{model}"'
    lines: list[str] = []
    for name, kind, text, value in _PLAIN:
        lines += _plain(name, kind, text, value(gauges), labels=labels)
    lines += _successes(gauges, labels)
    for name, text, histogram in _HISTOGRAMS:
        lines += _histogram(name, text, histogram(gauges), labels=labels)
    return "\n".join([*lines, ""])


def _plain(name: str, kind: str, text: str, value: float, *, labels: str) -> Iterable[str]:
    yield f"# HELP vllm:{name} {text}"
    yield f"# TYPE vllm:{name} {kind}"
    yield f"vllm:{name}{{{labels}}} {float(value)}"


def _successes(gauges: Gauges, labels: str) -> Iterable[str]:
    """Every finished background request ran to its length."""
    yield "# HELP vllm:request_success_total Count of successfully processed requests."
    yield "# TYPE vllm:request_success_total counter"
    counts = {"length": gauges.tallies.completed, "abort": gauges.aborted_total}
    for reason, count in counts.items():
        yield f'vllm:request_success_total{{{labels},finished_reason="{reason}"}} {float(count)}'


def _histogram(name: str, text: str, histogram: Histogram, *, labels: str) -> Iterable[str]:
    yield f"# HELP vllm:{name} {text}"
    yield f"# TYPE vllm:{name} histogram"
    edges = [*(str(edge) for edge in histogram.edges), "+Inf"]
    for edge, count in zip(edges, accumulate(histogram.counts), strict=True):
        yield f'vllm:{name}_bucket{{{labels},le="{edge}"}} {float(count)}'
    yield f"vllm:{name}_sum{{{labels}}} {histogram.total}"
    yield f"vllm:{name}_count{{{labels}}} {float(histogram.count)}"

"""An endpoint's `/metrics` in vLLM's names, over the whole fleet as one engine.

vLLM's time per output token is each request's mean, which is what the fleet tallies; the histogram
of single gaps is not kept for background requests and therefore not shown.
"""

from collections.abc import Iterable
from itertools import accumulate

from autoscaler.emulator.fleet import Gauges
from autoscaler.emulator.tallies import Histogram

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"


def render_metrics(gauges: Gauges, *, model: str) -> str:
    """Return the exposition text."""
    labels = f'engine="0",model_name="{model}"'
    tallies = gauges.tallies
    plain: tuple[tuple[str, str, str, float], ...] = (
        (
            "num_requests_running",
            "gauge",
            "Number of requests in model execution batches.",
            gauges.running,
        ),
        (
            "num_requests_waiting",
            "gauge",
            "Number of requests waiting to be processed.",
            gauges.waiting,
        ),
        (
            "kv_cache_usage_perc",
            "gauge",
            "KV-cache usage. 1 means 100 percent usage.",
            gauges.kv_usage_ratio,
        ),
        (
            "num_preemptions_total",
            "counter",
            "Cumulative number of preemption from the engine.",
            gauges.preemptions_total,
        ),
        (
            "prompt_tokens_total",
            "counter",
            "Number of prefill tokens processed.",
            gauges.prompt_tokens_total,
        ),
        (
            "generation_tokens_total",
            "counter",
            "Number of generation tokens processed.",
            gauges.generation_tokens_total,
        ),
    )
    histograms = (
        (
            "time_to_first_token_seconds",
            "Histogram of time to first token in seconds.",
            tallies.ttft,
        ),
        (
            "request_time_per_output_token_seconds",
            "Histogram of time_per_output_token_seconds per request.",
            tallies.itl,
        ),
        (
            "e2e_request_latency_seconds",
            "Histogram of e2e request latency in seconds.",
            tallies.e2e,
        ),
        (
            "request_queue_time_seconds",
            "Histogram of time spent in WAITING phase for request.",
            tallies.wait,
        ),
    )
    lines = [line for row in plain for line in _plain(*row, labels=labels)]
    lines += _successes(gauges, labels)
    lines += [line for row in histograms for line in _histogram(*row, labels=labels)]
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

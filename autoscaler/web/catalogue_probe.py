"""Metrics of the probes and of what they are held against, the SLOs.

Bucket edges keep the bounds that vLLM and OpenTelemetry share where tens of deployments differ
(20 ms to 10 s), add finer ones below 10 ms for ITL (100 tokens a second and more), and leave out
edges that no threshold or quantile would need: 16 edges make 19 series a deployment.
"""

from autoscaler.core.words import FailureReason, UntrustedReason
from autoscaler.web.metric import OTHER, Kind, Metric

PROFILES = ("short", "long", "warm", "liveness", "calibrate", OTHER)
SLOS = ("availability", "ttft", "itl")
SKIP_REASONS = (
    "overlap",
    "not_ready",
    "maintenance",
    "self_offline",
    "shutdown",
    "late",
    OTHER,
)
PHASES = ("dns", "connect", "headers", "first_token", "stream")
TOKEN_TYPES = ("input", "output", "cached")
TTFT_EDGES = (
    0.02, 0.04, 0.06, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 20.0, 40.0,
)  # fmt: skip
ITL_EDGES = (
    0.002, 0.004, 0.006, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.5, 1.0, 2.5,
)  # fmt: skip
GAP_EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Few: gaps show stalls, which are far from the mean; ten edges make 13 series a deployment."""
DURATION_EDGES = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0)
LAG_EDGES = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)


def _probe(  # one keyword per column of the table
    name: str,
    kind: Kind,
    text: str,
    *labels: str,
    unit: str = "",
    edges: tuple[float, ...] = (),
    **values: tuple[str, ...],
) -> Metric:
    if "profile" in labels:
        values["profile"] = PROFILES
    return Metric(
        name=f"neevscale_{name}",
        kind=kind,
        help=text,
        unit=unit,
        labels=("deployment", *labels),
        values=values,
        edges=edges,
    )


COUNTERS = (
    _probe(
        "probes_total",
        Kind.COUNTER,
        "Completed probes that count; those that our own side spoiled do not.",
        "profile",
    ),
    _probe(
        "probe_failures_total",
        Kind.COUNTER,
        "Failed probes by reason.",
        "profile",
        "reason",
        reason=(*FailureReason, OTHER),
    ),
    _probe(
        "probe_slo_bad_total",
        Kind.COUNTER,
        "Probes that missed the objective; a timeout misses the latency ones too.",
        "slo",
        slo=SLOS,
    ),
    _probe(
        "probe_slo_events_total",
        Kind.COUNTER,
        "Probes that the objective counts.",
        "slo",
        slo=SLOS,
    ),
    _probe(
        "probe_tokens_total",
        Kind.COUNTER,
        "Tokens that probes sent and received, as the server counted them.",
        "profile",
        "type",
        type=TOKEN_TYPES,
    ),
    _probe(
        "probe_decode_tokens_total",
        Kind.COUNTER,
        "Tokens after the first read; over the decode seconds this is tokens a second.",
        "profile",
    ),
    _probe(
        "probe_decode_seconds_total",
        Kind.COUNTER,
        "Time from the first token to the last.",
        "profile",
        unit="seconds",
    ),
    _probe(
        "probe_skipped_total",
        Kind.COUNTER,
        "Probes that were due and not sent, by reason.",
        "reason",
        reason=SKIP_REASONS,
    ),
    _probe(
        "probe_untrusted_total",
        Kind.COUNTER,
        "Probes that ran and are not counted, by reason.",
        "reason",
        reason=(*UntrustedReason, OTHER),
    ),
)

HISTOGRAMS = (
    _probe(
        "probe_time_to_first_token_seconds",
        Kind.HISTOGRAM,
        "From sending the request to the first token of any kind.",
        "profile",
        unit="seconds",
        edges=TTFT_EDGES,
    ),
    _probe(
        "probe_time_to_first_content_token_seconds",
        Kind.HISTOGRAM,
        "From sending the request to the first content token, where reasoning came first.",
        "profile",
        unit="seconds",
        edges=TTFT_EDGES,
    ),
    _probe(
        "probe_inter_token_latency_seconds",
        Kind.HISTOGRAM,
        "Mean time between tokens, one observation a probe.",
        "profile",
        unit="seconds",
        edges=ITL_EDGES,
    ),
    _probe(
        "probe_inter_chunk_latency_seconds",
        Kind.HISTOGRAM,
        "Every gap between two reads of a probe's stream; the long ones are stalls.",
        "profile",
        unit="seconds",
        edges=GAP_EDGES,
    ),
    _probe(
        "probe_duration_seconds",
        Kind.HISTOGRAM,
        "From sending the request to its end; successful probes only.",
        "profile",
        unit="seconds",
        edges=DURATION_EDGES,
    ),
)

GAUGES = (
    _probe("probe_success", Kind.GAUGE, "1 if the last probe succeeded, 0 if it failed."),
    _probe(
        "probe_last_timestamp_seconds",
        Kind.GAUGE,
        "End of the last probe with each result.",
        "result",
        unit="seconds",
        result=("success", "failure"),
    ),
    _probe(
        "probe_phase_seconds",
        Kind.GAUGE,
        "How long each phase of the last probe took; connect includes TLS.",
        "phase",
        unit="seconds",
        phase=PHASES,
    ),
    _probe(
        "probe_output_tokens_per_second",
        Kind.GAUGE,
        "Tokens a second of the last successful probe's stream.",
    ),
    _probe(
        "probe_inflight_start_timestamp_seconds",
        Kind.GAUGE,
        "Start of the running probe, absent when none runs: a hang shows before its deadline.",
        unit="seconds",
    ),
    _probe(
        "probe_interval_seconds",
        Kind.GAUGE,
        "Cadence of the probes in force now.",
        unit="seconds",
    ),
    _probe(
        "probe_tls_cert_expiry_timestamp_seconds",
        Kind.GAUGE,
        "Expiry of the endpoint's certificate; absent without TLS.",
        unit="seconds",
    ),
    _probe(
        "slo_objective_ratio",
        Kind.GAUGE,
        "Share of probes that must meet the objective.",
        "slo",
        unit="ratio",
        slo=SLOS,
    ),
    _probe(
        "slo_threshold_seconds",
        Kind.GAUGE,
        "Longest good latency of the objective.",
        "slo",
        unit="seconds",
        slo=("ttft", "itl"),
    ),
    _probe(
        "slo_budget_left_ratio",
        Kind.GAUGE,
        "Error budget left in the objective's window, as the daemon counts it; below 0 overspent.",
        "slo",
        unit="ratio",
        slo=SLOS,
    ),
)

"""Counters and histograms: what one event adds, and where."""

import math
from dataclasses import replace

from helpers_web import meter_at
from helpers_web_day import NOW
from helpers_web_fleet import probe_of

from autoscaler.core.words import FailureReason, UntrustedReason
from autoscaler.web.meter import PrometheusMeter
from autoscaler.web.metric import OTHER


def test_a_failed_probe_counts_its_reason_and_no_latency() -> None:
    meter = meter_at()
    failed = probe_of(0, NOW, failure=FailureReason.TIMEOUT_TTFT)
    meter.probe("a", failed, slo_bad={"availability": True, "ttft": True})
    assert meter.value("neevscale_probes_total", "a", "short") == 1
    assert meter.value("neevscale_probe_failures_total", "a", "short", "timeout_ttft") == 1
    assert meter.value("neevscale_probe_slo_bad_total", "a", "ttft") == 1
    assert sum(meter.histograms["neevscale_probe_duration_seconds"].counts("a", "short")) == 0


def test_an_untrusted_probe_is_counted_as_such_and_nowhere_else() -> None:
    meter = meter_at()
    spoiled = replace(probe_of(0, NOW), untrusted=(UntrustedReason.LOOP_LAG,))
    meter.probe("a", spoiled, slo_bad={})
    assert meter.value("neevscale_probe_untrusted_total", "a", "loop_lag") == 1
    assert meter.value("neevscale_probes_total", "a", "short") == 0
    assert (
        sum(meter.histograms["neevscale_probe_time_to_first_token_seconds"].counts("a", "short"))
        == 0
    )


def test_an_slo_threshold_is_a_bucket_edge() -> None:
    meter = PrometheusMeter(meter_at().config)
    edges = meter.histograms["neevscale_probe_inter_token_latency_seconds"].metric.edges
    assert 0.037 not in edges
    own = meter_at(itl_edges=(0.037,), ttft_edges=(0.9,)).histograms  # type: ignore[arg-type]  # by name
    assert 0.037 in own["neevscale_probe_inter_token_latency_seconds"].metric.edges
    assert 0.9 in own["neevscale_probe_time_to_first_token_seconds"].metric.edges


def test_a_value_on_an_edge_falls_into_its_bucket() -> None:
    meter = meter_at()
    meter.loop_lag(0.001)
    assert meter.histograms["neevscale_event_loop_lag_seconds"].counts()[0] == 1


def test_a_word_that_no_set_declares_counts_as_other() -> None:
    meter = meter_at()
    meter.controlplane_request("teleport", "418", 0.1)
    assert meter.value("neevscale_controlplane_requests_total", OTHER, OTHER) == 1


def test_tokens_a_second_come_from_the_stream_and_its_latency() -> None:
    meter = meter_at()
    probe = probe_of(0, NOW)
    meter.probe("a", probe, slo_bad={})
    tokens = meter.value("neevscale_probe_decode_tokens_total", "a", "short")
    assert math.isclose(tokens, 47)


def test_every_gap_of_a_stream_is_counted() -> None:
    meter = meter_at()
    probe = replace(probe_of(0, NOW), token_times=((0.1, 1), (0.12, 2), (0.14, 3), (1.9, 4)))
    meter.probe("a", probe, slo_bad={})
    gaps = meter.histograms["neevscale_probe_inter_chunk_latency_seconds"]
    edges = gaps.metric.edges
    counts = gaps.counts("a", "short")
    assert counts[edges.index(0.025)] == 2
    assert counts[edges.index(2.5)] == 1


def test_each_alert_can_begin_and_end_from_zero() -> None:
    """A child that begins at 1 is no increase: Prometheus would never see the first alert."""
    keys = set(meter_at().counters["neevscale_alerts_transitions_total"].keys())
    assert ("NeevDeploymentFailed", "critical", "firing") in keys
    assert ("NeevDeploymentFailed", "critical", "resolved") in keys


def test_a_write_of_the_state_that_failed_is_counted() -> None:
    meter = meter_at()
    meter.state_write_failed()
    assert meter.value("neevscale_state_write_failures_total") == 1

"""The exposition: complete, declared, bounded, valid in both formats."""

from dataclasses import replace
from decimal import Decimal

import pytest
from helpers_web import FakeConsole, meter_at
from helpers_web_day import NOW, decision_of
from helpers_web_fleet import probe_of, snapshot_of, view_of
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import Metric as Family
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_text

from autoscaler.core.snapshot import DeploymentView, Snapshot
from autoscaler.core.words import FailureReason, Status
from autoscaler.web.catalogue import BY_NAME, METRICS
from autoscaler.web.exporter import Exporter
from autoscaler.web.meter import PrometheusMeter
from autoscaler.web.metric import Kind

SERIES_A_DEPLOYMENT = 210
"""Stated bound: 88 of histograms and probe counters at rest, the rest state, costs and reasons."""


async def _scrape(
    snapshot: Snapshot | None, meter: PrometheusMeter | None = None, *, openmetrics: bool = False
) -> str:
    console = FakeConsole(snapshot)
    console.picture = snapshot
    exporter = Exporter(console.snapshot, meter or meter_at())
    parts = [chunk async for chunk in exporter.chunks(openmetrics=openmetrics)]
    return b"".join(parts).decode()


def _families(text: str, *, openmetrics: bool = False) -> dict[str, Family]:
    parse = parse_open if openmetrics else parse_text
    return {family.name: family for family in parse(text)}


def _values(text: str, name: str, **labels: str) -> list[float]:
    return [
        sample.value
        for family in parse_text(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]


def _busy_meter(count: int) -> PrometheusMeter:
    meter = meter_at()
    for index in range(count):
        name = view_of(index).deployment.name
        slo_bad = {"availability": False, "ttft": True, "itl": False}
        meter.probe(name, probe_of(index, NOW - 20), slo_bad=slo_bad)
        failed = probe_of(index, NOW - 10, failure=FailureReason.HTTP_503)
        meter.probe(name, failed, slo_bad=slo_bad)
        meter.decision(decision_of(index, NOW, 2, 3))
        meter.status_transition(name, "ready", "failed")
        meter.scale_call(name, direction="up", result="ok")
    return meter


async def test_every_series_is_declared_and_every_bounded_label_keeps_to_its_set() -> None:
    text = await _scrape(snapshot_of(12), _busy_meter(12))
    for family in parse_text(text):
        if not family.name.startswith("neevscale_"):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        metric = BY_NAME[name]
        assert family.type == metric.kind
        assert family.documentation == metric.help
        for sample in family.samples:
            own = set(sample.labels) - {"le"}
            assert own == set(metric.labels), sample
            for label, allowed in metric.values.items():
                assert sample.labels[label] in allowed, sample


async def test_every_row_of_the_catalogue_is_exported_in_a_run_that_has_seen_everything() -> None:
    meter = _busy_meter(12)
    name = view_of(0).deployment.name
    meter.probe(
        name, replace(probe_of(0, NOW), first_content_seconds=0.4), slo_bad={"availability": False}
    )
    meter.schedule_lag(0.01)
    meter.scale_settled("up", 90)
    meter.controlplane_request("list", "200", 0.2)
    meter.alert_transition("NeevDeploymentFailed", "critical", "firing")
    meter.notification("hook", "trigger", failure=None, seconds=1)
    meter.notification("hook", "trigger", failure="timeout", seconds=1)
    meter.job("decide", 0.01, failed=False)
    meter.loop_lag(0.001)
    meter.http_request("api", 200)
    snapshot = snapshot_of(12)
    view = snapshot.deployments[0]
    probing = replace(view, probe=replace(view.probe, inflight_since=NOW - 1))
    snapshot = replace(snapshot, deployments=(probing, *snapshot.deployments[1:]))
    seen = {
        f"{f.name}_total" if f.type == "counter" else f.name
        for f in parse_text(await _scrape(snapshot, meter))
    }
    missing = {metric.name for metric in METRICS} - seen - {"neevscale_state_db_size_bytes"}
    assert not missing


@pytest.mark.slow
async def test_two_hundred_deployments_stay_within_the_stated_number_of_series() -> None:
    text = await _scrape(snapshot_of(200), _busy_meter(200))
    samples = [s for family in parse_text(text) for s in family.samples if "deployment" in s.labels]
    per_deployment = len(samples) / 200
    print(f"\n{per_deployment:.0f} series a deployment, {len(text) / 1e6:.1f} MB for 200")
    assert per_deployment <= SERIES_A_DEPLOYMENT


async def test_openmetrics_parses_ends_with_eof_and_carries_the_probe_of_a_bucket() -> None:
    text = await _scrape(snapshot_of(3), _busy_meter(3), openmetrics=True)
    families = _families(text, openmetrics=True)
    assert text.endswith("# EOF\n")
    buckets = families["neevscale_probe_time_to_first_token_seconds"].samples
    marked = [sample.exemplar for sample in buckets if sample.exemplar is not None]
    assert marked
    assert marked[0].labels["probe_id"].startswith("pr-")
    assert "_created{" not in text


async def test_the_text_format_has_no_exemplars_and_no_created_series() -> None:
    text = await _scrape(snapshot_of(3), _busy_meter(3))
    assert "probe_id" not in text
    assert "_created{" not in text


async def test_before_the_first_picture_the_process_is_exported_and_no_deployment() -> None:
    text = await _scrape(None)
    assert _values(text, "neevscale_config_last_reload_successful") == [1.0]
    assert "deployment=" not in text


async def test_exactly_one_status_is_one() -> None:
    snapshot = snapshot_of(4)
    text = await _scrape(snapshot)
    for view in snapshot.deployments:
        name = view.deployment.name
        assert sum(_values(text, "neevscale_deployment_status", deployment=name)) == 1
        status = {"deployment": name, "status": str(view.status)}
        assert _values(text, "neevscale_deployment_status", **status) == [1.0]


async def test_an_unknown_price_means_no_cost_series_and_never_zero() -> None:
    text = await _scrape(snapshot_of(10))
    assert _values(text, "neevscale_deployment_cost_per_hour", deployment="eval-judge") == []
    assert _values(text, "neevscale_deployment_cost_per_hour", deployment="chat-frontdoor") != []


async def test_asked_is_there_only_while_an_ask_is_open() -> None:
    snapshot = snapshot_of(4)
    asked = {v.deployment.name: v.ask.count for v in snapshot.deployments if v.ask is not None}
    text = await _scrape(snapshot)
    assert asked
    for view in snapshot.deployments:
        name = view.deployment.name
        expected = [float(asked[name])] if name in asked else []
        assert _values(text, "neevscale_deployment_replicas_asked", deployment=name) == expected


def _aged(view: DeploymentView, seconds: float) -> DeploymentView:
    return replace(view, seen_at=NOW - seconds, status=Status.UNKNOWN)


async def test_state_that_is_older_than_the_stale_alert_leaves_and_status_says_unknown() -> None:
    snapshot = snapshot_of(1)
    view = snapshot.deployments[0]
    fresh = await _scrape(replace(snapshot, deployments=(_aged(view, 200),)))
    stale = await _scrape(replace(snapshot, deployments=(_aged(view, 301),)))
    assert _values(fresh, "neevscale_deployment_replicas") != []
    assert _values(stale, "neevscale_deployment_replicas") == []
    assert _values(stale, "neevscale_deployment_status", status="unknown") == [1.0]


async def test_a_gone_deployment_loses_gauges_at_once_and_counters_after_the_tombstone() -> None:
    now = [NOW]
    meter = PrometheusMeter(clock=lambda: now[0])
    both, one = snapshot_of(2), snapshot_of(1)
    gone = (
        {v.deployment.name for v in both.deployments} - {one.deployments[0].deployment.name}
    ).pop()
    await _scrape(both, meter)
    now[0] += 899
    text = await _scrape(one, meter)
    assert _values(text, "neevscale_deployment_replicas", deployment=gone) == []
    assert _values(text, "neevscale_probes_total", deployment=gone) == [0.0]
    now[0] += 900
    assert _values(await _scrape(one, meter), "neevscale_probes_total", deployment=gone) == []


async def test_a_deployment_that_returns_within_the_tombstone_keeps_counting() -> None:
    now = [NOW]
    meter = PrometheusMeter(clock=lambda: now[0])
    name = snapshot_of(1).deployments[0].deployment.name
    meter.probe(name, probe_of(0, NOW), slo_bad={})
    for snapshot in (snapshot_of(1), replace(snapshot_of(1), deployments=()), snapshot_of(1)):
        await _scrape(snapshot, meter)
        now[0] += 800
    assert meter.value("neevscale_probes_total", name, "short") == 1


async def test_the_ready_timestamp_stands_still_while_the_reading_jitters() -> None:
    snapshot = snapshot_of(1)
    console = FakeConsole(snapshot)
    exporter = Exporter(console.snapshot, meter_at())
    seen = []
    for jitter in (0.0, 2.0, -2.0, 400.0):
        view = snapshot.deployments[0]
        console.picture = replace(
            snapshot, deployments=(replace(view, seen_at=view.seen_at + jitter),)
        )
        text = b"".join([chunk async for chunk in exporter.chunks(openmetrics=False)]).decode()
        seen += _values(text, "neevscale_deployment_ready_timestamp_seconds")
    assert seen[0] == seen[1] == seen[2]
    assert seen[3] == seen[0] + 400


async def test_two_deployments_of_one_name_do_not_make_one_series_twice() -> None:
    snapshot = snapshot_of(2)
    twin = view_of(1, name=snapshot.deployments[0].deployment.name)
    text = await _scrape(replace(snapshot, deployments=(snapshot.deployments[0], twin)))
    replicas = [
        line for line in text.splitlines() if line.startswith("neevscale_deployment_replicas{")
    ]
    assert len({line.split("} ")[0] for line in replicas}) == len(replicas) == 2


async def test_deployments_beyond_the_limit_are_counted_not_shown() -> None:
    meter = meter_at(max_deployments=3)
    text = await _scrape(snapshot_of(10), meter)
    meter.probe_skipped("an-eleventh", "overlap")
    assert len(_values(text, "neevscale_deployment_replicas")) == 3
    assert _values(text, "neevscale_metrics_hidden_deployments") == [7.0]
    assert meter.value("neevscale_probe_skipped_total", "_overflow", "overlap") == 1


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.text(max_size=300), st.text(max_size=300))
async def test_no_name_breaks_the_exposition(name: str, model: str) -> None:
    """Markup, quotes, line ends, controls, lone surrogates: the formats stay valid."""
    view = view_of(0, name=name)
    hostile = replace(
        view, deployment=replace(view.deployment, model_id=model, region="\udcff\x00")
    )
    snapshot = replace(snapshot_of(1), deployments=(hostile,))
    meter = meter_at()
    meter.probe(name, replace(probe_of(0, NOW), profile=model), slo_bad={name: True})
    for openmetrics in (False, True):
        text = await _scrape(snapshot, meter, openmetrics=openmetrics)
        assert _families(text, openmetrics=openmetrics)
        assert "\x00" not in text


async def test_ten_megabytes_of_name_make_one_short_label() -> None:
    text = await _scrape(replace(snapshot_of(1), deployments=(view_of(0, name="x" * 10_000_000),)))
    assert len(text) < 200_000


async def test_a_receiver_begins_at_zero_so_that_its_first_failure_is_an_increase() -> None:
    text = await _scrape(snapshot_of(1))
    labels = {"receiver": "hook", "event": "trigger", "reason": "timeout"}
    assert _values(text, "neevscale_notification_failures_total", **labels) == [0.0]


def test_the_catalogue_keeps_the_conventions() -> None:
    """Counters end in _total, names are unique and in base units, help is a sentence."""
    assert len(BY_NAME) == len(METRICS)
    for metric in METRICS:
        assert metric.name.startswith("neevscale_")
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER), metric.name
        assert metric.help.endswith("."), metric.name
        assert bool(metric.edges) == (metric.kind is Kind.HISTOGRAM)
        if metric.unit in {"seconds", "bytes"}:
            assert metric.family.endswith(f"_{metric.unit}"), metric.name


async def test_money_keeps_its_cents() -> None:
    snapshot = snapshot_of(1)
    view = snapshot.deployments[0]
    assert view.cost is not None
    priced = replace(view, cost=replace(view.cost, total=Decimal("1234567.89")))
    text = await _scrape(replace(snapshot, deployments=(priced,)))
    assert _values(text, "neevscale_deployment_cost_total") == [1234567.89]

"""A fleet to look at: deterministic views of 1 to 1,000 deployments."""

from dataclasses import replace
from decimal import Decimal

from helpers_web_day import ALPHA, DAY, NOW, decision_of, history_of, name_of, need_at

from autoscaler.core.model import (
    Ask,
    Deployment,
    Orders,
    Override,
    Pause,
    Phases,
    ProbeResult,
)
from autoscaler.core.policy import Policy, Slo
from autoscaler.core.snapshot import (
    Alert,
    AlertState,
    ControlPlaneView,
    CostView,
    DeploymentView,
    JobView,
    ProbeView,
    ReceiverView,
    Severity,
    Silence,
    SloView,
    Snapshot,
    UptimeView,
)
from autoscaler.core.words import FailureReason, Mode, Status

MODELS = (
    "meta/llama-3.1-8b-instruct", "qwen/qwen2.5-coder-32b", "meta/llama-3.3-70b-instruct",
    "mistral/mixtral-8x7b", "openai/gpt-oss-120b",
)  # fmt: skip


def probe_of(index: int, at: float, *, failure: FailureReason | None = None) -> ProbeResult:
    """One probe's result."""
    itl = ALPHA / (1 - min(0.9, 0.2 * need_at(at, index)))
    ttft = 0.14 + 0.01 * (index % 7)
    return ProbeResult(
        id=f"pr-{index:04d}-{int(at)}",
        deployment_id=f"dep-{index:04d}",
        profile="short",
        scheduled_at=at,
        sent_at=at,
        duration_seconds=1.4,
        failure=failure,
        detail="" if failure is None else "HTTP 503: upstream engine is not available",
        http_status=200 if failure is None else 503,
        ttft_seconds=None if failure else ttft,
        itl_seconds=None if failure else itl,
        output_tokens=None if failure else 48,
        prompt_tokens=18,
        cached_tokens=0,
        token_times=() if failure else tuple((ttft + n * itl, n + 1) for n in range(48)),
        phases=Phases(dns=0.001, connect=0.02, headers=0.1, first_token=0.02, stream=47 * itl),
        cert_expires_at=NOW + 60 * DAY,
    )


def cost_of(replicas: int, scale: int = 1) -> CostView:
    """Money of so many replicas."""
    hour = Decimal("2.49") * replicas
    return CostView(
        currency="USD",
        per_hour=hour,
        total=hour * 700 * scale,
        today=hour * 15,
        month_to_date=hour * 560,
        forecast_month_end=hour * 720,
        avoided_against_max=Decimal("312.40") * scale,
        while_not_ready=Decimal("4.98"),
        gpu_seconds=Decimal(3600 * 700) * replicas,
        price_per_gpu_hour=Decimal("2.49"),
    )


def alert_of(index: int, name: str = "NeevDeploymentFailed") -> Alert:
    """One firing alert."""
    failed = name == "NeevDeploymentFailed"
    return Alert(
        name=name,
        severity=Severity.CRITICAL if failed else Severity.WARNING,
        state=AlertState.FIRING,
        project="prj-1",
        deployment=name_of(index),
        dimension="" if failed else "ttft",
        fingerprint=f"{index:016x}",
        episode=1,
        started_at=NOW - 1300,
        fired_at=NOW - 1290,
        resolved_at=None,
        summary=f"{name_of(index)} is failed" if failed else f"{name_of(index)} burns its budget",
        description="The platform reports status failed since 13:50 UTC; no probe succeeds.",
        suggested_action="Look at the deployment's events in the console, or deploy it again.",
        runbook="deployment-failed.md",
        evidence={"probe": "pr-0003", "last_error": "HTTP 503"},
    )


def slos_of(index: int) -> tuple[SloView, ...]:
    """Three objectives."""
    left = 0.91 - 0.17 * (index % 6)
    burns = {"5m": 0.4, "1h": 0.8, "6h": 0.6, "3d": None}
    return (
        SloView(slo="availability", objective_ratio=0.995, threshold_seconds=None, events=40_000,
                bad=12, budget_left_ratio=0.94, burn_rates=burns),
        SloView(slo="ttft", objective_ratio=0.98, threshold_seconds=1.0, events=40_000,
                bad=212, budget_left_ratio=left, burn_rates=burns),
        SloView(slo="itl", objective_ratio=0.98, threshold_seconds=0.036, events=40_000,
                bad=331, budget_left_ratio=left - 0.1, burn_rates=burns),
    )  # fmt: skip


def status_of(index: int) -> Status:
    """Most are ready."""
    return {3: Status.FAILED, 7: Status.INITIALIZING, 9: Status.UNKNOWN}.get(index, Status.READY)


def deployment_of(index: int, *, replicas: int, name: str | None = None) -> Deployment:
    """What the platform says."""
    status = status_of(index)
    return Deployment(
        id=f"dep-{index:04d}",
        name=name or name_of(index),
        project_id="prj-1",
        model_id=MODELS[index % len(MODELS)],
        model_name=MODELS[index % len(MODELS)].rsplit("/", 1)[1],
        region="in-south-1" if index % 3 else "in-west-2",
        status=status,
        raw_status=str(status),
        endpoint_url=f"https://dep-{index:04d}.inference.example/v1",
        gpu_config_id="gpu-h100-80g-20cpu-125g",
        gpu_count=1 + index % 2,
        replicas=replicas,
        created_at=NOW - 40 * DAY,
        updated_at=NOW - 3600,
        uptime_seconds=int(7 * DAY) if status is Status.READY else 0,
    )


def orders_of(index: int) -> Orders:
    """One paused, one overridden."""
    if index == 4:
        return Orders(pause=Pause(since=NOW - 600, until=NOW + 3000, by="asha", reason="load test"))
    if index == 5:
        return Orders(override=Override(replicas=3, until=NOW + 5400, by="ravi", reason="launch"))
    return Orders()


def view_of(index: int, *, mode: Mode = Mode.ACTIVE, name: str | None = None) -> DeploymentView:
    """All there is to show of one deployment."""
    last = history_of(index, since=NOW - 60)[-1]
    replicas, target = last.replicas or 1, last.target or 1
    if index % 6 == 0:
        target = min(6, target + 1)
    decision = decision_of(index, NOW - 4, replicas, target, name=name)
    failing = FailureReason.HTTP_503 if index == 3 else None
    probe = probe_of(index, NOW - 6, failure=failing)
    status = status_of(index)
    alerts = (alert_of(3),) if index == 3 else ()
    return DeploymentView(
        deployment=deployment_of(index, replicas=replicas, name=name),
        status=status,
        seen_at=NOW - 5,
        policy=Policy(
            mode=mode, matched='name "*"', min_replicas=1, max_replicas=6,
            slo=Slo(ttft_seconds=1.0, itl_seconds=0.036), monthly_budget=5000.0,
        ),
        orders=orders_of(index),
        ask=Ask(count=target, from_count=replicas, asked_at=NOW - 4) if decision.ask else None,
        decision=decision,
        shadow_replicas=target,
        shadow_cost=Decimal("-18.20") + index,
        probe=ProbeView(
            last=probe,
            last_success=probe_of(index, NOW - 6 - (1300 if failing else 0)),
            last_failure=probe_of(index, NOW - 7200, failure=FailureReason.TIMEOUT_TTFT)
            if failing is None else probe,
            ttft_p50=0.14, ttft_p90=0.22 + 0.09 * (index % 9),
            itl_p50=0.018, itl_p90=0.021 + 0.002 * (index % 9),
            success_ratio=0.0 if failing else 1.0, interval_seconds=15.0,
        ),
        uptime=UptimeView(
            seconds={"ready": 39.0 * DAY, "initializing": 4000.0, "failed": 1300.0,
                     "scaling": 9000.0, "unknown": 600.0},
            ready_sessions=3, availability_ratio=0.9987, status_since=NOW - 1300.0,
            uptime_seconds=int(7 * DAY) if status is Status.READY else 0,
        ),
        slos=slos_of(index),
        cost=None if index == 8 else cost_of(replicas),
        alerts=alerts,
    )  # fmt: skip


def snapshot_of(count: int, *, mode: Mode = Mode.ACTIVE) -> Snapshot:
    """The fleet after one tick."""
    views = sorted((view_of(i, mode=mode) for i in range(count)), key=lambda v: v.deployment.name)
    watchdog = replace(
        alert_of(0, "NeevWatchdog"), severity=Severity.NONE, deployment="", dimension=""
    )
    alerts = (*(alert for view in views for alert in view.alerts), watchdog)
    return Snapshot(
        at=NOW,
        started_at=NOW - 9 * DAY,
        version="0.1.0",
        mode=mode,
        control_plane=ControlPlaneView(
            last_success_at=NOW - 5, credential_expires_at=NOW + 9 * 3600
        ),
        deployments=tuple(views),
        alerts=alerts,
        silences=(
            Silence(
                id="s-1", matchers=("alertname=NeevFlapping",), starts_at=NOW - 60,
                ends_at=NOW + 3600, by="asha", reason="known",
            ),
        ),
        jobs=(
            JobView(name="discover", last_success_at=NOW - 5, last_duration_seconds=0.2,
                    failures=0, missed=1),
            JobView(name="decide", last_success_at=NOW - 4, last_duration_seconds=0.02,
                    failures=0, missed=0),
        ),
        receivers=(
            ReceiverView(name="alertmanager", kind="alertmanager", queued=1, oldest_at=NOW - 12,
                         dead_letters=0, circuit_open=False),
            ReceiverView(name="hook", kind="webhook", queued=0, oldest_at=None, dead_letters=2,
                         circuit_open=True, last_error="HTTP 500"),
        ),
        fleet_cost=cost_of(2 * count),
        loop_lag_p99_seconds=0.004,
        fleet_budget=9000.0,
        prices_refreshed_at=NOW - 60.0,
        warnings=("eval-judge: no price is known for gpu-h100-80g-20cpu-125g; no cost is shown",),
    )  # fmt: skip

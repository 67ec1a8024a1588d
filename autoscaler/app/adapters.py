"""Settings to the adapters of both planes, the state file and the web server."""

import random
from dataclasses import replace
from pathlib import Path

from autoscaler.cloud import CloudClient, CloudConfig, ReadLimits
from autoscaler.cloud.transport import RequestMeter, unmetered
from autoscaler.core.hosts import origin
from autoscaler.ports import Clock, Meter, SignalReader, Store
from autoscaler.probes.completion import CompletionProber
from autoscaler.probes.config import (
    EVERYTHING,
    SHORT,
    Deadlines,
    InferenceKey,
    Match,
    ProbeConfig,
    Profile,
    ScheduleConfig,
)
from autoscaler.probes.engine_metrics import EngineMetrics
from autoscaler.probes.honesty import Canaries, LagSampler
from autoscaler.probes.promql import PromqlSignals, Query
from autoscaler.probes.schedule import ProbeSchedule
from autoscaler.settings import MatchSettings, ProbeProfileSettings, Settings
from autoscaler.store import CrashPoint, MemoryStore, SqliteStore
from autoscaler.web import MeterConfig, WebConfig


def build_cloud(
    settings: Settings, *, clock: Clock, meter: RequestMeter = unmetered
) -> CloudClient:
    """Return the control plane's client. Raises ValueError with what is not set."""
    cloud = settings.cloud
    missing = cloud.missing()
    if missing or cloud.org_id is None or cloud.project_id is None:
        raise ValueError("; ".join(missing))
    return CloudClient(
        CloudConfig(
            base_url=cloud.base_url,
            org_id=cloud.org_id,
            project_id=cloud.project_id,
            tenant_url=cloud.tenant_base_url,
            inventory_url=cloud.inventory_base_url,
            token=cloud.token,
            email=cloud.email,
            password=cloud.password,
            token_lifetime_seconds=cloud.token_lifetime_seconds,
            deadline_seconds=cloud.deadline_seconds,
            limits=ReadLimits(
                deadline_seconds=cloud.read_deadline_seconds, page_size=cloud.page_size
            ),
            ca_file=cloud.ca_file,
            meter=meter,
        ),
        clock=clock,
    )


def build_prober(
    settings: Settings,
    *,
    clock: Clock,
    sampler: LagSampler | None,
    canaries: Canaries | None = None,
    scheduled_by: Settings | None = None,
) -> CompletionProber:
    """Return the prober; `sampler` None = the loop is taken to be never late (virtual time),
    `canaries` None = those of the settings. It closes them. `scheduled_by` are the settings of the
    schedule that it serves, None = the same.
    """
    schedule = _schedule(scheduled_by or settings)
    return CompletionProber(
        replace(probe_config(settings), schedule=schedule),
        clock=clock,
        sampler=sampler,
        canaries=canaries or build_canaries(settings, clock=clock),
    )


def build_canaries(settings: Settings, *, clock: Clock) -> Canaries:
    """Return the hosts by which we know our own network; none where none is configured."""
    canaries = [found for url in settings.probe.canaries if (found := origin(url)) is not None]
    return Canaries([(host, port) for _, host, port in canaries], clock)


def build_plan(settings: Settings, meter: Meter, rng: random.Random) -> ProbeSchedule:
    """Return when to probe what."""
    return ProbeSchedule(probe_config(settings).schedule, meter, seed=rng.getrandbits(32))


def build_signals(settings: Settings, *, clock: Clock) -> tuple[SignalReader, ...]:
    """Return the readers of extra signals that are turned on."""
    probe = settings.probe
    readers: list[SignalReader] = []
    if probe.engine_metrics.enabled:
        readers.append(
            EngineMetrics(
                clock,
                allowed_hosts=settings.inference.allowed_hosts,
                path=probe.engine_metrics.path,
            )
        )
    if probe.promql.url is not None:
        queries = [
            Query(
                name=q.name,
                query=q.query,
                target=q.target,
                measure=q.measures,
                match=_match(q.match),
            )
            for q in probe.promql.queries
        ]
        readers.append(
            PromqlSignals(clock, probe.promql.url, queries, bearer_token=probe.promql.bearer_token)
        )
    return tuple(readers)


def build_store(settings: Settings, *, clock: Clock, crash: CrashPoint = lambda _: None) -> Store:
    """Open the state. Raises StoreUnusable."""
    if settings.state.is_memory:
        return MemoryStore()
    path = Path(settings.state.path).expanduser()
    return SqliteStore(path, moved_aside_at=clock.now(), crash=crash)


def state_path(settings: Settings) -> Path | None:
    """Return the file whose size is exported; None where nothing is kept."""
    return None if settings.state.is_memory else Path(settings.state.path).expanduser()


def probe_config(settings: Settings) -> ProbeConfig:
    """Return every knob of the probes."""
    probe, inference = settings.probe, settings.inference
    keys = [
        InferenceKey(
            secret=entry.key,
            match=_match(entry.match),
            allowed_hosts=entry.allowed_hosts or inference.allowed_hosts,
        )
        for entry in inference.keys
    ]
    if inference.key is not None:
        keys.append(InferenceKey(secret=inference.key, allowed_hosts=inference.allowed_hosts))
    limits = probe.deadlines
    return ProbeConfig(
        keys=tuple(keys),
        allowed_hosts=inference.allowed_hosts,
        deadlines=Deadlines(
            connect=limits.connect_seconds,
            headers=limits.headers_seconds,
            first_token=limits.first_token_seconds,
            gap=limits.gap_seconds,
            total=limits.total_seconds,
        ),
        schedule=_schedule(settings),
        require_done=probe.require_done,
        require_model=probe.require_model,
        ca_file=None if inference.ca_file is None else str(inference.ca_file),
        use_max_completion_tokens=probe.use_max_completion_tokens,
        extra_body=probe.extra_body,
        max_concurrent=probe.max_inflight,
        warmup_seconds=probe.warmup_seconds,
    )


def meter_config(settings: Settings) -> MeterConfig:
    """Return the bucket edges that the configured objectives want."""
    written = [settings.defaults.slo, *(settings.scaling_for(e).slo for e in settings.deployments)]
    return MeterConfig(
        ttft_edges=tuple({s.ttft_seconds for s in written if s.ttft_seconds is not None}),
        itl_edges=tuple({s.itl_seconds for s in written if s.itl_seconds is not None}),
    )


def web_config(settings: Settings) -> WebConfig:
    """Return where and for whom the web server serves."""
    web = settings.web
    return WebConfig(
        listen=web.listen,
        external_url=web.external_url or "",
        route_prefix=web.route_prefix or None,
        admin_token=web.admin_token,
        web_config_file=web.config_file,
        lifecycle=web.enable_lifecycle,
    )


def _schedule(settings: Settings) -> ScheduleConfig:
    probe = settings.probe
    short = Profile(
        name=SHORT.name,
        prompt_tokens=SHORT.prompt_tokens,
        min_tokens=probe.min_output_tokens,
        max_tokens=probe.max_output_tokens,
    )
    liveness = probe.liveness
    return ScheduleConfig(
        probe_seconds=settings.intervals.probe_seconds,
        jitter_ratio=probe.jitter_ratio,
        liveness_seconds=liveness.every_seconds if liveness.enabled else None,
        profiles=(short, *(_profile(profile) for profile in probe.profiles)),
        tokens_per_minute=probe.tokens_per_minute,
    )


def _profile(profile: ProbeProfileSettings) -> Profile:
    return Profile(
        name=profile.name,
        prompt_tokens=profile.prompt_tokens,
        max_tokens=profile.output_tokens,
        min_tokens=min(profile.output_tokens, Profile(name="", prompt_tokens=0).min_tokens),
        keep_connection=profile.keep_connection,
        interval_seconds=profile.every_seconds,
        match=_match(profile.match),
    )


def _match(match: MatchSettings | None) -> Match:
    if match is None:
        return EVERYTHING
    return Match(name=match.name or "*", model=match.model or "*", region=match.region or "*")

"""How endpoints are looked at: cadence, probe profiles, deadlines, keys, extra signals."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from autoscaler.core.hosts import unsafe_because
from autoscaler.core.words import Measure
from autoscaler.settings.scaling import MatchSettings
from autoscaler.settings.secret import Secret
from autoscaler.settings.section import Section
from autoscaler.settings.units import Count, PlainUrl, Ratio, Seconds, SecondsOrZero


class IntervalsSettings(Section):
    """How often the loops run."""

    discover_seconds: Seconds = 15
    """Between two readings of the deployments. As Kubernetes' autoscaler."""
    decide_seconds: Seconds = 15
    """Between two decisions. As Kubernetes' autoscaler."""
    probe_seconds: Seconds = 15
    """Between two probes of one deployment; a third of it in doubt, twice it when idle and steady.
    """
    signals_seconds: Seconds = 15
    """Between two readings of extra signals (`probe.engine_metrics`, `probe.promql`), so that each
    decision has a fresh one.
    """
    inventory_seconds: Seconds = 600
    """Between two readings of prices and free GPUs, which change slowly."""


class ProbeDeadlinesSettings(Section):
    """How long each phase of a probe may take. What takes longer has failed, by that name."""

    connect_seconds: Seconds = 5
    """Name look-up, connection and TLS."""
    headers_seconds: Seconds = 10
    """Until the response's headers."""
    first_token_seconds: Seconds = 30
    """From sending to the first token; also where an overload probe is censored."""
    gap_seconds: Seconds = 10
    """Between two tokens."""
    total_seconds: Seconds = 60
    """The whole probe."""

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """No phase outlasts the whole."""
        for key in ("connect_seconds", "headers_seconds", "first_token_seconds", "gap_seconds"):
            if getattr(self, key) > self.total_seconds:
                yield key, f"must not exceed total_seconds ({self.total_seconds:g})"


class ProbeProfileSettings(Section):
    """One kind of probe besides the built-in `short`."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,15}$")]
    """Name, a label of metrics: `long`, `warm`, …"""
    match: MatchSettings | None = None
    """Which deployments are probed this way. None = all."""
    every_seconds: Seconds = 300
    """Between two probes of this kind. Rare: they cost capacity."""
    prompt_tokens: Count = 40
    """About how many tokens the prompt has."""
    output_tokens: Annotated[Count, Field(le=512)] = 24
    """How many tokens are asked for."""
    keep_connection: bool = False
    """Whether the connection is kept between probes. A kept one pins one replica."""


class LivenessSettings(Section):
    """The cheap look between completions: `GET {endpoint_url}/models`."""

    enabled: bool = False
    """Whether to look. Of use where `intervals.probe_seconds` is minutes; it proves no health."""
    every_seconds: Seconds = 15
    """Between two looks."""


class EngineMetricsSettings(Section):
    """The engine's own `/metrics`, where the platform lets it be read: requests counted in place of
    heard, beside the probes.
    """

    enabled: bool = False
    """Whether to read it. Off: the platform is not known to publish it."""
    path: Annotated[str, Field(pattern=r"^/")] = "/metrics"
    """Path below the endpoint's host."""


class PromqlQuerySettings(Section):
    """One query; its result is a signal with a target, or a part of the load's estimate."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    """Name of the signal."""
    query: Annotated[str, Field(min_length=1)]
    """PromQL that gives one number; `$deployment` stands for the deployment's name."""
    target: Annotated[float, Field(gt=0)] | None = None
    """Value per replica at which the load is as wanted. None = it calls for no count by itself."""
    measures: Literal[Measure.REQUESTS_PER_SECOND, Measure.WAITING] | None = None
    """What it says of all replicas together, to enter the estimate of the load beside the probes:
    requests a second, or requests that wait. None = nothing of the kind.
    """
    match: MatchSettings | None = None
    """Which deployments it speaks of. None = all."""


class PromqlSettings(Section):
    """A Prometheus whose series are extra signals. Read-only; absent is fine."""

    url: PlainUrl | None = None
    """Base URL, such as `http://127.0.0.1:9090`. None = not used."""
    bearer_token: Secret | None = None
    """Token for it; then `url` must be https, or loopback."""
    queries: tuple[PromqlQuerySettings, ...] = ()
    """What is asked."""

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """Queries need someone to ask, and names of their own."""
        if self.queries and self.url is None:
            yield "url", "is needed for the queries"
        names = [query.name for query in self.queries]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield "queries", f"has two of the name {name}"
        for query in self.queries:
            if query.target is None and query.measures is None:
                yield "queries", f"has {query.name} with neither a target nor what it measures"
        if self.bearer_token is not None:
            yield from secure("url", self.url)


def secure(key: str, url: str | None) -> Iterator[tuple[str, str]]:
    """The broken rule that a secret would go to `url` in the clear, if it would."""
    because = "" if url is None else unsafe_because(url)
    if because:
        yield key, because


class ProbeSettings(Section):
    """The probes."""

    jitter_ratio: Annotated[Ratio, Field(le=0.5)] = 0.3
    """Share of the interval by which a probe is early or late, so that no rhythm is mistaken for
    load.
    """
    min_output_tokens: Annotated[Count, Field(ge=8)] = 24
    """Fewest tokens of a probe; fewer say nothing of the time between tokens."""
    max_output_tokens: Annotated[Count, Field(le=512)] = 128
    """Most tokens of a probe; between the two as many as give about one second of stream."""
    tokens_per_minute: Count = 600
    """Most output tokens that probes may ask of one deployment in a minute; bounds the load that
    watching adds.
    """
    warmup_seconds: SecondsOrZero = 60
    """Time after a deployment is ready or has grown in which probes measure warming up: they tell
    nothing of load, and count for no alert and no objective.
    """
    max_inflight: Count = 1024
    """Most probes under way at once; each takes a file descriptor, of which 1024 is a usual limit.
    """
    require_done: bool = True
    """Whether a stream without `[DONE]` has failed. Off for servers that send none."""
    require_model: bool = True
    """Whether an answer in another model's name has failed."""
    use_max_completion_tokens: bool = False
    """Whether `max_completion_tokens` is sent in place of `max_tokens`, which new servers want."""
    extra_body: Mapping[str, JsonValue] = {}
    """Fields to add to every request, such as `chat_template_kwargs`."""
    deadlines: ProbeDeadlinesSettings = ProbeDeadlinesSettings()
    """How long each phase may take."""
    profiles: tuple[ProbeProfileSettings, ...] = (
        ProbeProfileSettings(name="long", prompt_tokens=512),
    )
    """Kinds of probe besides the short one, each at its own cadence. The long one tells what a
    prompt of a usual size costs here.
    """
    canaries: tuple[PlainUrl, ...] = ()
    """URLs outside the platform. Where these fail too, our own network is down and no endpoint is
    blamed. Empty = that is never assumed.
    """
    liveness: LivenessSettings = LivenessSettings()
    """The cheap look between completions."""
    engine_metrics: EngineMetricsSettings = EngineMetricsSettings()
    """The engine's own counters, where they can be read."""
    promql: PromqlSettings = PromqlSettings()
    """A Prometheus as an extra signal."""

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """Lengths in order, names apart, at most three kinds (each multiplies the series)."""
        if self.min_output_tokens > self.max_output_tokens:
            yield "min_output_tokens", "must not exceed max_output_tokens"
        names = [profile.name for profile in self.profiles]
        reserved = {"short", "liveness", "calibrate"}
        for name in sorted({n for n in names if names.count(n) > 1 or n in reserved}):
            yield "profiles", f"has {name} twice; short, liveness and calibrate are built in"
        if len(names) > 3:
            yield "profiles", f"has {len(names)} entries; at most 3 besides the built-in short"


class KeySettings(Section):
    """An inference key of some deployments."""

    match: MatchSettings
    """Which deployments it is for."""
    key: Secret
    """The key (`sk-nc-…`)."""
    allowed_hosts: tuple[str, ...] = ()
    """Hosts that this key may go to. Empty = those of `inference.allowed_hosts`."""


class InferenceSettings(Section):
    """The inference plane: keys, and the hosts that they may go to."""

    key: Secret | None = None
    """Inference key (`sk-nc-…`) for all deployments; also `NEEV_INFERENCE_API_KEY`. Without one
    requests carry none, which only servers without authentication answer.
    """
    keys: tuple[KeySettings, ...] = ()
    """Keys of single deployments; the first match wins over `key`."""
    allowed_hosts: tuple[str, ...] = ("*.inference.ai.neevcloud.com",)
    """Hosts, `host:port` or `*.domain` (whole labels), that keys may be sent to. An endpoint's URL
    is data from a response, and a key must not follow it anywhere.
    """
    ca_file: Path | None = None
    """Certificates (PEM) to trust besides the system's."""

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """Patterns that name a domain."""
        for hosts in (self.allowed_hosts, *(entry.allowed_hosts for entry in self.keys)):
            for host in hosts:
                if _is_no_host(host):
                    yield (
                        "allowed_hosts",
                        f"has {host!r}; write a host, host:port or *.domain with two labels",
                    )


def _is_no_host(pattern: str) -> bool:
    """Patterns that would let a key go anywhere, or that no host can match."""
    name = pattern.removeprefix("*.")
    if not name or "*" in name or "/" in name or any(c.isspace() for c in name):
        return True
    return pattern.startswith("*.") and "." not in name

"""Every knob of the probes, as plain frozen data. `app.py` makes it from the settings, once.

Defaults stand in SEMANTICS 2; where a number is a choice of ours, its reason stands beside it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from autoscaler.core.model import Deployment, Json

PLATFORM_HOSTS = ("*.inference.ai.neevcloud.com",)
"""The platform's inference domain: endpoints below it may be probed without being listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which deployments something is for: globs that must all fit."""

    name: str = "*"
    model: str = "*"
    region: str = "*"

    def fits(self, deployment: Deployment) -> bool:
        """True if the deployment's name, model and region fit."""
        return (
            fnmatchcase(deployment.name, self.name)
            and fnmatchcase(deployment.model_id, self.model)
            and fnmatchcase(deployment.region, self.region)
        )


EVERYTHING = Match()
"""Fits every deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long each phase of a probe may take, in seconds. Keep-alive comments extend none."""

    connect: float = 5.0
    """DNS, TCP and TLS together."""
    headers: float = 10.0
    """From the connection to the response's headers. A deployment that was slow last time gets
    three times its last TTFT, at most `first_token`: some servers hold the headers back until then.
    """
    first_token: float = 30.0
    """From the send to the first token; the value at which an overloaded probe is censored."""
    gap: float = 10.0
    """From one token to the next."""
    total: float = 60.0
    """The whole probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of completion probe."""

    name: str
    prompt_tokens: int
    """Rough length of the prompt; a word is taken for one and a third tokens."""
    min_tokens: int = 24
    """Shortest output: below 24 tokens the mean inter-token latency is mostly noise."""
    max_tokens: int = 128
    """Longest output: the probe is an ear, not a load."""
    salted: bool = True
    """Whether every prompt begins with a word of its own, so that no prefix cache answers it."""
    keep_connection: bool = False
    """Whether a connection is kept: it saves handshakes and pins one replica behind a balancer."""
    interval_seconds: float | None = None
    """Cadence of its own; None = the adaptive one of the short profile."""
    match: Match = EVERYTHING
    """Which deployments are probed this way."""


SHORT = Profile(name="short", prompt_tokens=40)
"""The probe that SLO and policy stand on."""
LONG = Profile(name="long", prompt_tokens=512, max_tokens=24, interval_seconds=300.0)
"""A prompt of a usual size: what prefill costs here (its TTFT against the short one's)."""
WARM = Profile(name="warm", prompt_tokens=40, salted=False, keep_connection=True)
"""On request only: what a client sees that keeps its connection and its prefix."""
CALIBRATE = Profile(name="calibrate", prompt_tokens=40, min_tokens=48, max_tokens=48)
"""One member of a calibration burst (real-engines.md 2 used 48 tokens)."""
LIVENESS = "liveness"
"""Name of the profile that only asks `GET {endpoint_url}/models`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleConfig:
    """When to probe."""

    probe_seconds: float = 15.0
    """Interval in steady operation; a third of it in doubt, twice when idle (SEMANTICS 2)."""
    jitter_ratio: float = 0.3
    """Each probe moves by up to this share of its interval: no rhythm of the load's can hide."""
    liveness_seconds: float | None = None
    """Interval of `GET /models`; None = never. Useful where `probe_seconds` is minutes; a server
    whose engine hangs still answers it, so it never proves health.
    """
    profiles: tuple[Profile, ...] = (SHORT, LONG)
    tokens_per_minute: float = 600.0
    """Output tokens that probes of one deployment may ask for; lengths shrink to stay within."""
    stream_seconds: float = 1.0
    """Length of stream a probe aims at (real-engines.md 7.6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceKey:
    """One inference key and where it may go."""

    secret: Callable[[], str]
    """Asked for on every use, so that a rotated file needs no restart; may raise OSError."""
    match: Match = EVERYTHING
    """Which deployments it is for; the first key that fits is used."""
    allowed_hosts: tuple[str, ...] = PLATFORM_HOSTS
    """`host`, `host:port` or `*.domain` (whole labels). Sent nowhere else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeConfig:
    """All of it."""

    keys: tuple[InferenceKey, ...] = ()
    """No key at all = requests carry none (an emulator, a server without authentication)."""
    allowed_hosts: tuple[str, ...] = PLATFORM_HOSTS
    """Hosts that may be probed at all; each key narrows it further."""
    deadlines: Deadlines = field(default_factory=Deadlines)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    require_done: bool = True
    """Whether a stream without `[DONE]` is truncated. `transformers serve` sends none."""
    require_model: bool = True
    """Whether an answer in another model's name is a failure."""
    ca_file: str | None = None
    """PEM file of a certificate authority to trust besides the system's; None = the system's."""
    use_max_completion_tokens: bool = False
    """Send `max_completion_tokens` in place of `max_tokens`; old servers ignore it."""
    extra_body: Mapping[str, Json] = field(default_factory=dict)
    """Fields added to every request, e.g. `chat_template_kwargs`."""
    max_response_bytes: int = 4 * 1024 * 1024
    """Bytes of a response after which it is refused: 128 tokens need about 50 kB."""
    max_event_bytes: int = 1024 * 1024
    """Bytes of one event after which it is refused."""
    max_concurrent: int = 1024
    """Probes in flight over all deployments: half the usual limit of open files."""
    lag_tolerance_seconds: float = 0.0015
    """By how much a TTFT may be late through our own loop before the probe is untrusted…"""
    lag_tolerance_ratio: float = 0.01
    """…or by which share of the value, whichever is larger."""
    warmup_seconds: float = 60.0
    """Time after ready, or after a replica joined, in which probes are marked as warm-up."""
    user_agent: str = "neevscale"

"""What a prober has learned about one deployment, and what of it outlives a restart."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from autoscaler.core.model import Deployment, Json, ProbeResult
from autoscaler.core.words import UntrustedReason
from autoscaler.probes.config import Profile
from autoscaler.probes.request import Extension

ALL: Final = frozenset(Extension)
UNNAMED_RETRY_SECONDS: Final = 600.0
"""After a refusal that no dropped field cured, how long until fields are tried again."""
LLAMA_SERVER: Final = "llama.cpp"
"""What llama-server calls itself in its `Server` header."""


@dataclass(slots=True)
class TokenBudget:
    """Output tokens that one deployment's probes may ask for: a bucket that fills by
    `tokens_per_minute` and holds as much as one longest probe.
    """

    tokens_per_minute: float
    capacity: float
    level: float = field(init=False)
    filled_at: float | None = None

    def __post_init__(self) -> None:
        self.level = self.capacity

    def take(self, wanted: int, *, at_least: int, monotonic: float) -> int:
        """How many of the `wanted` tokens may be asked for now. Never fewer than `at_least`: a
        shorter probe measures nothing, so the bucket may run into debt instead.
        """
        if self.filled_at is not None:
            gained = (monotonic - self.filled_at) * self.tokens_per_minute / 60
            self.level = min(self.capacity, self.level + gained)
        self.filled_at = monotonic
        granted = max(at_least, min(wanted, int(self.level)))
        self.level = max(-self.capacity, self.level - granted)
        return granted


@dataclass(slots=True)
class Memory:
    """One deployment."""

    budget: TokenBudget
    dropped: set[Extension] = field(default_factory=set)
    """Optional fields that its server refused."""
    gave_up_at: float | None = None
    """Monotonic second at which dropping fields did not help; None = never."""
    itl_seconds: float | None = None
    """Of the last success."""
    ttft_seconds: float | None = None
    """Of the last success; a slow one earns more patience for the headers."""
    server: str = ""
    """Its `Server` header."""
    hint: str = ""
    """What spoils the streams and how to change it; empty if nothing does."""
    replicas: int | None = None
    grew_at: float | None = None
    """Monotonic second at which more replicas than before were seen; None = never."""

    def extensions(self) -> frozenset[Extension]:
        """The optional fields to send."""
        wanted = ALL - self.dropped
        return wanted if LLAMA_SERVER in self.server else wanted - {Extension.TIMINGS_PER_TOKEN}

    def tokens(self, profile: Profile, *, stream_seconds: float, monotonic: float) -> int:
        """Length of the next probe: as many tokens as give `stream_seconds`, within the budget."""
        wanted = profile.min_tokens
        if self.itl_seconds:
            wanted = round(stream_seconds / self.itl_seconds)
        wanted = min(profile.max_tokens, max(profile.min_tokens, wanted))
        return self.budget.take(wanted, at_least=profile.min_tokens, monotonic=monotonic)

    def may_try_fields(self, monotonic: float) -> bool:
        """True unless dropping fields failed to help a short while ago."""
        return self.gave_up_at is None or monotonic - self.gave_up_at > UNNAMED_RETRY_SECONDS

    def is_warming_up(self, deployment: Deployment, *, seconds: float, monotonic: float) -> bool:
        """True shortly after the deployment became ready, and after a replica joined."""
        before, self.replicas = self.replicas, deployment.replicas
        if before is not None and deployment.replicas > before:
            self.grew_at = monotonic
        if deployment.is_ready and deployment.uptime_seconds < seconds:
            return True
        return self.grew_at is not None and monotonic - self.grew_at < seconds

    def learn(self, deployment: str, result: ProbeResult, *, server: str) -> None:
        """Take over what one probe taught; `deployment` is its name."""
        self.server = server[:100] or self.server
        if not result.ok or (result.ttft_seconds is None and not result.untrusted):
            return
        self.itl_seconds = result.itl_seconds or self.itl_seconds
        self.ttft_seconds = result.ttft_seconds or self.ttft_seconds
        buffered = UntrustedReason.BUFFERED in result.untrusted
        self.hint = buffering_hint(deployment, self.server) if buffered else ""

    def export(self) -> dict[str, Json]:
        """What is worth keeping over a restart."""
        return {
            "dropped": [extension.value for extension in sorted(self.dropped)],
            "itl_seconds": self.itl_seconds,
            "server": self.server,
        }

    def restore(self, document: Mapping[str, Json]) -> None:
        """Take `export` back; what cannot be read is left as it is."""
        dropped = document.get("dropped")
        if isinstance(dropped, list):
            self.dropped = {Extension(name) for name in dropped if name in set(Extension)}
        itl = document.get("itl_seconds")
        if isinstance(itl, int | float) and not isinstance(itl, bool) and itl > 0:
            self.itl_seconds = float(itl)
        server = document.get("server")
        if isinstance(server, str):
            self.server = server[:100]


def buffering_hint(deployment: str, server: str) -> str:
    """What spoils the streams of this deployment, and which setting changes it."""
    nginx = (
        "in nginx set `proxy_buffering off;` for this location (or let the server send "
        "`X-Accel-Buffering: no`)"
    )
    haproxy = "in haproxy set `option http-no-delay`"
    if "nginx" in server.lower() or "openresty" in server.lower():
        remedy = f"The gateway calls itself {server}: {nginx}."
    else:
        remedy = f"On the gateway: {nginx}; {haproxy}."
    return (
        f"The streams of {deployment} arrive in a few large pieces: something between us and the "
        f"server buffers them, so neither TTFT nor inter-token latency can be seen, only the total "
        f"time, and load cannot be estimated. {remedy}"
    )

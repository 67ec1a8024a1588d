"""What each receiver is told of itself: frozen, made by the composition root from the settings.

Secrets are callables that are asked on each use, so that a rotated file needs no restart. URLs that
carry a secret are secrets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Secret: TypeAlias = Callable[[], str]
"""Asked for its value on each use; may raise OSError where its file cannot be read."""

PAGERDUTY_URL = "https://events.pagerduty.com"
SLACK_API_URL = "https://slack.com/api"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """How one receiver is reached over HTTP."""

    timeout_seconds: float = 15.0
    """Deadline of one attempt, all in all (Standard Webhooks: 15 to 30 s)."""
    ca_file: str | None = None
    """Certificates (PEM) to trust besides the system's."""
    allow_http: bool = False
    """Whether plain http to another host is wanted, as inside one private network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerConfig:
    """One Alertmanager, all its replicas."""

    name: str
    urls: tuple[str, ...]
    """Base URL of every replica, never of a load balancer."""
    username: str | None = None
    password: Secret | None = None
    bearer_token: Secret | None = None
    resend_seconds: float = 60.0
    """Between two repeats of what fires; Alertmanager forgets what is not repeated."""
    http: HttpOptions = field(default_factory=HttpOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookConfig:
    """A URL that is posted to."""

    name: str
    url: Secret
    shape: Literal["alertmanager", "neev.v1"] = "alertmanager"
    signing_secret: Secret | None = None
    """`whsec_…`; None = unsigned."""
    previous_signing_secret: Secret | None = None
    """The key before it, which signs as well while receivers change over."""
    headers: Mapping[str, str] = field(default_factory=dict)
    http: HttpOptions = field(default_factory=HttpOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerdutyConfig:
    """One PagerDuty service, Events API v2."""

    name: str
    routing_key: Secret
    url: str = PAGERDUTY_URL
    http: HttpOptions = field(default_factory=HttpOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackWebhookConfig:
    """An incoming webhook of Slack."""

    name: str
    url: Secret
    http: HttpOptions = field(default_factory=HttpOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackBotConfig:
    """A bot of Slack, which edits its message when the alert is over."""

    name: str
    token: Secret
    channel: str
    url: str = SLACK_API_URL
    http: HttpOptions = field(default_factory=HttpOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpConfig:
    """Mail through one server."""

    name: str
    host: str
    port: int = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """`starttls` is required, not tried: without it no mail is sent."""
    username: str | None = None
    password: Secret | None = None
    sender: str
    to: tuple[str, ...]
    ca_file: str | None = None
    timeout_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecConfig:
    """A program that gets the alert as JSON on standard input."""

    name: str
    command: tuple[str, ...]
    """Program, by its whole path, and arguments; no shell reads them."""
    timeout_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseConfig:
    """Any of the services that apprise knows."""

    name: str
    url: Secret
    timeout_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """The log itself."""

    name: str = "log"


ReceiverConfig: TypeAlias = (
    AlertmanagerConfig
    | WebhookConfig
    | PagerdutyConfig
    | SlackWebhookConfig
    | SlackBotConfig
    | SmtpConfig
    | ExecConfig
    | AppriseConfig
    | LogConfig
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatConfig:
    """A dead man's switch, which alerts when the sign of life stops."""

    url: Secret
    every_seconds: float = 60.0
    http: HttpOptions = field(default_factory=HttpOptions)

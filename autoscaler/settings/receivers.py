"""Who is told of alerts: one section per kind of receiver, each with the name that routes use."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from autoscaler.core.hosts import unsafe_because
from autoscaler.core.snapshot import Severity
from autoscaler.settings.secret import Secret, SecretUnreadable
from autoscaler.settings.section import Section
from autoscaler.settings.units import PlainUrl, SafeUrl, Seconds

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
"""Name of a receiver: letters, digits, `_`, `.`, `-`."""


class ReceiverSettings(Section):
    """What every receiver has."""

    kind: ClassVar[str] = ""
    """Word for its kind in metrics and routes."""
    name: Name | None = None
    """Name that routes, metrics and `alerts test` use. None = its kind and number, `slack-1`."""
    min_severity: Severity = Severity.WARNING
    """The least severity that it is told of; `info` is for logs, not for people. A resolve always
    follows a trigger that was sent.
    """
    timeout_seconds: Seconds = 15
    """Longest that one attempt may take."""


class HttpReceiverSettings(ReceiverSettings):
    """What receivers over HTTP have."""

    ca_file: Path | None = None
    """Certificates (PEM) to trust besides the system's."""
    allow_http: bool = False
    """Whether plain http to another host is wanted, as inside one private network."""

    def insecure(self, key: str, url: Secret | str | None) -> Iterator[tuple[str, str]]:
        """The broken rule that `url` is not fit to be sent to, if it is not."""
        try:
            text = url() if isinstance(url, Secret) else url
        except SecretUnreadable:
            return
        because = "" if text is None else unsafe_because(text)
        if because and not (self.allow_http and "https" in because):
            hint = "; or set allow_http: true" if "https" in because else ""
            yield key, because + hint


class AlertmanagerSettings(HttpReceiverSettings):
    """One Prometheus Alertmanager. Name every replica, never a load balancer."""

    kind: ClassVar[str] = "alertmanager"
    min_severity: Severity = Severity.NONE
    """The least severity that it is told of. Everything by default: it routes itself, and its
    dead man's switch waits for NeevWatchdog, whose severity is `none`.
    """
    url: PlainUrl
    """Base URL, such as `http://127.0.0.1:9093`."""
    username: str | None = None
    """User name for basic auth."""
    password: Secret | None = None
    """Password for basic auth."""
    bearer_token: Secret | None = None
    """Token instead of basic auth."""

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """Where it is, and one way to be known there."""
        yield from self.insecure("url", self.url)
        if (self.username is None) != (self.password is None):
            yield "username", "and password belong together: set both"
        if self.username is not None and self.bearer_token is not None:
            yield "bearer_token", "and username are both set; keep one"


class WebhookShape(StrEnum):
    """How a webhook's body looks."""

    NEEV = "neev.v1"
    ALERTMANAGER = "alertmanager"


class WebhookSettings(HttpReceiverSettings):
    """A URL that is posted to, signed by Standard Webhooks where a key is given."""

    kind: ClassVar[str] = "webhook"
    min_severity: Severity = Severity.INFO
    """The least severity that it is told of. A program is told more than a person. A resolve always
    follows a trigger that was sent.
    """
    url: Secret
    """The URL. A secret, because such URLs often carry one."""
    shape: WebhookShape = WebhookShape.ALERTMANAGER
    """Body as Alertmanager sends it, so that existing receivers work, or our own `neev.v1`."""
    signing_secret: Secret | None = None
    """Key (`whsec_…`) that signs. None = unsigned."""
    previous_signing_secret: Secret | None = None
    """The key before it, which signs as well while receivers change over."""
    headers: Mapping[str, str] = {}
    """Further headers."""

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """Where it is, and a new key before an old one."""
        yield from self.insecure("url", self.url)
        if self.previous_signing_secret is not None and self.signing_secret is None:
            yield "previous_signing_secret", "needs signing_secret, the new key"


class PagerdutySettings(HttpReceiverSettings):
    """PagerDuty, Events API v2."""

    kind: ClassVar[str] = "pagerduty"
    routing_key: Secret
    """Integration key of the service."""
    url: SafeUrl = "https://events.pagerduty.com"
    """Base URL; `https://events.eu.pagerduty.com` in the EU."""
    change_events: bool = True
    """Whether scale actions are sent as change events."""


class SlackSettings(HttpReceiverSettings):
    """Slack: an incoming webhook, or a bot, which can edit its message on resolve."""

    kind: ClassVar[str] = "slack"
    webhook_url: Secret | None = None
    """The incoming webhook's URL."""
    bot_token: Secret | None = None
    """Token of a bot (`xoxb-…`) instead."""
    channel: str | None = None
    """Channel of the bot, by id."""
    api_url: SafeUrl = "https://slack.com/api"
    """Base URL of Slack's API, for the bot."""

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """One of the two, and whole."""
        if (self.webhook_url is None) == (self.bot_token is None):
            yield "webhook_url", "or bot_token must be given, and not both"
        if (self.bot_token is None) != (self.channel is None):
            yield "channel", "and bot_token belong together"
        yield from self.insecure("webhook_url", self.webhook_url)


class MailTls(StrEnum):
    """How a mail connection is made safe."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


class SmtpSettings(ReceiverSettings):
    """Mail."""

    kind: ClassVar[str] = "smtp"
    host: Annotated[str, Field(min_length=1)]
    """Mail server."""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    """Port; 465 goes with `tls: implicit`."""
    tls: MailTls = MailTls.STARTTLS
    """`starttls` (required, not tried), `implicit`, or `none` on loopback and private networks."""
    username: str | None = None
    """User name at the server."""
    password: Secret | None = None
    """Password at the server."""
    sender: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
    """Address that the mail comes from."""
    to: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")], ...], Field(min_length=1)
    ]
    """Addresses that it goes to."""
    ca_file: Path | None = None
    """Certificates (PEM) to trust besides the system's."""

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """A login is whole, and never in the clear."""
        if (self.username is None) != (self.password is None):
            yield "username", "and password belong together: set both"
        if self.tls is MailTls.NONE and self.username is not None:
            yield "tls", "is none, and a password would go in the clear: use starttls or implicit"


class ExecSettings(ReceiverSettings):
    """A program of yours, with the alert as JSON on standard input. No shell, clean environment."""

    kind: ClassVar[str] = "exec"
    min_severity: Severity = Severity.INFO
    """The least severity that it is told of. A program is told more than a person. A resolve always
    follows a trigger that was sent.
    """
    command: Annotated[tuple[str, ...], Field(min_length=1)]
    """Program and arguments, as a list."""
    timeout_seconds: Seconds = 30
    """Longest that it may run."""

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """A program is named by its whole path."""
        if not self.command[0].startswith("/"):
            yield "command", f"must begin with the program's whole path, not {self.command[0]!r}"


class AppriseSettings(ReceiverSettings):
    """Any of the services that apprise knows. Needs `pip install neevscale[apprise]`."""

    kind: ClassVar[str] = "apprise"
    url: Secret
    """The service's URL in apprise's form."""

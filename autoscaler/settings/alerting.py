"""When people are told, who, and when not."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated

from pydantic import AfterValidator, Field

from autoscaler.core.alerting.catalogue import BY_NAME
from autoscaler.core.alerting.silences import check_matchers
from autoscaler.core.snapshot import Severity
from autoscaler.settings.receivers import (
    AlertmanagerSettings,
    AppriseSettings,
    ExecSettings,
    PagerdutySettings,
    ReceiverSettings,
    SlackSettings,
    SmtpSettings,
    WebhookSettings,
)
from autoscaler.settings.scaling import Cron, TimeZone
from autoscaler.settings.secret import Secret
from autoscaler.settings.section import Section
from autoscaler.settings.units import Count, PlainUrl, Ratio, Seconds, SecondsOrZero


def _check_matcher(value: str) -> str:
    (checked,) = check_matchers((value.strip(),))
    return checked


Matcher = Annotated[str, AfterValidator(_check_matcher)]
"""A condition on an alert: `alertname=NeevDeploymentFailed`, `deployment=~chat-.*`, …"""


class RouteSettings(Section):
    """Which alerts go to which receivers. The first route that matches takes an alert."""

    matchers: tuple[Matcher, ...] = ()
    """All must hold. Empty = every alert."""
    receivers: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of receivers, or of kinds (`slack` = all of them)."""
    proceed: bool = False
    """Whether the next routes are looked at as well."""


class MaintenanceSettings(Section):
    """A time in which matching alerts are not sent, once or again and again."""

    matchers: tuple[Matcher, ...] = ()
    """All must hold. Empty = every alert."""
    since: datetime | None = None
    """Begin of a window that comes once, with its zone, such as `2026-01-31T22:00:00+05:30`."""
    cron: Cron | None = None
    """Begin of a window that comes again: five cron fields."""
    timezone: TimeZone = "UTC"
    """Time zone in which `cron` is read."""
    duration_seconds: Seconds
    """How long it lasts."""
    reason: str = ""
    """What for; shown wherever an alert is muted by it."""

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """Once or again, and an instant that is one."""
        if (self.since is None) == (self.cron is None):
            yield "since", "or cron must be given, and not both"
        if self.since is not None and self.since.tzinfo is None:
            yield "since", f"({self.since}) needs its time zone, such as +05:30 or Z at its end"


class AlertOverrideSettings(Section):
    """What is different for one alert of the catalogue."""

    enabled: bool = True
    """Whether it exists at all."""
    severity: Severity | None = None
    """Its severity. None = the catalogue's."""
    for_seconds: SecondsOrZero | None = None
    """How long its condition must hold. None = the catalogue's."""


class HeartbeatSettings(Section):
    """An outbound sign of life, sent only while the loops are healthy."""

    url: Secret | None = None
    """URL of a dead man's switch, which alerts when the sign stops. None = none."""
    every_seconds: Seconds = 60
    """Between two signs."""


class StormSettings(Section):
    """When so much breaks at once that one message says more than a hundred."""

    alerts: Count = 10
    """Critical alerts of different deployments within `within_seconds` that become one."""
    within_seconds: Seconds = 60
    """The time in which they are counted."""


class ThresholdsSettings(Section):
    """From when on something is an alert. Each is the catalogue's own unless written here."""

    init_deadline_seconds: Seconds = 1200
    """Initializing for longer is stuck; twice as long is critical. Large models load in minutes."""
    terminating_deadline_seconds: Seconds = 1800
    """Terminating for longer is stuck."""
    down_consecutive: Count = 3
    """Failed probes in a row that make an endpoint down."""
    up_consecutive: Count = 2
    """Good probes in a row that make it up again."""
    degraded_window_seconds: Seconds = 900
    """Window in which failed probes are counted."""
    degraded_ratio: Ratio = 0.2
    """Share of failed probes in it that makes an endpoint degraded."""
    degraded_clear_ratio: Ratio = 0.1
    """Share at which it no longer is; lower, so that it does not flap."""
    flap_transitions: Count = 6
    """Changes of status within `flap_window_seconds` that are flapping."""
    flap_window_seconds: Seconds = 3600
    """The time in which they are counted."""
    stale_seconds: Seconds = 300
    """Control plane unseen for this long, or five polls, is stale."""
    price_stale_seconds: Seconds = 7 * 86400
    """Prices unseen for this long are stale."""
    cost_anomaly_ratio: Annotated[float, Field(gt=1)] = 1.5
    """Today's cost over a usual day's that is an anomaly."""
    loop_lag_seconds: Seconds = 0.25
    """Lag of our own event loop from which probes cannot be trusted."""

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """An alert ends below where it begins."""
        if self.degraded_clear_ratio > self.degraded_ratio:
            yield "degraded_clear_ratio", "must not exceed degraded_ratio"


class AlertingSettings(Section):
    """Alerts: receivers, routes, and when to stay quiet."""

    alertmanager: tuple[AlertmanagerSettings, ...] = ()
    """Prometheus Alertmanagers."""
    webhook: tuple[WebhookSettings, ...] = ()
    """Webhooks, signed where a key is given."""
    pagerduty: tuple[PagerdutySettings, ...] = ()
    """PagerDuty services."""
    slack: tuple[SlackSettings, ...] = ()
    """Slack channels."""
    smtp: tuple[SmtpSettings, ...] = ()
    """Mail."""
    exec: tuple[ExecSettings, ...] = ()
    """Programs of your own."""
    apprise: tuple[AppriseSettings, ...] = ()
    """The long tail, through apprise."""
    routes: tuple[RouteSettings, ...] = ()
    """Which alerts go where. None = every alert to every receiver."""
    fallback: tuple[str, ...] = ()
    """Receivers that hear what no route takes, and of other receivers that fail. Empty = all."""
    group_wait_seconds: SecondsOrZero = 30
    """How long a warning waits for others to travel with. Critical ones never wait."""
    reminder_seconds: Seconds | None = 4 * 3600
    """After which a firing alert is told again. None = never."""
    resend_seconds: Seconds = 60
    """Between two repeats to an Alertmanager, which forgets what is not repeated."""
    maintenance: tuple[MaintenanceSettings, ...] = ()
    """Times in which matching alerts are not sent."""
    overrides: Mapping[str, AlertOverrideSettings] = {}
    """Name of an alert to what is different for it."""
    thresholds: ThresholdsSettings = ThresholdsSettings()
    """From when on something is an alert."""
    runbook_url: PlainUrl = "https://github.com/neevcloud/neevscale/blob/main/docs/runbooks"
    """Where the runbooks can be read; the alert's name and `.md` follow."""
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    """An outbound sign of life."""
    storm: StormSettings = StormSettings()
    """Folding of many alerts into one."""

    def named_receivers(self) -> dict[str, ReceiverSettings]:
        """All receivers by name; one without a name is called by its kind and number."""
        named: dict[str, ReceiverSettings] = {}
        for listed in self._lists():
            for number, receiver in enumerate(listed, 1):
                named[receiver.name or f"{receiver.kind}-{number}"] = receiver
        return named

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """Names apart, and routes that lead somewhere."""
        for name in self.overrides.keys() - BY_NAME.keys():
            close = get_close_matches(name, BY_NAME, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            yield f"overrides.{name}", f"is no alert{hint}"
        named = self.named_receivers()
        if len(named) < sum(len(listed) for listed in self._lists()):
            yield "routes", "cannot tell receivers apart: two have the same name"
        known = named.keys() | {receiver.kind for receiver in named.values()}
        there_are = ", ".join(sorted(known)) or "none"
        used = [("fallback", name) for name in self.fallback]
        for number, route in enumerate(self.routes):
            used += [(f"routes.{number}.receivers", name) for name in route.receivers]
        for key, name in used:
            if name not in known:
                yield key, f"names {name!r}, which is no receiver; there are: {there_are}"

    def _lists(self) -> tuple[tuple[ReceiverSettings, ...], ...]:
        return (
            self.alertmanager,
            self.webhook,
            self.pagerduty,
            self.slack,
            self.smtp,
            self.exec,
            self.apprise,
        )


class SloRulesSettings(Section):
    """What is allowed of objectives. The objectives themselves are `defaults.slo`."""

    allow_low_volume: bool = False
    """Whether an objective is allowed at which fewer than 3 failed probes in an hour page."""

"""The numbers and routes that alerts obey: one frozen object, made once from the settings.

Thresholds come from monitoring.md §3.2 unless their field says otherwise. Times are seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from autoscaler.core.snapshot import Severity

HOUR = 3600.0
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverRule:
    """What one receiver may be told. A resolve always follows a trigger, whatever stands here."""

    name: str
    min_severity: Severity = Severity.INFO
    """The least severity that triggers; `none` also lets the watchdog through (Alertmanager)."""
    reminders: bool = True
    """Whether long-lasting alerts are repeated. Off for Alertmanager, which repeats by itself."""
    changes: bool = False
    """Whether scale actions are told as change events (PagerDuty)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which alerts go to which receivers; the first route whose matchers hold takes an alert."""

    matchers: tuple[str, ...] = ()
    """As in a silence; empty = every alert."""
    receivers: tuple[str, ...]
    """Names of receivers."""
    proceed: bool = False
    """Whether the next routes are looked at as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindow:
    """A planned silence: once from an instant on, or again and again by cron."""

    name: str
    """Shown as what silences an alert: `maintenance:NAME`."""
    matchers: tuple[str, ...] = ()
    """As in a silence; empty = every alert."""
    starts_at: float | None = None
    """Begin of a window that comes once; None = `cron` says."""
    cron: str | None = None
    """Five cron fields, read in `timezone`: when it begins."""
    timezone: str = "UTC"
    duration_seconds: float
    """How long it lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertOverride:
    """What is different for one alert of the catalogue."""

    enabled: bool = True
    """False = it does not exist; what is open of it ends within the hour."""
    severity: Severity | None = None
    """None = the catalogue's. A finding that is louder stays so."""
    for_seconds: float | None = None
    """None = the catalogue's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRules:
    """Everything a person may set about alerts."""

    receivers: tuple[ReceiverRule, ...] = ()
    routes: tuple[Route, ...] = ()
    """Empty = every alert to every receiver."""
    fallback: tuple[str, ...] = ()
    """Receivers that hear what no route takes, and of other receivers that fail; empty = all."""
    overrides: Mapping[str, AlertOverride] = field(default_factory=dict)
    maintenance: tuple[MaintenanceWindow, ...] = ()
    external_url: str = ""
    """Base URL of our own page for links in messages; empty = no links."""
    runbook_url: str = "https://github.com/neevcloud/neevscale/blob/main/docs/runbooks"
    """Where the runbooks can be read; `/NAME.md` is appended."""
    group_wait_seconds: float = 30.0
    """How long a trigger below critical waits, so that a short one is told once, with its end."""
    reminder_seconds: float | None = 4 * HOUR
    """First reminder of what still fires; each next one after twice the time, at most a day. None =
    never. Info is never repeated.
    """
    storm_alerts: int = 10
    """More criticals than this, within `storm_seconds`, are folded into one. `failed` never is."""
    storm_seconds: float = 60.0
    ttl_critical_seconds: float = 72 * HOUR
    """How long a notification of a critical alert is tried."""
    ttl_seconds: float = 24 * HOUR

    init_deadline_seconds: float = 1200.0
    """Initializing for longer is stuck; twice as long is critical."""
    terminating_deadline_seconds: float = 1800.0
    down_consecutive: int = 3
    down_of: tuple[int, int] = (6, 10)
    """M failed of the last N probes."""
    up_consecutive: int = 2
    degraded_window_seconds: float = 900.0
    degraded_ratio: float = 0.2
    degraded_clear_ratio: float = 0.1
    degraded_failures: int = 4
    rate_limited_window_seconds: float = 600.0
    rate_limited_ratio: float = 0.1
    rate_limited_failures: int = 3
    throughput_ratio: float = 0.6
    throughput_warning_ratio: float = 0.4
    """Below this it is a warning, above it only information."""
    throughput_clear_ratio: float = 0.8
    throughput_probes: int = 20
    flap_transitions: int = 6
    flap_window_seconds: float = HOUR
    stale_seconds: float = 300.0
    """The larger of this and five polls makes the control plane stale."""
    error_window_seconds: float = 900.0
    error_ratio: float = 0.1
    error_count: int = 5
    thrash_reversals: int = 4
    thrash_window_seconds: float = HOUR
    price_stale_seconds: float = 7 * DAY
    cost_anomaly_ratio: float = 1.5
    cost_anomaly_min: float = 1.0
    """Money a day below which no anomaly is told."""
    loop_lag_seconds: float = 0.25
    missed_jobs: int = 5
    missed_window_seconds: float = 600.0

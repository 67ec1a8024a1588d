"""The numbers and routes that alerts obey: one frozen object, made once from the settings.

Thresholds come from monitoring.md §3.2 unless their field says otherwise. Times are seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from autoscaler.core.snapshot import Severity

HOUR = 3600.0
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What one receiver wants to hear. A resolve always follows a trigger, whatever is written
    here.
    """

    receiver: str
    """Name of the receiver."""
    severities: tuple[Severity, ...] = (Severity.CRITICAL, Severity.WARNING)
    """Severities that trigger. Info and the watchdog are for logs and for Alertmanager."""
    alerts: tuple[str, ...] = ("*",)
    """Globs over alert names."""
    deployments: tuple[str, ...] = ("*",)
    """Globs over deployment names; an alert of the fleet itself has the empty name, which `*`
    matches.
    """
    reminders: bool = True
    """Whether long-lasting alerts are repeated. Off for Alertmanager, which repeats by itself."""
    changes: bool = False
    """Whether scale actions are told as change events (PagerDuty)."""
    fallback: bool = False
    """Whether alerts about other, failing receivers come here whatever the filters say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindow:
    """A planned silence: once between two instants, or each week."""

    name: str
    matchers: tuple[str, ...]
    """As in a silence; all must hold."""
    starts_at: float | None = None
    """Of a single window; None = weekly."""
    ends_at: float | None = None
    weekdays: tuple[int, ...] = ()
    """Days on which a weekly window starts, Monday = 0."""
    start_minute: int = 0
    """Minute of the day, in `timezone`, at which a weekly window starts."""
    duration_seconds: float = HOUR
    """Length of a weekly window, at most a day."""
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnRule:
    """One pair of windows of a multi-window burn-rate alert."""

    long: str
    short: str
    rate: float
    """Burn rate above which both windows must be."""
    severity: Severity
    min_bad: int = 3
    """Bad events that the long window must hold: one failed probe never pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRules:
    """Everything a person may set about alerts."""

    routes: tuple[Route, ...] = ()
    maintenance: tuple[MaintenanceWindow, ...] = ()
    external_url: str = ""
    """Base URL of our own page for links in messages; empty = no links."""
    runbook_url: str = "https://github.com/neevcloud/neevscale/blob/main/docs/runbooks/"
    """Where the runbooks can be read; `NAME.md` is appended."""
    group_wait_seconds: float = 30.0
    """How long a trigger below critical waits, so that a short one is told once, with its end."""
    reminders_seconds: Mapping[Severity, float] = field(
        default_factory=lambda: MappingProxyType(
            {Severity.CRITICAL: HOUR, Severity.WARNING: DAY},
        )
    )
    """First reminder after the trigger; each next one after twice the time, at most a day. A
    severity that is missing is never repeated.
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
    burns: tuple[BurnRule, ...] = (
        BurnRule(long="1h", short="5m", rate=14.4, severity=Severity.CRITICAL),
        BurnRule(long="6h", short="30m", rate=6.0, severity=Severity.CRITICAL),
        BurnRule(long="1d", short="2h", rate=3.0, severity=Severity.WARNING),
        BurnRule(long="3d", short="6h", rate=1.0, severity=Severity.WARNING),
    )
    """Google's pairs (SRE workbook, chapter 5) for a 30-day budget."""
    throughput_ratio: float = 0.6
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

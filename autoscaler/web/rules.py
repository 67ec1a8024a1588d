"""Prometheus rules for one configuration: recordings, what the daemon cannot say, SLO burn.

Burn rates after the Google SRE workbook, ch. 5, as Sloth writes them: a pair of windows must both
burn. At an objective of 99.5 % the fast page burns 14.4 x: over 1 h that spends 2 % of the budget
of 30 d (14.4 / 720). Synthetic probes are few, so each alert also wants a smallest count of bad
ones (monitoring.md 3.4).

The daemon alerts on the same things by itself. Its alerts carry no `source`, these do, and the
shipped Alertmanager configuration lets the daemon's word mute the same alert from here: nobody is
paged twice, and somebody is paged when the daemon is dead.
"""

from dataclasses import dataclass
from enum import StrEnum

import yaml

from autoscaler.core.model import Json
from autoscaler.web.catalogue_probe import SLOS

BAD = "neevscale_probe_slo_bad_total"
EVENTS = "neevscale_probe_slo_events_total"
OBJECTIVE = "max by (deployment, slo) (neevscale_slo_objective_ratio)"
RATIO = "deployment_slo:neevscale_probe_slo_bad_per_slo_events:ratio_rate"
BUDGET = "deployment_slo:neevscale_probe_slo_budget_remaining:ratio30d"
FEWEST_BAD = 3
"""Bad probes in the long window without which no burn alert fires: one blip pages nobody."""
SOURCE = "prometheus"


class RulesMode(StrEnum):
    """How much Prometheus says: only what the daemon cannot, or also what both can."""

    META = "meta"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesConfig:
    """What the rules depend on."""

    job: str = "neevscale"
    """Name of the scrape job."""
    mode: RulesMode = RulesMode.META
    discover_seconds: float = 15.0
    probe_seconds: float = 15.0
    decide_seconds: float = 15.0
    runbook_url: str = ""
    """Prefix of the runbooks' addresses; empty = none."""

    @property
    def poll_stale_seconds(self) -> int:
        """Age of the last list that is an alert: the larger of 5 min and 5 polls."""
        return int(max(300.0, 5 * self.discover_seconds))

    @property
    def probe_stale_seconds(self) -> int:
        """Age of the last probe of a ready deployment: the larger of 10 min and 20 idle cadences,
        each twice the configured one.
        """
        return int(max(600.0, 40 * self.probe_seconds))

    @property
    def tick_stale_seconds(self) -> int:
        """Age of the last picture: the larger of 2 min and 8 decisions."""
        return int(max(120.0, 8 * self.decide_seconds))


@dataclass(frozen=True, slots=True)
class _Window:
    """A pair of windows, how much faster than allowed both burn, and how loud that is."""

    long: str
    short: str
    factor: float
    severity: str
    wait: str


@dataclass(frozen=True, slots=True)
class _Alert:
    """One alert of Prometheus."""

    name: str
    expression: str
    severity: str
    wait: str
    summary: str
    dimension: str = ""

    def rule(self, config: RulesConfig) -> Json:
        """Return it as the rule file wants it, with what the guide for mixins asks for."""
        annotations: dict[str, Json] = {"summary": self.summary, "description": self.summary}
        if config.runbook_url:
            annotations["runbook_url"] = f"{config.runbook_url.rstrip('/')}/{self.name}.md"
        rule: dict[str, Json] = {"alert": self.name, "expr": self.expression}
        if self.wait != "0m":
            rule["for"] = self.wait
        labels: dict[str, Json] = {"severity": self.severity, "source": SOURCE}
        if self.dimension:
            labels["dimension"] = self.dimension
        return {**rule, "labels": labels, "annotations": annotations}


_FAILED = "sum by (receiver) (rate(neevscale_notification_failures_total[15m]))"
_TRIED = "sum by (receiver) (rate(neevscale_notification_requests_total[15m]))"
_DELIVERY = (
    _Alert(
        "NeevNotificationsFailing",
        f"{_FAILED} / {_TRIED} > 0.01",
        "warning",
        "5m",
        "{{ $value | humanizePercentage }} of the notifications to {{ $labels.receiver }} fail.",
    ),
    _Alert(
        "NeevNotificationBacklog",
        "time() - max by (receiver) (neevscale_notification_queue_oldest_timestamp_seconds) > 600",
        "critical",
        "0m",
        "A notification to {{ $labels.receiver }} has waited for {{ $value | humanizeDuration }}.",
    ),
)
_LAG = "sum by (le) (rate(neevscale_event_loop_lag_seconds_bucket[10m]))"
_PROCESS = (
    _Alert(
        "NeevTwoLeaders",
        "sum(neevscale_leader) > 1",
        "critical",
        "2m",
        "{{ $value }} processes may scale the same deployments. Stop all but one.",
    ),
    _Alert(
        "NeevJobsMissed",
        "sum by (task) (increase(neevscale_job_missed_total[10m])) > 5",
        "warning",
        "10m",
        "The job {{ $labels.task }} was skipped {{ $value | humanize }} times in 10 min.",
    ),
    _Alert(
        "NeevLoopLag",
        f"histogram_quantile(0.99, {_LAG}) > 0.25",
        "warning",
        "10m",
        "The daemon is late by {{ $value | humanizeDuration }}: probes measure it, too.",
    ),
    _Alert(
        "NeevDeploymentsHidden",
        "max(neevscale_metrics_hidden_deployments) > 0",
        "warning",
        "10m",
        "{{ $value }} deployments have no series: there are more than the limit.",
    ),
)

WINDOWS = (
    _Window("1h", "5m", 14.4, "critical", "1m"),
    _Window("6h", "30m", 6.0, "critical", "5m"),
    _Window("1d", "2h", 3.0, "warning", "15m"),
    _Window("3d", "6h", 1.0, "warning", "30m"),
)
_RATES = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
_NAMES = {"availability": "Availability", "ttft": "TTFT", "itl": "ITL"}


def build_rules(config: RulesConfig) -> dict[str, Json]:
    """Return the rule file of a configuration as data."""
    groups = [recordings(), meta_alerts(config)]
    if config.mode is RulesMode.FULL:
        groups.append(slo_alerts(config))
    return {"groups": list(groups)}


def render_rules(config: RulesConfig) -> str:
    """Return the rule file of a configuration as YAML."""
    return render(build_rules(config))


def shipped_rules() -> dict[str, str]:
    """Return the rule files of `config/prometheus/rules` by name: those of the defaults, the second
    apart so that who relies on the daemon's own alerts can leave it out.
    """
    config = RulesConfig()
    return {
        "neevscale.yml": render(build_rules(config)),
        "neevscale-slo.yml": render({"groups": [slo_alerts(config)]}),
    }


def render(document: dict[str, Json]) -> str:
    """Return YAML that stays the same for the same rules."""
    head = "# Made by `neevscale rules`; change the configuration, not this file.\n"
    return head + yaml.safe_dump(document, sort_keys=False, width=10_000, allow_unicode=True)


def recordings() -> dict[str, Json]:
    """Return the group of recorded ratios."""
    rates: list[Json] = [
        {"record": f"{RATIO}{window}", "expr": _ratio(window)} for window in _RATES
    ]
    left = f"1 - ({_ratio('30d', function='increase')}) / (1 - {OBJECTIVE})"
    return {
        "name": "neevscale-slo",
        "interval": "30s",
        "rules": [*rates, {"record": BUDGET, "expr": left}],
    }


def _ratio(window: str, *, function: str = "rate") -> str:
    parts = [f"sum by (deployment, slo) ({function}({name}[{window}]))" for name in (BAD, EVENTS)]
    return " / ".join(parts)


def meta_alerts(config: RulesConfig) -> dict[str, Json]:
    """Return the group of what only somebody outside the daemon can say."""
    alerts = (*_alive(config), *_seeing(config), *_DELIVERY, *_PROCESS)
    return {"name": "neevscale-meta", "rules": [alert.rule(config) for alert in alerts]}


def _alive(config: RulesConfig) -> tuple[_Alert, ...]:
    job = f'job="{config.job}"'
    return (
        _Alert(
            "NeevDaemonDown",
            f"up{{{job}}} == 0 or absent(up{{{job}}})",
            "critical",
            "5m",
            "Neevscale cannot be scraped: nothing is watched, scaled or alerted on.",
        ),
        _Alert(
            "NeevMetricsAbsent",
            "absent(neevscale_build_info)",
            "critical",
            "10m",
            "Prometheus holds no series of Neevscale: is the job's target right?",
        ),
        _Alert(
            "NeevTickStale",
            f"time() - max(neevscale_snapshot_timestamp_seconds) > {config.tick_stale_seconds}",
            "critical",
            "1m",
            "Neevscale has made no decision for {{ $value | humanizeDuration }}.",
        ),
        _Alert(
            "NeevReloadFailed",
            "max_over_time(neevscale_config_last_reload_successful[5m]) == 0",
            "warning",
            "10m",
            "The last reload failed; the old configuration is in force. See the log for why.",
        ),
    )


def _seeing(config: RulesConfig) -> tuple[_Alert, ...]:
    listed = 'neevscale_controlplane_last_success_timestamp_seconds{operation="list"}'
    probed = "max by (deployment) (neevscale_probe_last_timestamp_seconds)"
    ready = 'max by (deployment) (neevscale_deployment_status{status="ready"})'
    return (
        _Alert(
            "NeevPollStale",
            f"time() - max({listed}) > {config.poll_stale_seconds}",
            "critical",
            "0m",
            "The platform has not been listed for {{ $value | humanizeDuration }}.",
        ),
        _Alert(
            "NeevProbeStale",
            f"(time() - {probed} > {config.probe_stale_seconds}) "
            f"and on (deployment) ({ready} == 1)",
            "warning",
            "0m",
            "{{ $labels.deployment }} is ready, not probed for {{ $value | humanizeDuration }}.",
        ),
    )


def slo_alerts(config: RulesConfig) -> dict[str, Json]:
    """Return the group of what the daemon alerts on as well, for when it cannot."""
    failed = _Alert(
        "NeevDeploymentFailed",
        'max by (deployment) (neevscale_deployment_status{status="failed"}) == 1',
        "critical",
        "0m",
        "The platform reports {{ $labels.deployment }} as failed.",
    )
    burning = [_burn(slo, window) for slo in SLOS for window in WINDOWS]
    rules = [alert.rule(config) for alert in (failed, *burning)]
    return {"name": "neevscale-slo-alerts", "rules": rules}


def _burn(slo: str, window: _Window) -> _Alert:
    own = f'{{slo="{slo}"}}'
    limit = (
        f"{window.factor:g} * (1 - max by (deployment, slo) (neevscale_slo_objective_ratio{own}))"
    )
    sides = [
        f"({RATIO}{each}{own} > on (deployment, slo) {limit})"
        for each in (window.long, window.short)
    ]
    bad = f"(sum by (deployment, slo) (increase({BAD}{own}[{window.long}])) >= {FEWEST_BAD})"
    return _Alert(
        f"Neev{_NAMES[slo]}BudgetBurn",
        " and ".join([*sides, bad]),
        window.severity,
        window.wait,
        f"{{{{ $labels.deployment }}}} burns its {slo} budget {window.factor:g} times too fast "
        f"over {window.long}: {{{{ $value | humanizePercentage }}}} of its probes are bad.",
        dimension=window.long,
    )

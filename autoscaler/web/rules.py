"""Prometheus rules for one configuration: recordings, what the daemon cannot say, SLO burn.

The daemon alerts on the same things by itself. Its alerts carry no `source`, these do, and the
shipped Alertmanager configuration lets the daemon's word mute the same alert from here: nobody is
paged twice, and somebody is paged when the daemon is dead.
"""

import yaml

from autoscaler.core.model import Json
from autoscaler.web.rules_config import RulesConfig, RulesMode
from autoscaler.web.rules_meta import meta_alerts
from autoscaler.web.rules_slo import recordings, slo_alerts

__all__ = ["RulesConfig", "RulesMode", "build_rules", "render", "render_rules", "shipped_rules"]


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

"""Settings become what the daemon and the adapters are told, nothing lost on the way."""

from decimal import Decimal
from typing import Any

import pytest
from helpers_fakes import a_deployment

from autoscaler.app import adapters, translate
from autoscaler.app.logging_setup import secrets_in
from autoscaler.app.receivers import alert_rules, receiver_configs
from autoscaler.core.snapshot import Severity
from autoscaler.notify.config import (
    AlertmanagerConfig,
    AppriseConfig,
    ExecConfig,
    PagerdutyConfig,
    SlackBotConfig,
    SlackWebhookConfig,
    SmtpConfig,
    WebhookConfig,
)
from autoscaler.settings import Settings

ALERTING = {
    "alertmanager": [{"url": "http://127.0.0.1:9093"}],
    "webhook": [
        {"url": "https://example.com/hook-secret", "signing_secret": "whsec_c2VjcmV0", "name": "w"}
    ],
    "pagerduty": [{"routing_key": "routing-secret"}],
    "slack": [
        {"webhook_url": "https://hooks.slack.com/services/slack-secret"},
        {"bot_token": "xoxb-bot-secret", "channel": "C1", "min_severity": "critical"},
    ],
    "smtp": [
        {"host": "mail", "sender": "a@b.c", "to": ["d@e.f"], "username": "u", "password": "mail-pw"}
    ],
    "exec": [{"command": ["/bin/true"]}],
    "apprise": [{"url": "ntfy://apprise-secret"}],
    "routes": [{"matchers": ["severity=critical"], "receivers": ["slack", "w"]}],
    "fallback": ["w"],
    "overrides": {"NeevFlapping": {"enabled": False}},
    "maintenance": [{"cron": "0 2 * * 0", "duration_seconds": 3600, "reason": "weekly"}],
    "heartbeat": {"url": "https://example.com/ping-secret"},
}


def settings(**sections: Any) -> Settings:
    return Settings.model_validate(sections)


def test_each_kind_of_receiver_is_told_of_itself() -> None:
    found = receiver_configs(settings(alerting=ALERTING))
    kinds = [type(config) for config in found]
    assert kinds == [
        AlertmanagerConfig,
        WebhookConfig,
        PagerdutyConfig,
        SlackWebhookConfig,
        SlackBotConfig,
        SmtpConfig,
        ExecConfig,
        AppriseConfig,
    ]
    assert [config.name for config in found][:2] == ["alertmanager-1", "w"]


def test_routes_may_name_kinds_and_the_log_hears_everything() -> None:
    rules = alert_rules(settings(alerting=ALERTING))
    assert set(rules.routes[0].receivers) == {"w", "slack-1", "slack-2", "log"}
    assert rules.fallback == ("w",)
    assert not rules.overrides["NeevFlapping"].enabled
    assert rules.maintenance[0].name == "weekly"
    least = {receiver.name: receiver.min_severity for receiver in rules.receivers}
    assert least["slack-2"] is Severity.CRITICAL
    assert "log" in least


def test_alertmanager_repeats_by_itself_and_pagerduty_wants_changes() -> None:
    rules = {r.name: r for r in alert_rules(settings(alerting=ALERTING)).receivers}
    assert not rules["alertmanager-1"].reminders
    assert rules["w"].reminders
    assert rules["pagerduty-1"].changes
    assert not rules["w"].changes


def test_every_secret_of_the_settings_is_known_to_the_log() -> None:
    whole = settings(
        alerting=ALERTING,
        cloud={"org_id": "o", "project_id": "p", "token": "pat-nc-1"},
        inference={"key": "sk-nc-1", "keys": [{"match": {"name": "a"}, "key": "sk-nc-2"}]},
        web={"admin_token": "admin-secret"},
    )
    values = {secret() for secret in secrets_in(whole)}
    assert values == {
        *("pat-nc-1", "sk-nc-1", "sk-nc-2", "admin-secret", "whsec_c2VjcmV0", "routing-secret"),
        *("https://example.com/hook-secret", "xoxb-bot-secret", "mail-pw", "ntfy://apprise-secret"),
        *("https://hooks.slack.com/services/slack-secret", "https://example.com/ping-secret"),
    }


def test_the_price_of_a_deployment_wins_over_that_of_its_gpu() -> None:
    prices = {
        "currency": "INR",
        "per_gpu_hour": {"gpu-h100": 100},
        "per_deployment": {"b": 50},
    }
    config = translate.daemon_config(settings(prices=prices))
    assert config.currency == "INR"
    assert config.prices_for(a_deployment("a"))[0].amount == Decimal(100)
    assert config.prices_for(a_deployment("b"))[0].amount == Decimal(50)
    assert config.prices_for(a_deployment("c", gpu_config_id="other")) == ()


def test_the_policy_is_the_settings_and_made_once_per_deployment() -> None:
    config = translate.daemon_config(
        settings(mode="active", deployments=[{"match": {"name": "chat-*"}, "max_replicas": 4}])
    )
    chat = config.policy_for(a_deployment("chat-a"))
    assert chat.may_scale
    assert not config.policy_for(a_deployment("other")).is_managed
    assert config.policy_for(a_deployment("chat-a", replicas=7)) is chat


def test_without_a_state_file_nothing_is_recorded_for_replay_and_that_is_said() -> None:
    config = translate.daemon_config(settings(state={"path": ":memory:"}))
    assert config.keep_observations_seconds == 0.0
    assert "memory only" in config.warnings[0]


def test_a_client_needs_what_is_missing_and_says_so() -> None:
    with pytest.raises(ValueError, match="NEEV_ORG_ID"):
        adapters.build_cloud(settings(), clock=_Frozen())


def test_objectives_become_bucket_edges() -> None:
    config = adapters.meter_config(
        settings(
            defaults={"slo": {"ttft_seconds": 0.7}},
            deployments=[{"match": {"name": "a"}, "slo": {"itl_seconds": 0.033}}],
        )
    )
    assert config.ttft_edges == (0.7,)
    assert config.itl_edges == (0.033,)


def test_a_reload_names_what_only_a_restart_brings() -> None:
    before = settings()
    after = settings(mode="active", web={"listen": "127.0.0.1:1234"})
    said = translate.changes(before, after)
    assert said == ("In force now: mode. Changed, but in force only after a restart: web.")
    assert translate.changes(before, before) == "Nothing changed."


def test_what_waits_for_a_restart_is_named_at_every_reload_until_then() -> None:
    started = settings()
    after = settings(probe={"profiles": [], "require_done": False})
    said = translate.changes(started, after)
    assert said == (
        "In force now: probe. Changed, but in force only after a restart: probe.profiles."
    )
    again = translate.changes(after, after, started=started)
    assert again == "Changed, but in force only after a restart: probe.profiles."


def test_a_change_that_only_waits_is_not_called_in_force() -> None:
    said = translate.changes(settings(), settings(probe={"tokens_per_minute": 700}))
    assert said == "Changed, but in force only after a restart: probe.tokens_per_minute."


class _Frozen:
    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing sleeps here")

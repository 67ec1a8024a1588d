"""What a person sets about alerts and the web server reaches those who obey it."""

from autoscaler.app.adapters import web_config
from autoscaler.app.receivers import alert_rules
from autoscaler.settings import load_settings


def test_a_threshold_that_is_set_is_obeyed_and_the_others_stay() -> None:
    overrides = {"alerting": {"thresholds": {"down_consecutive": 5}}}
    rules = alert_rules(load_settings(environ={}, overrides=overrides).settings)
    assert (rules.down_consecutive, rules.up_consecutive) == (5, 2)


def test_reloading_over_http_can_be_switched_off() -> None:
    overrides = {"web": {"enable_lifecycle": False}}
    assert not web_config(load_settings(environ={}, overrides=overrides).settings).lifecycle


def test_each_kind_of_receiver_is_told_of_what_it_is_for() -> None:
    """People of what matters, programs of more, and an Alertmanager of all: of the watchdog too."""
    receivers = {
        "alertmanager": [{"url": "http://127.0.0.1:9093"}],
        "webhook": [{"url": "http://127.0.0.1/hook"}],
        "slack": [{"webhook_url": "https://hooks.slack.com/services/x"}],
        "smtp": [{"host": "127.0.0.1", "sender": "a@example.com", "to": ["b@example.com"]}],
        "pagerduty": [{"routing_key": "0" * 32, "min_severity": "critical"}],
        "exec": [{"command": ["/bin/true"]}],
    }
    rules = alert_rules(load_settings(environ={}, overrides={"alerting": receivers}).settings)
    assert {rule.name: rule.min_severity.value for rule in rules.receivers} == {
        "alertmanager-1": "none",
        "webhook-1": "info",
        "slack-1": "warning",
        "smtp-1": "warning",
        "pagerduty-1": "critical",
        "exec-1": "info",
        "log": "info",
    }


def test_routes_and_windows_may_name_the_dimension_of_an_alert() -> None:
    matchers = ["dimension=slack-1"]
    window = {"matchers": matchers, "cron": "0 2 * * 0", "duration_seconds": 3600}
    overrides = {"alerting": {"maintenance": [window]}}
    rules = alert_rules(load_settings(environ={}, overrides=overrides).settings)
    assert rules.maintenance[0].matchers == tuple(matchers)

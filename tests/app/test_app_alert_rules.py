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

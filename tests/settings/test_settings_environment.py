"""Variables: every setting has one, unknown ones are faults, Kubernetes' own are let be."""

from pathlib import Path

import pytest

from autoscaler.settings import Settings, SettingsInvalid, load_settings
from autoscaler.settings.environment import PLATFORM_VARIABLES, variables


def faults(**environ: str) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(environ=environ)
    return str(caught.value)


def test_every_plain_setting_and_every_secret_file_has_a_variable() -> None:
    names = variables(Settings)
    assert names["NEEVSCALE_MODE"] == ("mode",)
    assert names["NEEVSCALE_DEFAULTS__SLO__ITL_SECONDS"] == ("defaults", "slo", "itl_seconds")
    assert names["NEEVSCALE_CLOUD__PASSWORD_FILE"] == ("cloud", "password_file")
    assert names["NEEVSCALE_ALERTING__HEARTBEAT__URL_FILE"] == (
        "alerting", "heartbeat", "url_file",
    )  # fmt: skip
    assert all(name.isupper() for name in names)
    assert len(names) > 100


def test_lists_and_maps_are_yaml_and_null_is_nothing() -> None:
    settings = load_settings(
        environ={
            "NEEVSCALE_DEPLOYMENTS": "[{match: {name: 'chat-*'}, max_replicas: 8}]",
            "NEEVSCALE_PRICES": '{"currency": "INR", "per_gpu_hour": {"gpu-h100": 192.48}}',
            "NEEVSCALE_ALERTING__REMINDER_SECONDS": "null",
            "NEEVSCALE_BUDGET__ENFORCE": "true",
        }
    ).settings
    assert settings.deployments[0].max_replicas == 8
    assert str(settings.prices.per_gpu_hour["gpu-h100"][0].price) == "192.48"
    assert settings.alerting.reminder_seconds is None
    assert settings.budget.enforce


def test_an_unknown_variable_is_a_fault_with_a_suggestion() -> None:
    said = faults(NEEVSCALE_INTERVAL__PROBE_SECONDS="5")
    assert said.endswith(
        "NEEVSCALE_INTERVAL__PROBE_SECONDS: is no setting; "
        "did you mean NEEVSCALE_INTERVALS__PROBE_SECONDS?"
    )


def test_a_variable_that_resembles_nothing_points_at_the_schema() -> None:
    assert "neevscale config" in faults(NEEVSCALE_ZZZZZZZZZZ="1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NEEVSCALE_SERVICE_HOST", "10.0.0.1"),
        ("NEEVSCALE_SERVICE_PORT", "9464"),
        ("NEEVSCALE_SERVICE_PORT_HTTP", "9464"),
        ("NEEVSCALE_PORT", "tcp://10.0.0.1:9464"),
        ("NEEVSCALE_PORT_9464_TCP", "tcp://10.0.0.1:9464"),
        ("NEEVSCALE_DEMO_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("NEEVSCALE_PORT_9464_TCP_ADDR", "10.0.0.1"),
        ("NEEVSCALE_PORT_9464_TCP_PORT", "9464"),
        ("NEEVSCALE_PORT_9464_TCP_PROTO", "tcp"),
    ],
)
def test_what_kubernetes_makes_for_a_service_of_our_name_is_ignored_with_one_line(
    name: str, value: str
) -> None:
    loaded = load_settings(environ={name: value})
    (note,) = loaded.notes
    assert name in note


def test_a_slip_that_ends_in_port_is_no_kubernetes_variable() -> None:
    assert "is no setting" in faults(NEEVSCALE_WEB_PORT="9464")


@pytest.mark.parametrize("name", ["NEEV_BASE_URL", "NEEV_API_KEY", "NEEV_ANYTHING"])
def test_variables_of_other_products_are_not_read(name: str) -> None:
    before = load_settings(environ={}).settings
    assert load_settings(environ={name: "https://elsewhere.example.com"}).settings == before


def test_two_variables_for_one_setting_contradict() -> None:
    said = faults(NEEV_ORG_ID="org-1", NEEVSCALE_CLOUD__ORG_ID="org-2")
    assert "is also set by" in said


@pytest.mark.parametrize("section", ["null", "soon", "[1, 2]"])
def test_a_variable_below_a_section_that_is_none_is_not_lost_in_silence(section: str) -> None:
    said = faults(NEEVSCALE_INTERVALS=section, NEEVSCALE_INTERVALS__PROBE_SECONDS="5")
    assert (
        "NEEVSCALE_INTERVALS__PROBE_SECONDS: intervals.probe_seconds is also set by "
        "NEEVSCALE_INTERVALS; keep one"
    ) in said


def test_a_variable_of_a_section_and_one_of_its_keys_add_up() -> None:
    environ = {
        "NEEVSCALE_CLOUD": "{org_id: org-1, project_id: prj-1}",
        "NEEVSCALE_CLOUD__PAGE_SIZE": "50",
        "NEEV_PROJECT_ID": "prj-2",
    }
    cloud = load_settings(environ=environ).settings.cloud
    assert (cloud.org_id, cloud.project_id, cloud.page_size) == ("org-1", "prj-2", 50)


def test_an_empty_variable_counts_as_not_set() -> None:
    settings = load_settings(environ={"NEEV_ORG_ID": "", "NEEVSCALE_MODE": " "}).settings
    assert settings.cloud.org_id is None


def test_a_fault_names_its_variable() -> None:
    assert "NEEV_API_TOKEN: cloud.token begins with" in faults(NEEV_API_TOKEN="Bearer x")
    said = faults(NEEVSCALE_INTERVALS__DECIDE_SECONDS="1 year")
    assert said.splitlines()[1].startswith("NEEVSCALE_INTERVALS__DECIDE_SECONDS: ")


def test_the_variables_of_the_platform_point_at_real_settings() -> None:
    assert set(PLATFORM_VARIABLES.values()) <= {
        path for name, path in variables(Settings).items() if name.startswith("NEEVSCALE_")
    }


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("  sk-nc-1\n")
    key = load_settings(environ={"NEEV_INFERENCE_API_KEY_FILE": str(file)}).settings.inference.key
    assert key is not None
    assert key() == "sk-nc-1"
    file.write_text("sk-nc-2")
    assert key() == "sk-nc-2"

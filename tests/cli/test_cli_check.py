"""`check-config`, `config` and the help: what is said before anything is done."""

import json
from pathlib import Path

import pytest
import yaml
from helpers_cli import call, platform
from helpers_cloud import Platform, deployment_json
from helpers_fakes import a_deployment

from autoscaler.cli.check_online import Seen
from autoscaler.cli.tree import VERBS, load
from autoscaler.core.model import ProbeResult
from autoscaler.core.policy import Policy
from autoscaler.core.words import FailureReason


def write(folder: Path, text: str) -> str:
    file = folder / "neevscale.yaml"
    file.write_text(text)
    return str(file)


GOOD = """
deployments:
  - {match: {name: "chat-*"}, max_replicas: 1, mode: active}
  - {match: {name: "batch"}, mode: active}
"""


def test_a_good_file_shows_the_policy_of_each_entry_and_what_is_missing(tmp_path: Path) -> None:
    ended = call("check-config", "--config", write(tmp_path, GOOD))
    assert ended.code == 0
    assert "No faults" in ended.out
    assert "name batch is active but has no max_replicas" in ended.out
    assert "NEEV_ORG_ID" in ended.out
    assert "1 of 2 entries may scale" in ended.out
    assert "output tokens a minute to each deployment" in ended.out
    assert "nobody is told" in ended.out


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("mode: advisory\n", "no monthly budget is set"),
        ("budget: {monthly: 5000}\nprices: {currency: INR}\n",
         "5,000.00 INR a month for the fleet; budgets warn and refuse nothing"),
        ("deployments: [{match: {name: a}, monthly_budget: 10}]\nbudget: {enforce: true}\n",
         "a monthly budget in 1 of 1 entries; budgets refuse increases"),
        ("alerting: {webhook: [{name: hook, url: 'https://a.example.com'}]}\n", "sent to hook."),
        ("state: {path: ':memory:'}\n", "in memory, lost at the end"),
        ("web: {admin_token: x}\n", "pause, override and other orders are on"),
    ],
    ids=["no budget", "fleet", "entries", "receiver", "memory", "orders"],
)  # fmt: skip
def test_before_it_runs_it_says_what_it_would_do(tmp_path: Path, text: str, sentence: str) -> None:
    assert sentence in call("check-config", "--config", write(tmp_path, text)).out


def test_a_web_file_of_users_alone_is_served_without_tls_and_a_broken_one_is_refused(
    tmp_path: Path,
) -> None:
    web_file = tmp_path / "web.yml"
    file = write(tmp_path, f"web: {{config_file: {web_file}}}\n")
    web_file.write_text("http_server_config: {http2: true}\n")
    assert "http://127.0.0.1:9464" in call("check-config", "--config", file).out
    web_file.write_text("tls_server_config: {cert_file: a.pem, key_file: b.pem}\n")
    assert "https://127.0.0.1:9464" in call("check-config", "--config", file).out
    web_file.write_text("basic_auth_users: {ada: secret}\n")
    ended = call("check-config", "--config", file)
    assert ended.code == 2
    assert "web.config_file cannot be used" in ended.err
    assert "secret" not in ended.err


def test_every_fault_is_listed_with_its_line_and_the_exit_code_is_2(tmp_path: Path) -> None:
    file = write(tmp_path, "mod: active\nintervals: {probe_seconds: soon}\n")
    ended = call("check-config", "--config", file)
    assert ended.code == 2
    assert f"{file}:1: mod is no setting; did you mean mode?" in ended.err
    assert f"{file}:2: intervals.probe_seconds must be seconds" in ended.err


def test_as_json_it_is_data(tmp_path: Path) -> None:
    ended = call("check-config", "--config", write(tmp_path, GOOD), "-o", "json")
    entries = json.loads(ended.out)["entries"]
    assert entries[0]["policy"]["max_replicas"] == 1


def test_online_it_says_what_would_be_done_and_what_a_probe_found(tmp_path: Path) -> None:
    """The endpoint is nowhere: the probe fails, and so does the check."""
    deployments = [
        deployment_json(1, endpoint_url="http://127.0.0.1:9/v1"),
        deployment_json(2, name="watched", status="initializing", endpoint_url=None),
    ]
    with platform(Platform(deployments)) as env:
        env |= {
            "NEEVSCALE_INFERENCE__ALLOWED_HOSTS": "[127.0.0.1]",
            "NEEV_INFERENCE_API_KEY": "sk-nc-1",
        }
        ended = call("check-config", "--online", "--config", write(tmp_path, GOOD), env=env)
        as_json = call(
            "check-config", "--online", "-o", "json", "--config", write(tmp_path, GOOD), env=env
        )
    assert ended.code == 3
    assert "chat-001 runs 2, max 1: will remove 1." in ended.out
    assert "connect" in ended.out
    assert "not probed" in ended.out
    assert "the price of gpu-h100-80g-20cpu-125g is unknown" in ended.out
    assert (
        "2 deployments: 1 would be scaled, 0 get recommendations, 1 are only watched." in ended.out
    )
    assert "0 of 1 probes succeeded" in ended.out
    assert "deployments[1] (name batch) matches none of these deployments" in ended.out
    plans = [d["plan"] for d in json.loads(as_json.out)["deployments"]]
    assert plans == ["scale", "watch"]


def test_a_refused_inference_key_is_told_with_what_to_do() -> None:
    refused = ProbeResult(
        id="p1",
        deployment_id="dep-chat-a",
        profile="short",
        scheduled_at=0.0,
        sent_at=0.0,
        duration_seconds=0.1,
        failure=FailureReason.HTTP_AUTH,
        detail="HTTP 401",
    )
    seen = Seen(deployment=a_deployment(), policy=Policy(), quote=None, probe=refused)
    assert seen.missing()[0] == (
        "chat-a: the probe failed, http_auth. HTTP 401. The inference key is wrong: "
        "set NEEV_INFERENCE_API_KEY to another."
    )


def test_the_schema_and_the_effective_configuration_are_printed(tmp_path: Path) -> None:
    schema = json.loads(call("config", "schema").out)
    assert schema["properties"]["mode"]
    shown = yaml.safe_load(call("config", "show", "-c", write(tmp_path, GOOD)).out)
    assert shown["deployments"][0]["max_replicas"] == 1
    assert "NEEVSCALE_INTERVALS__PROBE_SECONDS" in call("config", "env").out


def test_the_effective_configuration_shows_no_secret() -> None:
    ended = call("config", "show", env={"NEEV_API_TOKEN": "pat-nc-4711"})
    assert "pat-nc-4711" not in ended.out
    assert "<secret>" in ended.out


def test_the_rules_fit_the_configuration() -> None:
    rules = yaml.safe_load(call("rules").out)
    assert rules["groups"]


@pytest.mark.parametrize("name", sorted(VERBS))
def test_every_verb_has_a_help_that_teaches(name: str) -> None:
    command = load(name)
    assert command.name == name
    assert command.help


def test_an_unknown_verb_is_a_usage_error() -> None:
    ended = call("statu")
    assert ended.code == 2
    assert "Did you mean status?" in ended.err
    assert call("xyzzy").code == 2


def test_a_run_without_credentials_says_what_to_set() -> None:
    ended = call("run")
    assert ended.code == 2
    assert "NEEV_ORG_ID" in ended.err

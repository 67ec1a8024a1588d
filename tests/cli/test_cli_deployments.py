"""Verbs that talk to the platform: what is shown, asked, checked, and sent only then."""

import json
from typing import Any

import pytest
from helpers_cli import Console, call, daemon, platform
from helpers_cloud import BASE, Platform, deployment_json
from helpers_web import TOKEN
from helpers_web_day import name_of

GPU = "gpu-h100-80g-20cpu-125g"
MODEL = "meta-llama-Llama-3.1-8B-Instruct"
INVENTORY = {
    "data": [
        {
            "config_id": GPU,
            "gpu_model": "H100",
            "region": "as-south-1",
            "price_per_gpu_per_hour": 1.99,
            "available_gpu_count": 2,
            "min_gpu_count": 1,
            "max_gpu_count": 8,
        }
    ]
}
DEPLOY = ("deployments", "deploy", "chat-new", "--region", "as-south-1", "--plan", "plan-1")


def double(**changes: Any) -> Platform:
    return Platform(inventory=INVENTORY, **changes)


def changes_of(served: Platform) -> list[tuple[str, str]]:
    return [request for request in served.requests if request[0] != "GET"]


def test_the_list_shows_costs_and_what_cannot_be_read() -> None:
    served = double(deployments=[deployment_json(1), deployment_json(2, replicas="x")])
    with platform(served) as env:
        ended = call("deployments", "list", env=env)
        as_json = call("deployments", "list", "-o", "json", env=env)
    assert ended.code == 0
    assert "3.98 USD" in ended.out
    assert "chat-002" in ended.err
    assert json.loads(as_json.out)[0]["id"] == "dep-1"


def test_one_deployment_is_found_by_name_or_id() -> None:
    with platform(double()) as env:
        assert "dep-1" in call("deployments", "get", "chat-001", env=env).out
        assert "chat-001" in call("deployments", "get", "dep-1", env=env).out
        ended = call("deployments", "get", "chat", env=env)
    assert ended.code == 1
    assert "there are: chat-001" in ended.err


def test_a_scale_shows_the_cost_before_and_after_and_asks() -> None:
    served = double()
    with platform(served) as env:
        ended = call("deployments", "scale", "chat-001", "5", env=env)
    assert ended.code == 2
    assert "2 -> 5 replicas, 2 -> 5 GPUs; 3.98 USD an hour -> 9.95 USD an hour (+5.97 USD)" in (
        ended.out
    )
    assert "Warning: 3 more GPUs" in ended.err
    assert "give --yes" in ended.err
    assert changes_of(served) == []


def test_a_scale_with_yes_is_sent_once_and_warns_that_no_daemon_was_told() -> None:
    served = double()
    with platform(served) as env:
        ended = call("deployments", "scale", "chat-001", "5", "--yes", env=env)
    assert ended.code == 0
    assert changes_of(served) == [("PUT", f"{BASE}/dep-1/scale")]
    assert "may undo it" in ended.err


def test_a_scale_tells_a_running_daemon_to_hold_the_count() -> None:
    console = Console()
    name = name_of(0)
    served = double(deployments=[deployment_json(1, name=name)])
    with platform(served) as env, daemon(console) as url:
        env |= {"NEEVSCALE_URL": url, "NEEVSCALE_WEB__ADMIN_TOKEN": TOKEN}
        ended = call("deployments", "scale", name, "4", "--yes", "--hold", "8h", env=env)
    assert ended.code == 0
    assert console.calls[0][:4] == ("override", name, "4", "28800.0")
    assert "holds 4" in ended.out


def test_a_scale_to_zero_is_a_usage_error() -> None:
    assert call("deployments", "scale", "chat-001", "0", "--yes").code == 2


def test_a_wait_ends_when_the_platform_is_there() -> None:
    with platform(double()) as env:
        ended = call("deployments", "scale", "chat-001", "5", "--yes", "--wait", env=env)
    assert ended.code == 0
    assert "ready with 5 replicas" in ended.err


def test_a_wait_for_what_has_failed_ends_with_1() -> None:
    served = double(deployments=[deployment_json(1, status="failed")])
    with platform(served) as env:
        ended = call("deployments", "scale", "chat-001", "5", "--yes", "--wait", env=env)
    assert ended.code == 1
    assert "has failed" in ended.err


def test_a_delete_takes_one_exact_name_and_asks() -> None:
    served = double(
        deployments=[deployment_json(1), deployment_json(2, name="twin"),
                     deployment_json(3, name="twin")]
    )  # fmt: skip
    with platform(served) as env:
        assert call("deployments", "delete", "chat-*", "--yes", env=env).code == 1
        twins = call("deployments", "delete", "twin", "--yes", env=env)
        unasked = call("deployments", "delete", "chat-001", env=env)
        assert changes_of(served) == []
        ended = call("deployments", "delete", "chat-001", "--yes", "--wait", env=env)
    assert (twins.code, "Use the id" in twins.err) == (1, True)
    assert unasked.code == 2
    assert ended.code == 0
    assert "3.98 USD an hour -> 0.00 USD an hour" in ended.out
    assert changes_of(served) == [("DELETE", f"{BASE}/dep-1")]


def test_a_deploy_takes_the_recommended_gpu_and_shows_the_cost() -> None:
    served = double()
    with platform(served) as env:
        ended = call(*DEPLOY, "--model", MODEL, "--max-num-seqs", "64", "--yes", env=env)
    assert ended.code == 0
    assert "0.00 USD an hour -> 1.99 USD an hour" in ended.out
    sent = served.bodies[-1]
    assert sent["gpu_config_id"] == GPU
    assert sent["config"] == {"max_num_seqs": 64}


@pytest.mark.parametrize(
    ("options", "because"),
    [
        (["--model", "unknown"], "The catalog has no 'unknown'"),
        (["--model", MODEL, "--max-num-seqs", "9999"], "outside 1 to 256"),
        (["--model", MODEL, "--gpu", "gpu-other"], "gpu-other is not offered in as-south-1"),
        (["--model", MODEL, "--gpu-count", "9"], "exceeds 8"),
        (["--model", MODEL, "--region", "eu-1"], "is not offered in eu-1; there is: nothing"),
        (["--model", "odd"], "recommends no GPU"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_deploy_that_catalog_or_inventory_rule_out_is_never_sent(
    options: list[str], because: str
) -> None:
    served = double()
    with platform(served) as env:
        ended = call(*DEPLOY, *options, "--yes", env=env)
    assert ended.code == 2
    assert because in ended.err
    assert changes_of(served) == []


def test_a_deploy_of_a_name_that_the_document_forbids_is_never_sent() -> None:
    served = double()
    with platform(served) as env:
        ended = call(
            "deployments", "deploy", "Chat_New", "--region", "as-south-1", "--plan", "p",
            "--model", MODEL, "--yes", env=env,
        )  # fmt: skip
    assert ended.code == 2
    assert "name" in ended.err
    assert changes_of(served) == []


def test_prices_of_the_configuration_win_over_the_inventorys() -> None:
    with platform(double()) as env:
        env["NEEVSCALE_PRICES"] = f"{{currency: INR, per_gpu_hour: {{{GPU}: 192.48}}}}"
        assert "384.96 INR" in call("deployments", "list", env=env).out


def test_another_currency_than_the_inventorys_makes_its_prices_unknown() -> None:
    with platform(double()) as env:
        env["NEEVSCALE_PRICES"] = "{currency: INR, per_gpu_hour: {gpu-other: 1}}"
        ended = call("deployments", "scale", "chat-001", "3", "--yes", env=env)
    assert "the price is unknown" in ended.out


def test_catalog_and_inventory_are_listed() -> None:
    with platform(double()) as env:
        assert MODEL in call("catalog", env=env).out
        assert json.loads(call("catalog", "-o", "json", env=env).out)[0]["id"] == MODEL
        assert "1.99 USD" in call("inventory", env=env).out
        assert "no inventory" in call("inventory", "--region", "eu-1", env=env).out


@pytest.mark.parametrize("words", [["deployments", "list"], ["catalog"], ["inventory"]])
def test_without_credentials_it_says_which_variables_to_set(words: list[str]) -> None:
    ended = call(*words)
    assert ended.code == 2
    assert "NEEV_ORG_ID" in ended.err
    assert "NEEV_API_TOKEN" in ended.err


def test_a_wrong_token_is_told_in_one_sentence() -> None:
    with platform(double(tokens={"other"})) as env:
        ended = call("deployments", "list", env=env)
    assert ended.code == 1
    assert "NEEV_API_TOKEN" in ended.err
    assert "Traceback" not in ended.err


def test_hostile_names_reach_no_terminal() -> None:
    served = double(deployments=[deployment_json(1, name="\x1b[31mred[bold]", region="a\nb")])
    with platform(served) as env:
        ended = call("deployments", "list", env=env)
    assert "\x1b" not in ended.out
    assert "[bold]" in ended.out

"""Verbs about a running daemon, against the real web server over a console."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest
from helpers_cli import Console, background, call, daemon
from helpers_cloud import Platform, serving, truncate
from helpers_web import TOKEN
from helpers_web_day import NOW, name_of

from autoscaler.cli.orders import outside_bounds
from autoscaler.cli.status import milliseconds
from autoscaler.core.policy import Policy
from autoscaler.core.words import FailureReason
from autoscaler.settings.environment import URL_VARIABLE

NAME = name_of(0)


@pytest.fixture(scope="module")
def console() -> Console:
    return Console()


@pytest.fixture(scope="module")
def url(console: Console) -> Iterator[str]:
    with daemon(console) as address:
        yield address


@pytest.fixture
def env(url: str) -> dict[str, str]:
    return {"NEEVSCALE_URL": url, "NEEVSCALE_WEB__ADMIN_TOKEN": TOKEN}


def test_status_shows_every_deployment_with_its_reason(env: dict[str, str]) -> None:
    ended = call("status", env=env)
    assert ended.code == 0
    assert all(name_of(index) in ended.out for index in range(10))
    assert "active" in ended.out.splitlines()[-1]


def test_status_as_json_is_what_the_daemon_says(env: dict[str, str]) -> None:
    fleet = json.loads(call("status", "-o", "json", env=env).out)
    assert len(fleet["deployments"]) == 10
    assert fleet["deployments"][0]["deployment"]["name"]


def test_explain_tells_each_step_and_what_other_counts_would_bring(env: dict[str, str]) -> None:
    ended = call("explain", NAME, env=env)
    assert ended.code == 0
    assert "Step by step:" in ended.out
    assert "With another count:" in ended.out
    assert "1 replicas" not in ended.out
    assert "Policy:" in ended.out


def test_explain_tells_the_decision_in_force_and_not_the_last_kept_one(env: dict[str, str]) -> None:
    """A decision that says the same as before is kept only every five minutes."""
    fleet = json.loads(call("status", "-o", "json", env=env).out)
    decision = json.loads(call("explain", NAME, "-o", "json", env=env).out)["decision"]
    assert decision in [view["decision"] for view in fleet["deployments"]]


def test_a_latency_of_seconds_is_shown_in_seconds() -> None:
    assert [milliseconds(value) for value in (None, 0.0131, 1.2)] == [None, "13.1 ms", "1.2 s"]


def test_explain_at_an_instant_tells_the_decision_in_force_then(env: dict[str, str]) -> None:
    ended = call("explain", NAME, "--at", str(NOW - 3600), "-o", "json", env=env)
    decision = json.loads(ended.out)["decision"]
    assert decision["at"] <= NOW - 3600
    by_date = call("explain", NAME, "--at", "2026-11-24T13:00", env=env)
    assert by_date.code == 0
    assert "2026-11-24" in by_date.out


def test_an_instant_that_is_none_is_a_usage_error(env: dict[str, str]) -> None:
    ended = call("explain", NAME, "--at", "yesterday", env=env)
    assert (ended.code, ended.out) == (2, "")
    assert "write 2026-01-31T18:00" in ended.err


def test_an_endpoint_is_accepted_at_the_place_a_person_names(
    env: dict[str, str], console: Console
) -> None:
    ended = call("accept-endpoint", NAME, "new.x:443", "--reason", "announced", env=env)
    assert ended.code == 0
    assert "is probed at new.x:443" in ended.out
    verb, name, address, who, why = console.calls[-1]
    assert (verb, name, address, why) == ("accept_endpoint", NAME, "new.x:443", "announced")
    assert who
    other = call("accept-endpoint", NAME, "other.x:443", env=env)
    assert other.code == 1
    assert "is not at other.x:443" in other.err


def test_orders_carry_who_why_and_how_long(env: dict[str, str], console: Console) -> None:
    assert call("pause", NAME, "--for", "2h", "--reason", "load test", env=env).code == 0
    assert call("override", NAME, "4", "--for", "90m", env=env).code == 0
    ended = call("resume", NAME, env=env)
    assert ended.code == 0
    pause, override, resume = console.calls[-3:]
    assert pause[:2] == ("pause", NAME)
    assert pause[3] == "load test"
    assert override[:4] == ("override", NAME, "4", "5400.0")
    assert resume[:2] == ("resume", NAME)


def test_an_override_says_its_cost_and_that_it_is_outside_the_bounds(env: dict[str, str]) -> None:
    ended = call("override", NAME, "4", env=env)
    assert re.search(r"\d+ -> 4 replicas, \d+ -> \d+ GPUs; [\d.]+ \w+ an hour -> ", ended.out)
    assert "Warning" not in ended.err
    policy = Policy(min_replicas=2, max_replicas=6)
    assert outside_bounds(policy, 99) == "99 exceeds max_replicas 6; an override may."
    assert "below min_replicas 2" in outside_bounds(policy, 1)
    assert outside_bounds(Policy(), 99) == ""


def test_an_order_that_the_daemon_refuses_shows_its_sentence(env: dict[str, str]) -> None:
    ended = call("override", NAME, "9", env=env)
    assert ended.code == 1
    assert "Raise max first" in ended.err


@pytest.mark.parametrize("wrong", [["--for", "soon"], ["--for", "0"], ["--for", "-1h"]])
def test_a_time_that_is_none_is_a_usage_error(env: dict[str, str], wrong: list[str]) -> None:
    assert call("pause", NAME, *wrong, env=env).code == 2


def test_without_the_admin_token_an_order_is_refused_and_says_how(url: str) -> None:
    ended = call("pause", NAME, env={"NEEVSCALE_URL": url})
    assert ended.code == 1
    assert ended.err


def test_alerts_are_listed_silenced_and_tested(env: dict[str, str], console: Console) -> None:
    assert "NeevDeploymentFailed" in call("alerts", "list", env=env).out
    ended = call("alerts", "silence", "deployment=~chat-.*", "--for", "1h", env=env)
    assert (ended.code, "s-2" in ended.out) == (0, True)
    assert console.calls[-1][:3] == ("silence", "deployment=~chat-.*", "3600.0")
    assert call("alerts", "unsilence", "s-1", env=env).code == 0
    assert call("alerts", "unsilence", "s-9", env=env).code == 1
    ended = call("alerts", "test", "--event", "resolve", env=env)
    assert (ended.code, "hook" in ended.out) == (0, True)
    assert console.calls[-1] == ("test_alert", "None", "resolve")


def test_a_probe_that_succeeds_ends_with_0_and_one_that_fails_with_3(
    env: dict[str, str], console: Console
) -> None:
    ended = call("probe", NAME, "--debug", env=env)
    assert ended.code == 0
    assert "connect c 4 ms" in ended.out
    console.failure = FailureReason.TIMEOUT_TTFT
    ended = call("probe", name_of(1), env=env)
    console.failure = None
    assert ended.code == 3
    assert "timeout_ttft" in ended.out


def test_costs_are_a_table_csv_and_json(env: dict[str, str]) -> None:
    assert "Total 4,619.52 INR" in call("cost", env=env).out
    text = call("cost", "--month", "2026-10", "-o", "csv", env=env).out
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["day"] == "2026-10-01"
    assert row["deployment"] == "'=chat-frontdoor", "no spreadsheet computes a name"
    assert (row["gpu_hours"], row["avoided"]) == ("24.000000", "0.0000000000")
    assert json.loads(call("cost", "-o", "json", env=env).out)["rows"][0]["cost"] == "4619.52"
    assert call("cost", "--month", "October", env=env).code == 1


def test_a_month_is_held_against_the_sla_with_its_evidence(env: dict[str, str]) -> None:
    shown = call("uptime", env=env).out
    assert "98.580%" in shown
    assert "99.9%, 99.0%" in shown
    assert "failed from" in shown
    (row,) = json.loads(call("uptime", "-o", "json", env=env).out)["rows"]
    assert row["report"]["breached"] == [0.999, 0.99]
    assert call("uptime", "--month", "October", env=env).code == 1


def test_the_healthcheck_fails_with_3_when_the_daemon_is_not_well() -> None:
    console = Console()
    with daemon(console) as url:
        assert call("healthcheck", "--url", url).code == 0
        console.healthy = (False, "the tick is stuck")
        ended = call("healthcheck", "--url", url)
    assert ended.code == 3
    assert "stuck" in ended.err


def test_the_healthcheck_reads_the_same_variable_as_the_other_verbs() -> None:
    with daemon() as url:
        assert call("healthcheck", env={URL_VARIABLE: url}).code == 0


@pytest.mark.parametrize("words", [["status"], ["explain", NAME], ["healthcheck"], ["cost"]])
def test_where_no_daemon_answers_it_says_how_to_start_one(words: list[str]) -> None:
    ended = call(*words, "--url", "http://127.0.0.1:9")
    assert ended.code == 1
    assert "neevscale run" in ended.err


def test_what_is_no_daemon_is_told_apart() -> None:
    assert "no URL of a daemon" in call("status", "--url", "nowhere").err


def test_the_admin_token_is_not_sent_in_the_clear_to_another_machine() -> None:
    env = {"NEEVSCALE_WEB__ADMIN_TOKEN": TOKEN}
    ended = call("pause", NAME, "--url", "http://192.0.2.1:9464", env=env)
    assert ended.code == 1
    assert "not sent" in ended.err
    assert TOKEN not in ended.err


def test_where_readers_must_prove_themselves_the_admin_token_does(tmp_path: Path) -> None:
    users = tmp_path / "web.yml"
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    users.write_text(f"basic_auth_users: {{asha: '{hashed}'}}\n")
    with daemon(web_config_file=users) as url:
        ended = call("status", env={"NEEVSCALE_URL": url, "NEEVSCALE_WEB__ADMIN_TOKEN": TOKEN})
        assert ended.code == 0
        ended = call("status", env={"NEEVSCALE_URL": url})
    assert ended.code == 1
    assert "NEEVSCALE_WEB__ADMIN_TOKEN_FILE" in ended.err


def test_an_answer_that_breaks_off_is_told_in_a_sentence() -> None:
    with background(lambda: serving(Platform(faults=[truncate]))) as elsewhere:
        ended = call("status", "--url", elsewhere)
    assert ended.code == 1
    assert "broke off" in ended.err

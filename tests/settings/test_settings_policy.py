"""The effective policy of one deployment: defaults, the first matching entry, modes, schedules."""

from typing import Any

import pytest

from autoscaler.core.model import Deployment
from autoscaler.core.policy import Policy, Slo, StepLimit
from autoscaler.core.words import Mode, Status
from autoscaler.settings import Settings, load_settings


def deployment(name: str = "chat-a", **changes: Any) -> Deployment:
    values: dict[str, Any] = {
        "id": "dep-1",
        "name": name,
        "project_id": "prj-1",
        "model_id": "meta-llama/Llama-3.1-8B-Instruct",
        "model_name": None,
        "region": "as-south-1",
        "status": Status.READY,
        "raw_status": "ready",
        "endpoint_url": None,
        "gpu_config_id": "gpu-h100",
        "gpu_count": 1,
        "replicas": 1,
        "created_at": None,
        "updated_at": None,
        "uptime_seconds": 0,
    }
    return Deployment(**values | changes)


def settings(**tree: Any) -> Settings:
    return Settings.model_validate(tree)


def test_the_defaults_of_settings_and_core_are_the_same() -> None:
    assert load_settings(environ={}).settings.policy_for(deployment()) == Policy()


def test_what_nothing_matches_is_watched_and_never_scaled() -> None:
    found = settings(mode="active", defaults={"max_replicas": 4})
    policy = found.policy_for(deployment())
    assert policy.matched is None
    assert not policy.may_scale


def test_an_entry_with_a_max_in_active_mode_may_scale() -> None:
    found = settings(
        deployments=[{"match": {"name": "chat-*"}, "max_replicas": 8, "mode": "active"}]
    )
    policy = found.policy_for(deployment())
    assert policy.may_scale
    assert policy.max_replicas == 8
    assert policy.matched == "deployments[0] (name chat-*)"


@pytest.mark.parametrize(
    ("match", "is_match"),
    [
        ({"name": "chat-*"}, True),
        ({"name": "chat"}, False),
        ({"name": "CHAT-*"}, False),
        ({"model": "meta-llama/*"}, True),
        ({"model": "meta-llama"}, False),
        ({"region": "as-*", "name": "chat-?"}, True),
        ({"region": "eu-*", "name": "chat-?"}, False),
        ({"name": "[ab]*"}, False),
        ({"name": "*"}, True),
    ],
    ids=str,
)
def test_all_globs_that_are_written_must_match_the_whole(
    match: dict[str, str],
    is_match: bool,  # noqa: FBT001  # a case of the table
) -> None:
    found = settings(deployments=[{"match": match, "max_replicas": 2}])
    assert (found.entry_for(deployment()) is not None) is is_match


def test_the_first_match_wins_and_is_the_only_one() -> None:
    found = settings(
        deployments=[
            {"match": {"name": "chat-a"}, "max_replicas": 2},
            {"match": {"name": "chat-*"}, "max_replicas": 9, "min_replicas": 3},
        ]
    )
    policy = found.policy_for(deployment())
    assert (policy.min_replicas, policy.max_replicas) == (None, 2)


def test_an_entry_overrides_key_by_key_also_within_the_slo() -> None:
    found = settings(
        defaults={
            "max_replicas": 4,
            "slo": {"itl_seconds": 0.05, "ttft_seconds": 1},
            "scale_up_step": {"replicas": 2, "ratio": 0.5},
        },
        deployments=[{"match": {"name": "*"}, "slo": {"itl_seconds": 0.1}}],
    )
    policy = found.policy_for(deployment())
    assert policy.slo == Slo(itl_seconds=0.1, ttft_seconds=1)
    assert policy.max_replicas == 4
    assert policy.scale_up_step == StepLimit(replicas=2, ratio=0.5)


def test_an_entry_may_take_a_default_away() -> None:
    found = settings(
        defaults={"max_replicas": 4},
        deployments=[{"match": {"name": "*"}, "max_replicas": None}],
    )
    assert not found.policy_for(deployment()).is_managed


@pytest.mark.parametrize(
    ("global_mode", "entry_mode", "mode"),
    [
        ("advisory", None, Mode.ADVISORY),
        ("active", None, Mode.ACTIVE),
        ("advisory", "active", Mode.ACTIVE),
        ("active", "advisory", Mode.ADVISORY),
    ],
)
def test_an_entrys_own_mode_beats_the_global_one(
    global_mode: str, entry_mode: str | None, mode: Mode
) -> None:
    entry = {"match": {"name": "*"}, "max_replicas": 2, "mode": entry_mode}
    found = settings(mode=global_mode, deployments=[entry])
    assert found.policy_for(deployment()).mode is mode


def test_run_in_advisory_mode_silences_every_entry() -> None:
    environ = {"NEEVSCALE_DEPLOYMENTS": "[{match: {name: '*'}, max_replicas: 2, mode: active}]"}
    loud = load_settings(environ=environ, mode=Mode.ACTIVE).settings
    assert loud.policy_for(deployment()).may_scale
    silent = load_settings(environ=environ, mode=Mode.ADVISORY).settings
    assert not silent.policy_for(deployment()).may_scale


def test_schedules_go_to_the_deployments_that_they_match() -> None:
    found = settings(
        schedules=[
            {"cron": "0 9 * * 1-5", "duration_seconds": "9h", "min_replicas": 2},
            {
                "match": {"name": "batch-*"},
                "cron": "0 0 * * *",
                "duration_seconds": 60,
                "max_replicas": 1,
            },
        ]
    )
    (schedule,) = found.policy_for(deployment()).schedules
    assert (schedule.duration_seconds, schedule.min_replicas) == (9 * 3600, 2)
    assert len(found.policy_for(deployment("batch-1")).schedules) == 2


def test_money_reaches_the_policy() -> None:
    found = settings(
        budget={"enforce": True},
        defaults={"monthly_budget": 1000, "max_cost_per_hour": "12.5"},
    )
    policy = found.policy_for(deployment())
    assert (policy.monthly_budget, policy.max_cost_per_hour) == (1000.0, 12.5)
    assert policy.budget_enforce


def test_prices_of_a_deployment_win_over_those_of_its_gpu_and_are_dated() -> None:
    found = settings(
        prices={
            "currency": "INR",
            "per_gpu_hour": {
                "gpu-h100": [{"price": 200, "since": "2026-02-01"}, {"price": 192.48}]
            },
            "per_deployment": {"chat-a": 150},
        }
    )
    assert [p.price for p in found.prices.listed_for("chat-a", "gpu-h100")] == [150]
    dated = found.prices.listed_for("batch", "gpu-h100")
    assert [str(p.price) for p in dated] == ["192.48", "200"]
    assert [p.since_at for p in dated] == [0.0, 1769904000.0]
    assert found.prices.listed_for("batch", "gpu-other") == ()

"""What can be said of image and compose file without a container engine: their parts fit."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from autoscaler.settings import load_settings

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "config" / "compose.yaml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def locked(name: str) -> dict[str, set[str]]:
    """Package and version to its hashes."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith((" ", "#")):
            found[current := line.split(" ")[0]] = set()
        elif "--hash=" in line:
            found[current].add(line.strip(" \\"))
    return found


@pytest.mark.parametrize("name", ["requirements-build.lock", "requirements.lock"])
def test_the_locks_agree_and_no_package_lacks_hashes(name: str) -> None:
    everything = locked("requirements-dev.lock")
    assert locked(name)
    for package, hashes in locked(name).items():
        assert hashes
        assert everything[package] == hashes


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_whatever_a_service_mounts_from_the_repository_is_there(name: str) -> None:
    for volume in COMPOSE["services"][name].get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (ROOT / "config" / source).exists(), volume
        else:
            assert source in COMPOSE["volumes"]


def test_every_port_is_published_on_loopback_only_and_every_image_has_a_version() -> None:
    for service in COMPOSE["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert not service["image"].endswith(":latest")
        assert ":" in service["image"]


def test_the_settings_that_compose_and_image_give_are_settings() -> None:
    given = [line for line in COMPOSE["services"]["neevscale"]["environment"] if "=" in line]
    environ = dict(line.split("=", 1) for line in given)
    for word in DOCKERFILE.split():
        if word.startswith("NEEVSCALE_"):
            name, _, value = word.partition("=")
            environ[name] = value
    settings = load_settings(environ=environ).settings
    assert (settings.web.host, settings.web.port) == ("0.0.0.0", 9464)
    assert settings.state.path == "/var/lib/neevscale/state.db"
    assert len(settings.alerting.named_receivers()) == 1


def test_the_demo_in_a_container_gets_nothing_of_the_environment() -> None:
    assert "environment" not in COMPOSE["services"]["demo"]
    assert "env_file" not in COMPOSE["services"]["demo"]


def test_the_last_stage_has_no_root_and_a_health_check() -> None:
    last = DOCKERFILE.split("\nFROM ")[-1]
    assert "USER 10001:10001" in last
    assert "HEALTHCHECK" in last
    assert "pip install" not in last

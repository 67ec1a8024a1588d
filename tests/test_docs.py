"""The reference and the settings file say what the code says, all of it, and nothing else."""

from pathlib import Path

import pytest
import yaml

from autoscaler.cli.meanings import FAILURES, REASONS, UNTRUSTED
from autoscaler.cli.reference import reference_text
from autoscaler.cli.reference_commands import commands
from autoscaler.cli.reference_settings import EXAMPLES, field_at, settings_file
from autoscaler.core.alerting.catalogue import CATALOGUE
from autoscaler.core.words import FailureReason, Reason, UntrustedReason
from autoscaler.settings import Settings, load_settings
from autoscaler.settings.faults import Path as KeyPath
from autoscaler.settings.faults import all_keys
from autoscaler.web.catalogue import METRICS

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference.md"
SETTINGS_FILE = ROOT / "config" / "neevscale.yaml"


def test_the_reference_is_what_the_code_generates() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == reference_text(), "run `make reference`"


def test_the_settings_file_is_what_the_code_generates() -> None:
    assert SETTINGS_FILE.read_text(encoding="utf-8") == settings_file(), "run `make reference`"


def test_the_settings_file_is_all_defaults() -> None:
    shipped = load_settings(SETTINGS_FILE, environ={}).settings
    assert shipped == load_settings(environ={}).settings


def key_of(path: KeyPath) -> str:
    return str(path[-1])


@pytest.mark.parametrize("path", sorted({key_of(path) for path in all_keys(Settings)}))
def test_every_key_stands_in_the_reference(path: str) -> None:
    name = path.removesuffix("_file")
    text = REFERENCE.read_text(encoding="utf-8")
    assert f".{name}` |" in text or f"| `{name}` |" in text or f".{path}` |" in text


def test_every_key_that_has_no_default_has_an_example_and_every_example_is_right() -> None:
    tree: dict[str, object] = {}
    for path, text in EXAMPLES.items():
        field_at(path)
        level = tree
        *above, last = path.split(".")
        for name in above:
            inner = level.setdefault(name, {})
            assert isinstance(inner, dict)
            level = inner
        level[last] = yaml.safe_load(text)
    del tree["cloud"]["email"]  # type: ignore[attr-defined]  # needs a password, which is a file
    written = yaml.safe_dump(tree)
    for secret in ("hook", "sign", "pagerduty", "slack", "apprise", "chat-key"):
        written = written.replace(f"_file: /run/secrets/{secret}", ": https://a.example.com/x")
    for file in ("/etc/ssl/certs/proxy.pem", "/etc/neevscale/web.yml"):
        written = written.replace(file, str(SETTINGS_FILE))
    Settings.model_validate(yaml.safe_load(written))


def test_every_command_stands_in_the_reference_with_an_example() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    for name, command in commands():
        assert f"### `neevscale {name}`" in text
        assert "Example" in (command.help or "") or name in {"emulate", "version"}, name


def test_every_metric_and_every_alert_stands_in_the_reference() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    assert [m.name for m in METRICS if f"| `{m.name}` |" not in text] == []
    assert [a.name for a in CATALOGUE if f"| `{a.name}` |" not in text] == []


def test_every_word_has_a_meaning() -> None:
    assert set(REASONS) == set(Reason)
    assert set(FAILURES) == set(FailureReason)
    assert set(UNTRUSTED) == set(UntrustedReason)

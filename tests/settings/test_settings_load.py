"""Where settings come from, and which source wins."""

from pathlib import Path

import pytest

from autoscaler.core.words import Mode
from autoscaler.settings import Settings, SettingsInvalid, load_settings


def write(folder: Path, text: str, name: str = "neevscale.yaml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_four_variables_and_no_file_are_enough() -> None:
    environ = {
        "NEEV_ORG_ID": "org-1",
        "NEEV_PROJECT_ID": "prj-1",
        "NEEV_API_TOKEN": "pat-nc-1",
        "NEEV_INFERENCE_API_KEY": "sk-nc-1",
    }
    loaded = load_settings(environ=environ)
    settings = loaded.settings
    assert loaded.file is None
    assert settings.cloud.missing() == ()
    assert settings.cloud.token is not None
    assert settings.cloud.token() == "pat-nc-1"
    assert settings.inference.key is not None
    assert settings.inference.key() == "sk-nc-1"
    assert settings.mode is Mode.ADVISORY


def test_without_them_what_is_missing_is_said_with_the_variable() -> None:
    missing = load_settings(environ={}).settings.cloud.missing()
    assert len(missing) == 3
    for sentence, name in zip(
        missing, ("NEEV_ORG_ID", "NEEV_PROJECT_ID", "NEEV_API_TOKEN"), strict=True
    ):
        assert name in sentence


def test_command_line_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    file = write(tmp_path, "intervals: {probe_seconds: 20, decide_seconds: 20}\n")
    environ = {"NEEVSCALE_INTERVALS__PROBE_SECONDS": "30s"}
    overrides = {"intervals": {"probe_seconds": 40}}
    intervals = load_settings(file, environ=environ).settings.intervals
    assert (intervals.probe_seconds, intervals.decide_seconds) == (30, 20)
    assert intervals.discover_seconds == 15
    loaded = load_settings(file, environ=environ, overrides=overrides)
    assert loaded.settings.intervals.probe_seconds == 40


def test_a_file_of_a_secret_in_the_environment_beats_a_value_in_the_file(tmp_path: Path) -> None:
    secret = write(tmp_path, "from-file\n", "token")
    file = write(tmp_path, "web: {admin_token: from-yaml}\n")
    environ = {"NEEVSCALE_WEB__ADMIN_TOKEN_FILE": str(secret)}
    token = load_settings(file, environ=environ).settings.web.admin_token
    assert token is not None
    assert token() == "from-file"


def test_lists_are_replaced_whole_and_sections_key_by_key(tmp_path: Path) -> None:
    text = (
        "inference: {allowed_hosts: [a, b]}\nintervals: {probe_seconds: 20, decide_seconds: 20}\n"
    )
    file = write(tmp_path, text)
    settings = load_settings(
        file,
        environ={"NEEVSCALE_INTERVALS": "{decide_seconds: 30}"},
        overrides={"inference": {"allowed_hosts": ["a.example.com"]}},
    ).settings
    assert settings.inference.allowed_hosts == ("a.example.com",)
    assert (settings.intervals.probe_seconds, settings.intervals.decide_seconds) == (20, 30)


def test_the_first_file_found_is_read_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = write(tmp_path, "log: {level: debug}\n")
    named = write(tmp_path, "log: {level: error}\n", "named.yaml")
    given = write(tmp_path, "log: {level: warning}\n", "given.yaml")
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={}).file == Path(here.name)
    by_variable = load_settings(environ={"NEEVSCALE_CONFIG": str(named)})
    assert (by_variable.file, by_variable.settings.log.level.value) == (named, "error")
    by_option = load_settings(given, environ={"NEEVSCALE_CONFIG": str(named)})
    assert by_option.settings.log.level.value == "warning"


@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_file_that_is_named_must_exist(tmp_path: Path, how: str) -> None:
    missing = tmp_path / "none.yaml"
    option = missing if how == "option" else None
    environ = {} if how == "option" else {"NEEVSCALE_CONFIG": str(missing)}
    with pytest.raises(SettingsInvalid, match="No such file"):
        load_settings(option, environ=environ)


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    loaded = load_settings(write(tmp_path, "# nothing\n"), environ={})
    assert loaded.settings == load_settings(environ={}).settings


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("a: &x [*x]\n", "it unfolds without end|is not valid YAML|is no setting"),
        ("x: " + "y" * 1_100_000, "larger than"),
        ("l0: &l0 [x,x,x,x,x,x,x,x,x,x]\n"
         + "".join(f"l{n}: &l{n} [{','.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 8)),
         "more than 100000 values"),
    ],
    ids=["recursion", "size", "laughs"],
)  # fmt: skip
def test_a_file_that_unfolds_without_end_is_refused(
    tmp_path: Path, text: str, because: str
) -> None:
    with pytest.raises(SettingsInvalid, match=because):
        load_settings(write(tmp_path, text), environ={})


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "neevscale.yaml"
    file.write_bytes(b"\xff\xfe\x00mode")
    with pytest.raises(SettingsInvalid, match="no UTF-8"):
        load_settings(file, environ={})


def test_a_section_whose_lines_are_all_comments_is_all_defaults(tmp_path: Path) -> None:
    text = "alerting:\n  # slack: []\ndefaults:\n  slo:\nintervals: {probe_seconds: 20}\n"
    settings = load_settings(write(tmp_path, text), environ={}).settings
    assert settings.intervals.probe_seconds == 20
    assert settings.defaults == load_settings(environ={}).settings.defaults


def test_anchors_and_merges_are_understood(tmp_path: Path) -> None:
    text = """
x-usual: &usual {max_replicas: 4}
deployments:
  - {match: {name: a}, <<: *usual}
"""
    with pytest.raises(SettingsInvalid, match="x-usual is no setting"):
        load_settings(write(tmp_path, text), environ={})
    text = """
deployments:
  - &first {match: {name: a}, max_replicas: 4}
  - {<<: *first, match: {name: b}}
"""
    entries = load_settings(write(tmp_path, text), environ={}).settings.deployments
    assert [entry.max_replicas for entry in entries] == [4, 4]


def test_plain_data_reads_neither_environment_nor_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test that builds settings gets what it wrote, whatever the machine has set."""
    write(tmp_path, "mode: active\n")
    monkeypatch.chdir(tmp_path)
    for name in ("MODE", "NEEVSCALE_MODE", "mode"):
        monkeypatch.setenv(name, "active")
    assert Settings().mode is Mode.ADVISORY
    assert Settings.model_validate({"log": {"level": "debug"}}).mode is Mode.ADVISORY
    assert load_settings().settings.mode is Mode.ACTIVE


def test_the_librarys_debug_switch_logs_no_secret(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PYDANTIC_SETTINGS_DEBUG", "1")
    with caplog.at_level("DEBUG"):
        load_settings(environ={"NEEV_API_TOKEN": "pat-nc-hidden"})
    assert "pat-nc-hidden" not in caplog.text


def test_settings_are_frozen() -> None:
    settings = load_settings(environ={}).settings
    with pytest.raises(ValueError, match="frozen"):
        settings.mode = Mode.ACTIVE
    with pytest.raises(ValueError, match="frozen"):
        settings.cloud.org_id = "org-2"


def test_a_reload_is_the_same_call_again(tmp_path: Path) -> None:
    file = write(tmp_path, "mode: advisory\n")
    assert load_settings(file, environ={}).settings.mode is Mode.ADVISORY
    file.write_text("mode: active\n")
    assert load_settings(file, environ={}).settings.mode is Mode.ACTIVE

"""Secrets are asked for on use and shown never."""

import json
from pathlib import Path

import pytest

from autoscaler.settings import Secret, SecretUnreadable, Settings, load_settings

HIDDEN = "hidden-value-4711"


def test_no_form_of_the_settings_shows_a_secret() -> None:
    settings = Settings.model_validate(
        {
            "cloud": {"token": HIDDEN},
            "inference": {"key": HIDDEN, "keys": [{"match": {"name": "a"}, "key": HIDDEN}]},
            "web": {"admin_token": HIDDEN},
            "alerting": {"webhook": [{"url": f"https://a.example.com/{HIDDEN}"}]},
        }
    )
    forms = [repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump())]
    assert not any(HIDDEN in form for form in forms)


def test_no_complaint_shows_a_secret() -> None:
    for wrong in ("Bearer ", "sk-nc-"):
        with pytest.raises(ValueError, match=r"cloud\.token") as caught:
            load_settings(environ={"NEEV_API_TOKEN": f"{wrong}{HIDDEN}"})
        assert HIDDEN not in str(caught.value)
        assert HIDDEN not in repr(caught.value)


def test_a_file_is_read_anew_on_each_use(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("one\n")
    secret = Secret(file=file)
    assert secret() == "one"
    file.write_text("two\n")
    assert secret() == "two"
    file.unlink()
    with pytest.raises(SecretUnreadable, match="No such file"):
        secret()


@pytest.mark.parametrize(
    ("content", "because"),
    [(b"", "is empty"), (b" \n", "is empty"), (b"\xff\xfe", "no text"), (b"x" * 70000, "larger")],
)
def test_a_file_that_holds_no_secret_is_refused(
    tmp_path: Path, content: bytes, because: str
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(SecretUnreadable, match=because):
        Secret(file=file)()


def test_secrets_are_equal_by_source_so_that_a_reload_sees_a_change() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret(file=Path("/a")) == Secret(file=Path("/a")) != Secret("a")
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("a") != "a"


def test_the_schema_knows_both_spellings() -> None:
    schema = Settings.model_json_schema()
    cloud = schema["$defs"]["CloudSettings"]["properties"]
    assert cloud["token_file"]["type"] == "string"
    webhook = schema["$defs"]["WebhookSettings"]
    assert "url_file" in webhook["properties"]
    assert "url" not in webhook.get("required", [])
    json.dumps(schema)

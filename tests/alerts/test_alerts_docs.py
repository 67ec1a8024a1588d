"""The page on alerting shows a configuration that is accepted, and a message that is sent."""

import json
import re
from pathlib import Path

from helpers_notify import EPOCH, message, row

from autoscaler.core.alerting.catalogue import CATALOGUE
from autoscaler.notify.receiver import Attempt
from autoscaler.notify.shapes import neev_body
from autoscaler.settings import load_settings

PAGE = (Path(__file__).parents[2] / "docs" / "alerting.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    assert found is not None
    return found[1]


def test_its_configuration_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "neevscale.yaml"
    secret = tmp_path / "secret"
    secret.write_text("https://hooks.example.com/secret")
    file.write_text(re.sub(r"/run/secrets/\w+", str(secret), block("yaml")))
    settings = load_settings(file, environ={}).settings
    assert set(settings.alerting.named_receivers()) == {"pager", "chat", "hook", "am", "mail"}


def test_its_message_has_the_fields_of_a_real_one() -> None:
    shown = json.loads(block("json"))
    sent = neev_body(message(), Attempt(row=row(), at=EPOCH))
    assert shown.keys() == sent.keys()
    data = sent["data"]
    assert isinstance(data, dict)
    assert shown["data"].keys() == data.keys()
    assert isinstance(data["alert"], dict)
    assert shown["data"]["alert"].keys() <= data["alert"].keys()


def test_it_counts_the_alerts_right() -> None:
    assert f"{len(CATALOGUE)} alerts" in PAGE

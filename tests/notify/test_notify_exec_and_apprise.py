"""Programs and apprise as receivers."""

import json
import os
import sys
import time
from pathlib import Path

import pytest
from helpers_notify import EPOCH, Fault, Sink, change_row, row, serving

from autoscaler.notify.apprise_receiver import AppriseReceiver
from autoscaler.notify.config import AppriseConfig, ExecConfig
from autoscaler.notify.exec_receiver import ENVIRONMENT, ExecReceiver
from autoscaler.notify.receiver import Attempt, FailureKind, NotDelivered


def program(tmp_path: Path, body: str) -> tuple[str, ...]:
    """A Python program that has `data` (the JSON it was given) and `out` (a file to write)."""
    file = tmp_path / "program.py"
    out = tmp_path / "out"
    file.write_text(
        f"import json, os, sys, time\nout = {str(out)!r}\ndata = json.load(sys.stdin)\n" + body
    )
    return (sys.executable, "-I", "-S", str(file), "one; two $HOME")


def wait_gone(pid: int) -> None:
    """Look for a process for up to 2 s; raises ProcessLookupError once it is gone."""
    for _ in range(200):
        os.kill(pid, 0)
        if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            raise ProcessLookupError
        time.sleep(0.01)


async def run(command: tuple[str, ...], *, change: bool = False, seconds: float = 30.0) -> None:
    told = change_row() if change else row()
    config = ExecConfig(name="hook", command=command, timeout_seconds=seconds)
    await ExecReceiver(config).send(Attempt(row=told, at=EPOCH))


async def test_a_program_gets_json_arguments_as_they_are_and_a_clean_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEEV_API_TOKEN", "pat-nc-secret")
    body = "json.dump([data, dict(os.environ), sys.argv[1]], open(out, 'w'))\n"
    await run(program(tmp_path, body))
    data, environment, argument = json.loads((tmp_path / "out").read_text())
    assert data["data"]["alert"]["deployment"] == "chat-a"
    assert set(environment) - {"LC_CTYPE", "PWD"} == set(ENVIRONMENT)
    assert argument == "one; two $HOME"


async def test_a_change_reaches_a_program(tmp_path: Path) -> None:
    await run(program(tmp_path, "open(out, 'w').write(data['type'])\n"), change=True)
    assert (tmp_path / "out").read_text() == "deployment.scaled"


async def test_a_program_that_fails_is_tried_again_and_its_words_are_kept_redacted(
    tmp_path: Path,
) -> None:
    body = "sys.stderr.write('no route, key sk-nc-0123456789'); sys.exit(3)\n"
    with pytest.raises(NotDelivered, match="ended with 3: no route") as caught:
        await run(program(tmp_path, body))
    assert not caught.value.permanent
    assert "sk-nc-0123456789" not in str(caught.value)


@pytest.mark.slow
async def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    body = (
        "import subprocess\n"
        "child = subprocess.Popen(['/bin/sleep', '60'])\n"
        "open(out, 'w').write(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    with pytest.raises(NotDelivered) as caught:
        await run(program(tmp_path, body), seconds=1.0)
    assert caught.value.kind is FailureKind.TIMEOUT
    with pytest.raises(ProcessLookupError):
        wait_gone(int((tmp_path / "out").read_text()))


async def test_a_program_may_ignore_its_input_and_write_much(tmp_path: Path) -> None:
    body = "sys.stderr.write('x' * 1_000_000)\n"
    await run(program(tmp_path, body))


async def test_a_program_that_is_not_there_is_said() -> None:
    with pytest.raises(NotDelivered, match="does not start"):
        await run((os.path.join("/", "nowhere", "program"),))  # noqa: PTH118  # an argument, no path of ours


of_apprise = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise imports it where it can; nothing of ours does."""


@of_apprise
@pytest.mark.slow
async def test_apprise_reaches_a_service() -> None:
    pytest.importorskip("apprise")
    async with serving(Sink()) as sink:
        url = sink.url.replace("http://", "json://") + "/notify"
        config = AppriseConfig(name="tail", url=lambda: url)
        await AppriseReceiver(config).send(Attempt(row=row(), at=EPOCH))
        await AppriseReceiver(config).send(Attempt(row=row("resolve"), at=EPOCH))
        await AppriseReceiver(config).send(Attempt(row=change_row(), at=EPOCH))
    assert [seen.json["type"] for seen in sink.taken] == ["failure", "success", "info"]
    assert sink.taken[0].json["title"] == "[critical] chat-a: the deployment has failed"


@of_apprise
@pytest.mark.slow
async def test_apprise_says_only_that_it_failed() -> None:
    pytest.importorskip("apprise")
    async with serving(Sink(always=Fault(status=500))) as sink:
        url = sink.url.replace("http://", "json://") + "/very-secret"
        config = AppriseConfig(name="tail", url=lambda: url)
        with pytest.raises(NotDelivered) as caught:
            await AppriseReceiver(config).send(Attempt(row=row(), at=EPOCH))
    assert not caught.value.permanent
    assert "very-secret" not in str(caught.value)


@of_apprise
@pytest.mark.slow
async def test_a_url_that_apprise_does_not_know_is_refused_for_good() -> None:
    pytest.importorskip("apprise")
    config = AppriseConfig(name="tail", url=lambda: "nonsense")
    with pytest.raises(NotDelivered, match="form") as caught:
        await AppriseReceiver(config).send(Attempt(row=row(), at=EPOCH))
    assert caught.value.permanent


async def test_where_apprise_is_not_installed_the_extra_to_install_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is tried again: once the extra is installed, what waited is delivered."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    config = AppriseConfig(name="tail", url=lambda: "json://127.0.0.1/very-secret")
    with pytest.raises(NotDelivered, match=r"pip install 'neevscale\[apprise\]'") as caught:
        await AppriseReceiver(config).send(Attempt(row=row(), at=EPOCH))
    assert not caught.value.permanent
    assert "very-secret" not in str(caught.value)

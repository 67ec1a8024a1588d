"""The question before money is spent, asked at a real terminal and answered by hand."""

import os
import pty
import select
import subprocess
import sys
from typing import Final

import pytest
from helpers_cli import platform
from helpers_cloud import BASE, Platform

PATIENCE: Final = 60.0
"""Seconds until a question that does not come is given up."""
INTERRUPT: Final = b"\x03"
IN_A_SESSION: Final = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "autoscaler", *sys.argv[1:]])
"""
"""Makes the terminal the one that Ctrl-C comes from, and becomes the verb."""
GPU: Final = "gpu-h100-80g-20cpu-125g"
ITEM: Final = {
    "config_id": GPU,
    "gpu_model": "H100",
    "region": "as-south-1",
    "price_per_gpu_per_hour": 1.99,
    "available_gpu_count": 8,
    "min_gpu_count": 1,
    "max_gpu_count": 8,
}
DEPLOY: Final = (
    "deploy", "chat-new", "--region", "as-south-1", "--plan", "plan-1",
    "--model", "meta-llama-Llama-3.1-8B-Instruct",
)  # fmt: skip
ORDERS: Final = {
    "scale": (("scale", "chat-001", "5"), ("PUT", f"{BASE}/dep-1/scale")),
    "delete": (("delete", "chat-001"), ("DELETE", f"{BASE}/dep-1")),
    "deploy": (DEPLOY, ("POST", BASE)),
}


def at_a_terminal(words: tuple[str, ...], answer: bytes, env: dict[str, str]) -> tuple[int, str]:
    """Exit code and screen of a verb that is answered once it asks."""
    ours, theirs = pty.openpty()
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("NEEV_", "NEEVSCALE_"))}
    command = [sys.executable, "-c", IN_A_SESSION, "deployments", *words]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=clean | env
    ) as process:
        os.close(theirs)
        try:
            screen = _read_until(ours, "[y/N]")
            os.write(ours, answer)
            screen += _read_until(ours, None)
            return process.wait(PATIENCE), screen
        finally:
            process.kill()
            os.close(ours)


def _read_until(terminal: int, wanted: str | None) -> str:
    """What is shown until `wanted` is; None = until the other side has closed."""
    shown = ""
    while wanted is None or wanted not in shown:
        assert select.select([terminal], [], [], PATIENCE)[0], shown
        try:
            read = os.read(terminal, 4096)
        except OSError:  # so says Linux that nobody holds the other side any more
            read = b""
        if not read:
            assert wanted is None, shown
            break
        shown += read.decode()
    return shown


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_a_yes_sends_the_order_once_and_after_the_cost(order: str) -> None:
    served = Platform(inventory={"data": [ITEM]})
    words, sent = ORDERS[order]
    with platform(served) as env:
        code, screen = at_a_terminal(words, b"y\n", env)
    assert code == 0, screen
    assert 0 < screen.index("USD an hour") < screen.index("[y/N]") < screen.index("Accepted")
    assert [request for request in served.requests if request[0] != "GET"] == [sent]


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "answer", [b"n\n", b"\n", INTERRUPT, b"\x04"], ids=["no", "enter", "interrupt", "end of input"]
)
def test_anything_but_a_yes_changes_nothing(order: str, answer: bytes) -> None:
    served = Platform(inventory={"data": [ITEM]})
    with platform(served) as env:
        code, screen = at_a_terminal(ORDERS[order][0], answer, env)
    assert code != 0
    assert "Traceback" not in screen
    assert [request for request in served.requests if request[0] != "GET"] == []


@pytest.mark.slow
def test_an_answer_that_is_none_is_asked_for_again() -> None:
    served = Platform(inventory={"data": [ITEM]})
    with platform(served) as env:
        code, screen = at_a_terminal(ORDERS["scale"][0], b"perhaps\nYES\n", env)
    assert code == 0, screen
    assert screen.count("[y/N]") == 2
    assert "answer y or n" in screen

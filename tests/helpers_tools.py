"""Tools that a machine may lack: a test skips visibly without, and fails where `CI` is set."""

import os
import shutil

import pytest

PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "amtool": "prometheus-alertmanager",
    "openssl": "openssl",
}
"""Program to Debian's package that has it."""


def tool(name: str) -> str:
    """The program of that name: the one that the variable of its name in capitals says, if any."""
    found = os.environ.get(name.upper()) or shutil.which(name)
    if found:
        return found
    reason = f"no {name} is installed: apt install {PACKAGES[name]}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)

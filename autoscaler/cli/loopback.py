"""What `demo` and `emulate` share: forgetting the environment, and where their files are.

Both may run on a machine whose environment holds the keys of a real project. They must never use
them: every NEEV_… and NEEVSCALE_… variable is unset before anything else reads it.
"""

import os
from pathlib import Path

import autoscaler

OWN_PREFIXES = ("NEEV_", "NEEVSCALE_")


def forget_environment() -> None:
    """Unset every variable that could point at, or open, a real platform."""
    for name in [name for name in os.environ if name.startswith(OWN_PREFIXES)]:
        del os.environ[name]


def shipped_file(name: str) -> Path:
    """Return a file of `config/`: beside the package in a checkout, inside it when installed."""
    package = Path(autoscaler.__file__).parent
    installed = package / "config" / name
    return installed if installed.exists() else package.parent / "config" / name

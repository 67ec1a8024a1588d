"""Composition root: settings to concrete objects to a running daemon. Nothing else names them.

`build_app(settings)` only remembers; `App.start` builds everything on the running loop and begins,
`App.stop` drains and closes, `run_app` is the live process with its signals.
"""

from autoscaler.app.adapters import build_cloud
from autoscaler.app.app import App, Seams, build_app
from autoscaler.app.logging_setup import configure_app_logs
from autoscaler.app.process import run_app

__all__ = ["App", "Seams", "build_app", "build_cloud", "configure_app_logs", "run_app"]

"""The daemon's face: `/metrics`, the HTTP API and the page. It reads the Snapshot and asks the
Console; it decides nothing and keeps no truth of its own.
"""

from autoscaler.web.config import MeterConfig, WebConfig
from autoscaler.web.meter import PrometheusMeter
from autoscaler.web.server import WebServer, build_app

__all__ = ["MeterConfig", "PrometheusMeter", "WebConfig", "WebServer", "build_app"]

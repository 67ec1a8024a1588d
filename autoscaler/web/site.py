"""What every handler works with: the daemon's Console and the parts of the web server."""

from dataclasses import dataclass

from autoscaler.core.snapshot import DeploymentView, Snapshot
from autoscaler.ports import Console
from autoscaler.web.auth import Guard
from autoscaler.web.config import WebConfig
from autoscaler.web.errors import not_found, starting
from autoscaler.web.exporter import Exporter
from autoscaler.web.limits import Buckets
from autoscaler.web.meter import PrometheusMeter
from autoscaler.web.webfile import WebFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The parts of one web server."""

    console: Console
    meter: PrometheusMeter
    config: WebConfig
    file: WebFile | None
    guard: Guard
    exporter: Exporter
    probe_limit: Buckets

    def snapshot(self) -> Snapshot:
        """Return the latest picture. Raises Refused before the first."""
        snapshot = self.console.snapshot()
        if snapshot is None:
            raise starting()
        return snapshot

    def view(self, deployment: str) -> DeploymentView:
        """Return one deployment by name or id. Raises Refused where there is none."""
        for view in self.snapshot().deployments:
            if deployment in {view.deployment.name, view.deployment.id}:
                return view
        raise not_found(deployment)

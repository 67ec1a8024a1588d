"""The catalogue of alerts, whole. Each has a runbook of its name in docs/runbooks."""

from autoscaler.core.alerting.catalogue_daemon import OWN_ALERTS, STORM
from autoscaler.core.alerting.catalogue_deployments import (
    ENDPOINT_ALERTS,
    OBJECTIVE_ALERTS,
    STATUS_ALERTS,
)
from autoscaler.core.alerting.catalogue_scaling import SCALING_ALERTS, SPEND_ALERTS
from autoscaler.core.alerting.spec import AlertSpec

CATALOGUE: tuple[AlertSpec, ...] = (
    *STATUS_ALERTS,
    *ENDPOINT_ALERTS,
    *OBJECTIVE_ALERTS,
    *SCALING_ALERTS,
    *SPEND_ALERTS,
    *OWN_ALERTS,
)

BY_NAME = {spec.name: spec for spec in CATALOGUE}

__all__ = ["BY_NAME", "CATALOGUE", "STORM"]

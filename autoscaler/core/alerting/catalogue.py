"""The catalogue of alerts: one entry each, in the order in which causes come before effects."""

from autoscaler.core.alerting.conditions import status
from autoscaler.core.alerting.spec import AlertSpec
from autoscaler.core.snapshot import Severity

STORM = "NeevAlertStorm"
"""The alert that many criticals of one minute are folded into; the engine itself finds it."""

CATALOGUE: tuple[AlertSpec, ...] = (
    AlertSpec(
        name="NeevDeploymentFailed",
        severity=Severity.CRITICAL,
        summary="the deployment has failed",
        action=(
            "Look at the deployment in the console; re-deploy it, or delete it if it is not needed:"
            " it may still be billed."
        ),
        deployment=status.failed,
        good_count=2,
        folds_in_storm=False,
    ),
    AlertSpec(
        name=STORM,
        severity=Severity.CRITICAL,
        summary="Many critical alerts at once.",
        action="Look at the page first: the platform or the network is the likely cause.",
        keep_seconds=600,
    ),
)

BY_NAME = {spec.name: spec for spec in CATALOGUE}

"""Alerts about the daemon itself and what it stands on."""

from autoscaler.core.alerting.conditions import fleet
from autoscaler.core.alerting.spec import AlertSpec
from autoscaler.core.snapshot import Severity

STORM = "NeevAlertStorm"
"""The alert that many criticals of one minute are folded into; the engine itself finds it."""

OWN_ALERTS: tuple[AlertSpec, ...] = (
    AlertSpec(
        name="NeevSelfOffline",
        severity=Severity.CRITICAL,
        summary="Neevscale has lost its own network.",
        action="Check the network of the machine that runs it; nothing is believed meanwhile.",
        fleet=fleet.self_offline,
        for_seconds=60,
        explains_early=True,
    ),
    AlertSpec(
        name="NeevControlPlaneStale",
        severity=Severity.CRITICAL,
        summary="The control plane cannot be read.",
        action=(
            "See the platform's status and our credential; endpoints go on being probed, and"
            " nothing is scaled down."
        ),
        fleet=fleet.control_plane_stale,
        inhibited_by=("NeevSelfOffline",),
    ),
    AlertSpec(
        name="NeevControlPlaneAuth",
        severity=Severity.CRITICAL,
        summary="The control plane refuses our credential.",
        action="Renew the token or password; the file is read anew at the next try.",
        fleet=fleet.control_plane_auth,
        inhibited_by=("NeevSelfOffline",),
    ),
    AlertSpec(
        name="NeevControlPlaneErrors",
        severity=Severity.WARNING,
        summary="Many requests to the control plane fail.",
        action="See the errors by code on the page, and the platform's status.",
        fleet=fleet.control_plane_errors,
        for_seconds=600,
        inhibited_by=("NeevControlPlaneStale", "NeevSelfOffline"),
    ),
    AlertSpec(
        name="NeevDeploymentUnreadable",
        severity=Severity.WARNING,
        summary="Deployments in the platform's list cannot be read.",
        action="They are watched on old data. Report the named field, with the daemon's version.",
        fleet=fleet.unreadable_items,
        for_seconds=300,
        inhibited_by=("NeevControlPlaneStale",),
    ),
    AlertSpec(
        name="NeevCredentialExpiring",
        severity=Severity.WARNING,
        summary="A credential ends soon.",
        action="Put a new one in its place; files are read anew, nothing needs a restart.",
        fleet=fleet.credential_expiring,
    ),
    AlertSpec(
        name="NeevNotifyFailing",
        severity=Severity.CRITICAL,
        summary="A receiver of alerts does not take them.",
        action=(
            "Check its URL, key and reachability, then `neevscale alerts test`; nothing queued is"
            " lost before its time to live."
        ),
        fleet=fleet.notify_failing,
    ),
    AlertSpec(
        name="NeevDaemonOverloaded",
        severity=Severity.WARNING,
        summary="The daemon cannot keep up.",
        action="Give it more CPU, or watch fewer deployments with one daemon.",
        fleet=fleet.overloaded,
        for_seconds=600,
    ),
    AlertSpec(
        name="NeevConfigReloadFailed",
        severity=Severity.WARNING,
        summary="A new configuration was refused.",
        action="Run `neevscale check-config`, put the named faults right, and reload.",
        fleet=fleet.reload_failed,
        for_seconds=600,
    ),
    AlertSpec(
        name="NeevWatchdog",
        severity=Severity.NONE,
        summary="The watchdog: alerting works.",
        action="Nothing. Send it to a dead man's switch, which alerts when it stops.",
        fleet=fleet.always,
    ),
    AlertSpec(
        name=STORM,
        severity=Severity.CRITICAL,
        summary="Many critical alerts at once.",
        action="Look at the page first: the platform or the network is the likely cause.",
        keep_seconds=600,
        inhibited_by=("NeevSelfOffline",),
    ),
)

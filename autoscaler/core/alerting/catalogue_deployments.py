"""Alerts about one deployment: its status, its endpoint, its objectives."""

from autoscaler.core.alerting.conditions import endpoint, objectives, status
from autoscaler.core.alerting.conditions.status import EVENT_SECONDS
from autoscaler.core.alerting.rules import HOUR
from autoscaler.core.alerting.spec import AlertSpec
from autoscaler.core.snapshot import Severity

_SEEN = ("NeevControlPlaneStale",)
_NOT_SERVING = ("NeevDeploymentFailed", "NeevDeploymentStuckInitializing")

STATUS_ALERTS: tuple[AlertSpec, ...] = (
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
        name="NeevDeploymentStuckInitializing",
        severity=Severity.WARNING,
        summary="the deployment does not get ready",
        action=(
            "See in the console whether GPUs are free and the model loads; delete it and deploy it"
            " again if it does not move, for it is billed."
        ),
        deployment=status.stuck_initializing,
        inhibited_by=_SEEN,
    ),
    AlertSpec(
        name="NeevDeploymentStuckTerminating",
        severity=Severity.WARNING,
        summary="the deployment does not terminate and is still billed",
        action="Ask the platform's support to end it, and for the cost since it was deleted.",
        deployment=status.stuck_terminating,
        inhibited_by=_SEEN,
    ),
    AlertSpec(
        name="NeevScaleStuck",
        severity=Severity.WARNING,
        summary="a scale call was accepted and has not come into effect",
        action=(
            "Compare the count in the console with what was asked; see whether GPUs of its kind are"
            " free. Scaling decides anew meanwhile."
        ),
        deployment=status.scale_stuck,
        inhibited_by=(*_NOT_SERVING, *_SEEN),
    ),
    AlertSpec(
        name="NeevFlapping",
        severity=Severity.WARNING,
        summary="it goes up and down again and again",
        action="Look for what restarts it: memory, the model, its network. Do not scale it up.",
        deployment=status.flapping,
    ),
    AlertSpec(
        name="NeevUnexpectedRestart",
        severity=Severity.INFO,
        summary="its ready session began again and nobody asked for that",
        action="See in the console what happened at that time; if it repeats, ask for support.",
        deployment=status.unexpected_restart,
    ),
    AlertSpec(
        name="NeevEndpointHostRefused",
        severity=Severity.CRITICAL,
        summary="its endpoint's address is not trusted, so it is not probed",
        action=(
            "Find out who changed the endpoint before anybody sends it a key. If the new place is"
            " right, list it under `inference.allowed_hosts`; where it has moved, accept it with"
            " `neevscale accept-endpoint`."
        ),
        deployment=status.host_refused,
        inhibited_by=_SEEN,
    ),
)

ENDPOINT_ALERTS: tuple[AlertSpec, ...] = (
    AlertSpec(
        name="NeevEndpointDown",
        severity=Severity.CRITICAL,
        summary="the endpoint does not serve, though the platform says ready",
        action="Probe it by hand with `neevscale probe`; see its logs in the console; restart it.",
        deployment=endpoint.down,
        inhibited_by=(*_NOT_SERVING, "NeevSelfOffline", "NeevFlapping"),
    ),
    AlertSpec(
        name="NeevEndpointAuth",
        severity=Severity.CRITICAL,
        summary="the endpoint refuses the inference key",
        action="Check and renew NEEV_INFERENCE_API_KEY; it needs access to this project.",
        deployment=endpoint.auth,
        inhibited_by=("NeevSelfOffline",),
    ),
    AlertSpec(
        name="NeevEndpointMisconfigured",
        severity=Severity.WARNING,
        summary="the endpoint refuses probes as wrong",
        action=(
            "Run `neevscale probe NAME` and read what it answers: model name, path or request do"
            " not fit what it serves."
        ),
        deployment=endpoint.misconfigured,
        inhibited_by=("NeevSelfOffline",),
    ),
    AlertSpec(
        name="NeevEndpointDegraded",
        severity=Severity.WARNING,
        summary="a good part of the probes fails",
        action="See the failures by reason on the page; one bad replica of several looks like it.",
        deployment=endpoint.degraded,
        for_seconds=300,
        keep_seconds=600,
        inhibited_by=("NeevEndpointDown", "NeevFlapping", "NeevSelfOffline"),
    ),
    AlertSpec(
        name="NeevEndpointRateLimited",
        severity=Severity.WARNING,
        summary="the endpoint limits the rate of requests",
        action=(
            "Find out whose requests use up the limit, or ask for a higher one; replicas do not"
            " raise it."
        ),
        deployment=endpoint.rate_limited,
        for_seconds=300,
        inhibited_by=("NeevSaturatedAtMax",),
    ),
    AlertSpec(
        name="NeevTokenThroughputDrop",
        severity=Severity.INFO,
        summary="streams are much slower than at this hour on other days",
        action="Compare load and replicas with those days; a slow replica or a new model shows so.",
        deployment=endpoint.throughput_drop,
        for_seconds=1800,
        keep_seconds=1800,
        inhibited_by=("NeevEndpointDown", "NeevSaturatedAtMax"),
    ),
    AlertSpec(
        name="NeevTLSCertExpiring",
        severity=Severity.WARNING,
        summary="the endpoint's certificate ends soon",
        action="Ask the platform's support to renew it: clients will refuse it afterwards.",
        deployment=endpoint.certificate_expiring,
        for_seconds=HOUR,
    ),
    AlertSpec(
        name="NeevStreamBuffered",
        severity=Severity.INFO,
        summary="its streams arrive in lumps",
        action="Switch off buffering where the hint says; latencies and load are known less well.",
        deployment=endpoint.buffered,
        for_seconds=600,
        keep_seconds=EVENT_SECONDS,
    ),
)

OBJECTIVE_ALERTS: tuple[AlertSpec, ...] = (
    *(
        AlertSpec(
            name=name,
            severity=Severity.WARNING,
            summary=f"the error budget of {words} burns too fast",
            action=action,
            deployment=objectives.budget_burn(slo),
            inhibited_by=("NeevEndpointDown",),
            inhibited_dimensions=("fast",),
        )
        for name, slo, words, action in (
            (
                "NeevAvailabilityBudgetBurn",
                "availability",
                "availability",
                "See the failures by reason on the page, and the platform's status.",
            ),
            (
                "NeevTTFTBudgetBurn",
                "ttft",
                "time to first token",
                "See whether replicas are at max, or long prompts wait; raise max_replicas if so.",
            ),
            (
                "NeevITLBudgetBurn",
                "itl",
                "inter-token latency",
                "See whether replicas are at max; raise max_replicas, or lower the objective.",
            ),
        )
    ),
    AlertSpec(
        name="NeevErrorBudgetExhausted",
        severity=Severity.WARNING,
        summary="an error budget is spent",
        action="Hold back risky changes until it recovers, or set an objective that can be kept.",
        deployment=objectives.budget_exhausted,
    ),
)

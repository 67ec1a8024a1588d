"""What may be done to which deployment: the defaults, the entries, the schedules, the objective.

Every key of `defaults:` may also stand in an entry of `deployments:`; what an entry writes wins,
what it leaves out is the default's. The first entry that matches is the only one that counts.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from autoscaler.core.cron import parse_cron
from autoscaler.core.model import Deployment
from autoscaler.core.words import Mode
from autoscaler.settings.section import Section
from autoscaler.settings.units import (
    Count,
    CountOrZero,
    Glob,
    Money,
    Objective,
    Ratio,
    Seconds,
    SecondsOrZero,
)


def _check_cron(value: str) -> str:
    parse_cron(value)
    return value


def _check_timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"must be a time zone such as Asia/Kolkata or UTC, not {value!r}"
        ) from None
    return value


Cron = Annotated[str, AfterValidator(_check_cron)]
"""Five cron fields: minute, hour, day of month, month, weekday (0 or 7 is Sunday)."""
TimeZone = Annotated[str, AfterValidator(_check_timezone)]
"""A name of the IANA time zone database."""


class MatchSettings(Section):
    """Which deployments are meant. All globs that are written must match."""

    name: Glob | None = None
    """Glob over the deployment's name. None matches all."""
    model: Glob | None = None
    """Glob over the model's slash path, such as `meta-llama/*`. None matches all."""
    region: Glob | None = None
    """Glob over the region, such as `as-south-*`. None matches all."""

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """A match says something."""
        if self.name is self.model is self.region is None:
            yield "name", "or model or region must be given; name: '*' matches everything"

    def matches(self, deployment: Deployment) -> bool:
        """True if every glob that is written matches the deployment."""
        return all(
            fnmatchcase(text, glob)
            for glob, text in (
                (self.name, deployment.name),
                (self.model, deployment.model_id),
                (self.region, deployment.region),
            )
            if glob is not None
        )

    def __str__(self) -> str:
        parts = (("name", self.name), ("model", self.model), ("region", self.region))
        return ", ".join(f"{key} {glob}" for key, glob in parts if glob is not None)


class SloSettings(Section):
    """The service level objective."""

    ttft_seconds: Seconds | None = None
    """Longest good time to first token. None = the larger of 1 s and 5 × idle TTFT, because an
    absolute guess buys GPUs for nothing.
    """
    itl_seconds: Seconds | None = None
    """Longest good inter-token latency. None = 3 × the idle one, learned per deployment."""
    attainment_ratio: Objective = 0.98
    """Share of the traffic to be served within the SLO."""
    availability_ratio: Objective = 0.995
    """Share of probes that must succeed. 99.5 %: one failed probe must not page."""


class StepLimitSettings(Section):
    """The larger of `replicas` and `ratio` × current, per `period_seconds`."""

    replicas: CountOrZero
    """Replicas per period."""
    ratio: Annotated[float, Field(ge=0)]
    """Share of the current count per period; 1 doubles it."""
    period_seconds: Seconds = 60
    """Length of the period."""

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """A limit that never lets anything move is a pause, and there is a word for that."""
        if self.replicas == 0 and self.ratio == 0:
            yield "replicas", "and ratio are both 0: nothing could ever move; use mode: advisory"


class ScalingSettings(Section):
    """What the autoscaler may do, and how."""

    mode: Mode | None = None
    """`advisory` recommends, `active` scales. None = the global `mode`."""
    min_replicas: Count | None = None
    """Fewest replicas. None = no floor of ours (the platform's own is 1)."""
    max_replicas: Count | None = None
    """Most replicas. None = the deployment is watched and never scaled: only bounds that you wrote
    are enforced.
    """
    slo: SloSettings = SloSettings()
    """The service level objective."""
    alpha_seconds: Seconds | None = None
    """Inter-token latency of the idle deployment, where you know it. None = learned."""
    max_num_seqs: Count | None = None
    """The engine's largest batch, where you know it: a hint for the capacity. None = learned."""
    tolerance_ratio: Ratio = 0.1
    """Relative change below which nothing moves. As in Kubernetes' autoscaler."""
    headroom_ratio: Annotated[Ratio, Field(gt=0)] = 0.8
    """Share of the load that meets the SLO which is planned for; the rest is room. As written at a
    need of three replicas; fewer get more room and more get less, as the scatter of arrivals does.
    """
    headroom_calibrates: bool = True
    """Whether that share follows the attainment, a step a day at most."""
    settling_window_seconds: SecondsOrZero = 120
    """After a scale action, a start or a reload: how long nothing goes down."""
    settle_deadline_seconds: Seconds = 900
    """How long a scale action may take before it is called overdue, alerted and decided anew."""
    scale_up_cooldown_seconds: SecondsOrZero = 0
    """Shortest time between two increases. 0: while an ask is under way only a larger count is
    asked anyway.
    """
    scale_down_hold_seconds: SecondsOrZero = 600
    """How long a lower count must be wanted before it is asked for; never less than the learned
    cold start, because what is given up costs that to come back. Twice as long for six hours after
    a step down that was taken back.
    """
    scale_up_step: StepLimitSettings = StepLimitSettings(replicas=4, ratio=1.0)
    """Largest increase: one call to the final size. Not applied to overload."""
    scale_down_step: StepLimitSettings = StepLimitSettings(replicas=1, ratio=0.25)
    """Largest decrease."""
    fast_window_seconds: Seconds = 60
    """Window of the quick estimate: four probes at the usual pace, twelve in doubt."""
    stable_window_seconds: Seconds = 180
    """Window of the steady estimate."""
    evidence_age_seconds: Seconds = 120
    """Age of the newest counted probe from which the autoscaler is blind."""
    stale_after_seconds: Seconds = 60
    """Age of the control plane's last answer from which the autoscaler is blind. Four polls."""
    fallback_after_seconds: Seconds | None = None
    """Blind for this long: raise to `fallback_replicas`. None = never."""
    fallback_replicas: Count | None = None
    """Count to raise to while blind; needs `fallback_after_seconds`."""
    cold_start_seconds: Seconds = 180
    """Time from ask to ready that is assumed until it has been learned."""
    max_cost_per_hour: Money | None = None
    """Most that the deployment may cost an hour: a maximum in money. None = no such maximum."""
    monthly_budget: Money | None = None
    """Money for the deployment per calendar month. Alerts; with `budget.enforce` it also refuses
    increases beyond its pace. None = no budget.
    """
    forecast: bool = True
    """Whether a forecast may raise the count, once its own rolling backtest has earned it."""
    hand_seconds: Seconds = 7200
    """How long a raise by somebody else is respected as a floor."""
    transition_statuses: tuple[str, ...] = ("initializing", "ready", "unknown")
    """Statuses taken for a transition of our own ask while it is under way."""

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """Bounds in order, windows in order, a fallback that is whole."""
        low, high = self.min_replicas, self.max_replicas
        if low is not None and high is not None and low > high:
            yield "min_replicas", f"is {low} and max_replicas is {high}: min must not exceed max"
        if (self.fallback_after_seconds is None) != (self.fallback_replicas is None):
            yield "fallback_replicas", "and fallback_after_seconds belong together: set both"
        if self.fast_window_seconds > self.stable_window_seconds:
            yield "fast_window_seconds", "must not exceed stable_window_seconds"


class DeploymentSettings(ScalingSettings):
    """One entry of `deployments:`: whom it matches, and what differs from the defaults."""

    match: MatchSettings
    """Which deployments this entry is for."""


class ScheduleSettings(Section):
    """A floor or ceiling that holds from each instant of a calendar on, for a while."""

    match: MatchSettings | None = None
    """Which deployments. None = all."""
    cron: Cron
    """When it begins: minute, hour, day of month, month, weekday, such as `0 9 * * 1-5`."""
    timezone: TimeZone = "UTC"
    """Time zone in which `cron` is read, such as `Asia/Kolkata`."""
    duration_seconds: Seconds
    """How long it holds, such as `9h`."""
    min_replicas: Count | None = None
    """Floor while it holds."""
    max_replicas: Count | None = None
    """Ceiling while it holds."""

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """A schedule orders something, and no contradiction."""
        low, high = self.min_replicas, self.max_replicas
        if low is None and high is None:
            yield "min_replicas", "or max_replicas must be given"
        if low is not None and high is not None and low > high:
            yield "min_replicas", f"is {low} and max_replicas is {high}: min must not exceed max"

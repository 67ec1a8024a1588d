"""One point of history per minute and deployment, grown by each tick of that minute."""

from statistics import median

from autoscaler.core.model import Decision, ProbeResult
from autoscaler.core.snapshot import CostView, HistoryPoint
from autoscaler.daemon.watched import Watched

MINUTE = 60.0


def point_of(
    watched: Watched,
    decision: Decision,
    *,
    at: float,
    tick_seconds: float,
    cost: CostView | None,
) -> HistoryPoint:
    """Return the minute that `at` lies in, as far as it has been seen; where ticks are rarer than
    minutes, with the probes since the tick before.
    """
    start = at - at % MINUTE
    since = start if tick_seconds <= MINUTE else min(start, at - tick_seconds)
    estimate = decision.estimate
    probes = [p for p in watched.recent if since <= p.ended_at <= at and p.counts]
    per_replica = estimate.capacity_per_replica

    def need(load: float | None) -> float | None:
        return None if load is None or not per_replica else load / per_replica

    return HistoryPoint(
        at=start,
        replicas=watched.deployment.replicas,
        asked=watched.ask.count if watched.ask is not None and watched.is_scaling else None,
        target=decision.target,
        need=need(estimate.load),
        need_low=need(estimate.load_low),
        need_high=need(estimate.load_high),
        ttft_seconds=_median([p.ttft_seconds for p in probes]),
        itl_seconds=_median([p.itl_seconds for p in probes]),
        success_ratio=_success_ratio(probes),
        cost_per_hour=None if cost is None else float(cost.per_hour),
        status=watched.deployment.status.value,
    )


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _success_ratio(probes: list[ProbeResult]) -> float | None:
    return sum(p.ok for p in probes) / len(probes) if probes else None

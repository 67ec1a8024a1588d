"""A day to look back on: load, history, estimates and decisions of any deployment."""

import math
from functools import cache

from autoscaler.core.model import (
    Counterfactual,
    Decision,
    Estimate,
    Step,
)
from autoscaler.core.snapshot import (
    HistoryPoint,
)
from autoscaler.core.words import Reason, Verdict

NOW = 1_795_478_400.0 + 14.2 * 3600
"""A Tuesday at 14:12 UTC."""


DAY = 86_400


ALPHA = 0.012


NAMES = (
    "chat-frontdoor", "code-assist", "summarise-nightly", "rag-legal", "voice-agent",
    "search-rerank", "translate-eu", "support-triage", "eval-judge", "moderation",
)  # fmt: skip


def name_of(index: int) -> str:
    """Name of the n-th deployment."""
    base = NAMES[index % len(NAMES)]
    return base if index < len(NAMES) else f"{base}-{index // len(NAMES)}"


def need_at(at: float, index: int) -> float:
    """Replicas that the load needs: a day's curve with a lunch dip and a spike."""
    hour = (at % DAY) / 3600
    day = 1.3 + 1.2 * math.sin((hour - 8 + index % 5) / 24 * 2 * math.pi)
    dip = -0.5 * math.exp(-((hour - 12.5) ** 2) / 0.6)
    spike = (1.6 + index % 3) * math.exp(-((hour - 14.0 - (index % 4) * 0.2) ** 2) / 0.25)
    ripple = 0.08 * math.sin(at / 400 + index)
    return max(0.15, day + dip + spike + ripple)


def history_of(index: int, *, until: float = NOW, since: float = 0.0) -> list[HistoryPoint]:
    """The day until an instant, from another one on."""
    return [point for point in _day_of(index, until) if point.at >= since]


@cache
def _day_of(index: int, until: float) -> tuple[HistoryPoint, ...]:
    """One point a minute; replicas follow the need, some minutes late downwards."""
    replicas, held, points = 2, 0, []
    at = until - DAY
    while at < until:
        need = need_at(at, index)
        target = max(1, min(6, math.ceil(need * 1.12)))
        if target < replicas:
            held += 1
            target = replicas if held < 12 else replicas - 1
        if target != replicas:
            held = 0
        rho = min(0.97, 0.62 * need / replicas)
        failed = index == 3 and DAY - 5400 < at - (until - DAY) < DAY - 4200
        blind = index == 1 and 7 * 3600 < at % DAY < 7.6 * 3600
        points.append(
            HistoryPoint(
                at=at,
                replicas=replicas,
                asked=target if target != replicas else None,
                target=target,
                need=None if blind else need,
                need_low=None if blind else need * 0.88,
                need_high=None if blind else need * 1.15,
                ttft_seconds=None if failed or blind else 0.11 + 0.5 * max(0.0, rho - 0.6) ** 2 * 8,
                itl_seconds=None if failed or blind else ALPHA / (1 - rho),
                success_ratio=0.0 if failed else 1.0,
                cost_per_hour=replicas * 2.49,
                status="failed" if failed else "ready",
            )
        )
        replicas = target
        at += 60
    return tuple(points)


def estimate_of(index: int, at: float, replicas: int) -> Estimate:
    """What the probes say at one instant."""
    need = need_at(at, index)
    rho = min(0.97, 0.62 * need / replicas)
    return Estimate(
        at=at,
        alpha_seconds=ALPHA,
        alpha_trusted=index % 4 != 2,
        alpha_because="seen near idle last night",
        itl_seconds=ALPHA / (1 - rho),
        ttft_seconds=0.11 + 4 * max(0.0, rho - 0.6) ** 2,
        rho=rho,
        rho_low=rho * 0.9,
        rho_high=min(1.0, rho * 1.1),
        cap=0.74,
        cap_learned=True,
        load=need * 0.62,
        load_low=need * 0.55,
        load_high=need * 0.7,
        capacity_per_replica=0.62,
        arrivals_per_second=3.1 * need,
        arrivals_because="heard in 12 streams",
        probes_used=12,
        cold_start_seconds=170,
        because=f"12 probes: ITL {ALPHA / (1 - rho) * 1000:.0f} ms against 12 ms idle, "
        f"so {rho:.0%} of each replica is in use",
    )


def decision_of(
    index: int, at: float, current: int, target: int, *, name: str | None = None
) -> Decision:
    """One decision with its argument."""
    need = need_at(at, index)
    verdict, reason, because = _outcome(need, current, target)
    return Decision(
        at=at,
        deployment_id=f"dep-{index:04d}",
        deployment=name or name_of(index),
        current=current,
        recommended=max(1, math.ceil(need)),
        target=target,
        verdict=verdict,
        reason=reason,
        because=because,
        steps=_steps(need, current, target, reason=reason),
        estimate=estimate_of(index, at, current),
        counterfactuals=tuple(
            _counterfactual(need, count) for count in range(max(1, target - 1), target + 2)
        ),
        ask=target if target != current else None,
        held_until=at + 300 if verdict is Verdict.HOLD and index % 5 == 1 else None,
    )


def _outcome(need: float, current: int, target: int) -> tuple[Verdict, Reason, str]:
    if target > current:
        because = f"the load needs {need:.1f} replicas within the SLO and {current} run"
        return Verdict.UP, Reason.SCALE_UP_SLO, because
    if target < current:
        because = f"{target} replicas have carried this load within the SLO for 12 min"
        return Verdict.DOWN, Reason.SCALE_DOWN, because
    because = f"the load needs {need:.1f} replicas; {current} run, within 10 % of it"
    return Verdict.HOLD, Reason.WITHIN_TOLERANCE, because


def _steps(need: float, current: int, target: int, *, reason: Reason) -> tuple[Step, ...]:
    wanted = max(1, math.ceil(need))
    return (
        Step(rule="lifecycle_gate", before=current, after=current, because="it is ready"),
        Step(
            rule="evidence_gate", before=current, after=current,
            because="12 probes in 180 s, the newest 6 s old",
        ),
        Step(
            rule="slo_model", before=current, after=wanted,
            because=f"at 3 x alpha one replica carries 0.62; the load is {need * 0.62:.2f}",
            reason=reason if target != current else None,
        ),
        Step(
            rule="bounds", before=wanted, after=target, because="1 to 6 replicas are allowed",
            reason=Reason.CAPPED_MAX if need > 6 else None,
        ),
    )  # fmt: skip


def _counterfactual(need: float, replicas: int) -> Counterfactual:
    rho = 0.62 * need / replicas
    return Counterfactual(
        replicas=replicas,
        itl_seconds=ALPHA / (1 - min(0.97, rho)),
        ttft_seconds=0.11 + 4 * max(0.0, rho - 0.6) ** 2,
        meets_slo=need / replicas <= 1.0,
        cost_per_hour=replicas * 2.49,
    )


def decisions_of(index: int, *, until: float = NOW) -> list[Decision]:
    """Changes of the day and a hold each half hour between, newest first."""
    found = []
    for point in history_of(index, until=until):
        replicas, target = point.replicas or 1, point.target or 1
        if target != replicas or point.at % 1800 == 0:
            found.append(decision_of(index, point.at, replicas, target))
    return found[::-1]

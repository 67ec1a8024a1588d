"""Sentences to show on top: what a person should know about the configuration, before it acts."""

from collections.abc import Iterable

from autoscaler.core.model import Deployment
from autoscaler.core.policy import Policy
from autoscaler.core.words import Mode
from autoscaler.daemon.accounts import PriceBook
from autoscaler.daemon.watched import Watched


def about_deployment(deployment: Deployment, policy: Policy) -> tuple[str, ...]:
    """Return what the configuration will do to one deployment, where it may surprise."""
    if policy.mode is Mode.ACTIVE and not policy.is_managed:
        sentence = (
            f"{deployment.name} is in active mode but has no max_replicas in a matching entry of"
            " deployments: it is only watched. Add one to let it be scaled."
        )
        return (sentence,)
    return _outside(deployment, policy)


def about_prices(watched: Iterable[Watched], book: PriceBook, now: float) -> tuple[str, ...]:
    """Return the lines to paste for GPU configurations whose price is unknown; empty if none."""
    unknown = sorted(
        {
            w.deployment.gpu_config_id
            for w in watched
            if book.per_replica_hour(w.deployment, now) is None
        }
    )
    if not unknown:
        return ()
    lines = ", ".join(f"{gpu}: 0.00" for gpu in unknown)
    sentence = (
        f"No price is known for {', '.join(unknown)}, so their cost is not shown. Put what you pay"
        f" into the configuration: prices: {{currency: {book.currency},"
        f" per_gpu_hour: {{{lines}}}}}"
    )
    return (sentence,)


def _outside(deployment: Deployment, policy: Policy) -> tuple[str, ...]:
    """Say beforehand what enforcing the bounds will do (SEMANTICS 3.3)."""
    name, current = deployment.name, deployment.replicas
    would = "will" if policy.may_scale else "in active mode would"
    if not policy.is_managed or not deployment.is_ready:
        return ()
    if policy.max_replicas is not None and current > policy.max_replicas:
        surplus = current - policy.max_replicas
        return (f"{name} runs {current}, max {policy.max_replicas}: {would} remove {surplus}.",)
    if policy.min_replicas is not None and current < policy.min_replicas:
        missing = policy.min_replicas - current
        return (f"{name} runs {current}, min {policy.min_replicas}: {would} add {missing}.",)
    return ()

"""Conditions on the autoscaler itself: what holds it back, what it did, what it cannot trust.

Their evidence is the decision: a blind one says nothing.
"""

from collections.abc import Callable, Sequence

from autoscaler.core.alerting.conditions.objectives import is_burning
from autoscaler.core.alerting.findings import (
    DeploymentScope,
    Finding,
    Look,
    good,
    grade,
    span,
    unknown,
)
from autoscaler.core.model import Decision
from autoscaler.core.snapshot import Severity
from autoscaler.core.words import Reason, Verdict

STUCK_INTERVALS = 5
"""Decision intervals without a decision after which the autoscaler counts as stuck."""
STUCK_CALLS = 3
"""Scale calls that failed in a row after which it does too."""
WARN_SECONDS = 900.0
"""How long before its end an order is told (SEMANTICS §2)."""
_STOPPED = (Reason.PAUSED, Reason.OVERRIDE, Reason.ADVISORY, Reason.UNMANAGED)


def notice(kind: str) -> Callable[[DeploymentScope], Sequence[Finding]]:
    """Return the condition that the step's own notice of this kind holds.

    Notices are repeated for as long as they are true; a blind step that tells none proves nothing.
    """

    def condition(scope: DeploymentScope) -> Sequence[Finding]:
        decision = scope.subject.decision
        if decision is None:
            return unknown()
        for told in scope.subject.notices:
            if told.kind == kind:
                text = told.because[:1].upper() + told.because[1:] + "."
                return (Finding(look=Look.BAD, data_at=decision.at, description=text),)
        return unknown() if decision.verdict is Verdict.BLIND else good(decision.at)

    return condition


def saturated(scope: DeploymentScope) -> Sequence[Finding]:
    """The load wants more replicas than max allows, and max are running."""
    decision, ceiling = _sighted(scope), scope.subject.policy.max_replicas
    if decision is None or ceiling is None:
        return unknown()
    full = decision.recommended > ceiling and decision.current >= ceiling
    burning = is_burning(scope.subject.slos)
    return (
        Finding(
            look=grade(bad=full, good=True),
            data_at=decision.at,
            severity=Severity.CRITICAL if burning else Severity.WARNING,
            description=(
                f"The load wants {decision.recommended} replicas; max_replicas is {ceiling}, and"
                f" {decision.current} run."
                + (" Users already wait longer than the objective allows." if burning else "")
            ),
        ),
    )


def capacity_short(scope: DeploymentScope) -> Sequence[Finding]:
    """A scale-up wants more GPUs than the inventory says are free."""
    decision, free = _sighted(scope), scope.subject.free_gpus
    if decision is None or free is None:
        return unknown()
    seen = scope.subject.deployment
    wanted = (decision.target - seen.replicas) * seen.gpu_count
    return (
        Finding(
            look=grade(bad=wanted > free, good=True),
            data_at=decision.at,
            description=(
                f"{decision.target} replicas are wanted, {seen.replicas} run: that takes {wanted}"
                f" more GPUs of {seen.gpu_config_id} in {seen.region}, and {free} are free."
            ),
        ),
    )


def stuck(scope: DeploymentScope) -> Sequence[Finding]:
    """No decision for five intervals, or three scale calls in a row that failed."""
    decision, calls = scope.subject.decision, scope.subject.scale_failures
    if decision is None:
        return unknown()
    age = scope.at - decision.at
    late = age > STUCK_INTERVALS * scope.facts.decide_seconds
    what = [f"The last decision is {span(age)} old."] if late else []
    what += [f"{calls} scale calls in a row have failed."] if calls >= STUCK_CALLS else []
    return (
        Finding(
            look=grade(bad=bool(what), good=calls == 0),
            data_at=scope.at,
            description=" ".join(what),
        ),
    )


def thrashing(scope: DeploymentScope) -> Sequence[Finding]:
    """Our own scaling turns back and forth."""
    rules = scope.rules
    begin = scope.at - rules.thrash_window_seconds
    count = sum(1 for at in scope.memory.reversals if at > begin)
    return (
        Finding(
            look=grade(bad=count >= rules.thrash_reversals, good=count <= 1),
            data_at=scope.at,
            description=(
                f"It changed the direction of scaling {count} times within"
                f" {span(rules.thrash_window_seconds)}."
            ),
        ),
    )


def idle_spend(scope: DeploymentScope) -> Sequence[Finding]:
    """Fewer replicas would do, and a pause, an override or advisory mode keeps them."""
    decision = _sighted(scope)
    if decision is None:
        return unknown()
    floor = scope.subject.policy.min_replicas or 1
    held = next((step.reason for step in decision.steps if step.reason in _STOPPED), None)
    held = held or (decision.reason if decision.reason in _STOPPED else None)
    idle = held is not None and decision.recommended < decision.current > floor
    return (
        Finding(
            look=grade(bad=idle, good=True),
            data_at=decision.at,
            description=(
                f"{decision.current} replicas run where {decision.recommended} would do; they stay"
                f" because of: {held}."
            ),
        ),
    )


def untrusted_alpha(scope: DeploymentScope) -> Sequence[Finding]:
    """It could go down, but its idle latency is not known well enough to dare it."""
    decision = _sighted(scope)
    if decision is None:
        return unknown()
    reasons = {decision.reason, *(step.reason for step in decision.steps)}
    because = decision.estimate.alpha_because
    return (
        Finding(
            look=grade(bad=Reason.DOWN_UNTRUSTED in reasons, good=True),
            data_at=decision.at,
            description=(
                f"{decision.recommended} replicas would do by what is known, but the idle latency"
                f" is not trusted{': ' + because if because else ''}."
            ),
        ),
    )


def order_ending(scope: DeploymentScope) -> Sequence[Finding]:
    """A pause or an override of a person ends within a quarter of an hour."""
    orders = scope.subject.orders
    ends = {
        "override": (orders.override.until, orders.override.by) if orders.override else None,
        "pause": (orders.pause.until, orders.pause.by) if orders.pause else None,
    }
    for kind, order in ends.items():
        if order is None or order[0] is None:
            continue
        left = order[0] - scope.at
        if 0 < left <= WARN_SECONDS:
            text = f"The {kind} by {order[1]} ends in {span(left)}; then scaling decides again."
            return (Finding(look=Look.BAD, data_at=scope.at, description=text),)
    return good(scope.at)


def _sighted(scope: DeploymentScope) -> Decision | None:
    """Return the latest decision if it saw something."""
    decision = scope.subject.decision
    return None if decision is None or decision.verdict is Verdict.BLIND else decision

"""The three gates: may this deployment be scaled now, has it settled, can its load be seen.

A gate says what is shut and why; the rules obey. Bounds stay the user's word behind a shut evidence
gate, but never behind a shut lifecycle gate or on a count that was not read freshly.
"""

from autoscaler.core.case import Case, Gate, passed
from autoscaler.core.counts import Counts
from autoscaler.core.model import Ask, Observation, Step
from autoscaler.core.policy import Policy
from autoscaler.core.words import Reason, Status

LEAST_SAMPLES = 3
"""Successful probes in the stable window below which there is no estimate worth a move."""


def lifecycle_reason(observation: Observation, ask: Ask | None, policy: Policy) -> Reason | None:
    """Return why the platform's status forbids scaling; None where it allows it."""
    status = observation.deployment.status
    if status is Status.READY:
        return None
    if ask is not None and status.value in policy.transition_statuses:
        return None
    if status is Status.FAILED:
        return Reason.UNHEALTHY
    return Reason.TRANSITIONAL if status is Status.UNKNOWN else Reason.NOT_READY


def settling_until(counts: Counts, observation: Observation, policy: Policy) -> float | None:
    """Return when the settling window ends; None if it is over."""
    since = max(observation.started_at, counts.settled_at or 0.0)
    until = since + policy.settling_window_seconds
    return until if observation.at < until else None


def is_starting(observation: Observation, policy: Policy) -> bool:
    """True in the first settling window after a start or reload."""
    return observation.at < observation.started_at + policy.settling_window_seconds


def is_stale(observation: Observation, policy: Policy) -> bool:
    """True if the control plane was not read within the policy's age."""
    return observation.at - observation.read_at > policy.stale_after_seconds


def lifecycle(case: Case, count: int) -> Step:
    """Start from what is coming; say why nothing may be asked for, if so."""
    status = case.observation.deployment
    word = status.raw_status or status.status.value
    if case.gate.closed is not None:
        because = f"the platform says '{word}': nothing is asked for"
        return Step(
            rule="lifecycle",
            before=count,
            after=case.base,
            because=because,
            reason=case.gate.closed,
        )
    if case.ask is not None:
        because = f"{case.ask.count} asked for, {case.current} running: what is asked is coming"
        return Step(
            rule="lifecycle",
            before=count,
            after=case.base,
            because=because,
            reason=Reason.PENDING,
        )
    return passed("lifecycle", count, f"{word}, no ask under way")


def settling(case: Case, count: int) -> Step:
    """Say whether anything may go down yet."""
    until = case.gate.settling_until
    if until is None:
        return passed("settling", count, "settled")
    after = "a start or reload" if case.gate.starting else "the last change"
    because = f"nothing goes down for another {until - case.at:.0f} s after {after}"
    return passed("settling", count, because, Reason.SETTLING)


def evidence(case: Case, count: int) -> Step:
    """Say whether the load can be seen; raise to the fallback where it could not be for long."""
    gate = case.gate
    if gate.blind is None:
        because = f"{case.samples} probes answered, {case.failures} failed"
        return passed("evidence", count, because)
    because = _blind_because(case, gate)
    if gate.fallback and case.policy.fallback_replicas is not None and gate.closed is None:
        after = max(count, case.policy.fallback_replicas)
        if after > count and case.ask is None and not gate.stale:
            because = f"{because}; raised to the fallback of {after}"
            return Step(
                rule="evidence",
                before=count,
                after=after,
                because=because,
                reason=Reason.FALLBACK,
            )
    return passed("evidence", count, because, gate.blind)


def _blind_because(case: Case, gate: Gate) -> str:
    if gate.blind is Reason.STALE_DATA:
        age = case.at - case.observation.read_at
        return f"the control plane was last read {age:.0f} s ago: the count is not known"
    if gate.blind is Reason.UNHEALTHY:
        return f"{case.failures} probes failed and none answered: that is no load"
    return f"{case.samples} fresh probes answered: too few to see the load"

"""Which reason stands for a whole decision, and the one sentence that people read first."""

from autoscaler.core.case import Case
from autoscaler.core.model import Step
from autoscaler.core.words import Reason

_LIMITING = frozenset(
    {
        Reason.CAPPED_MAX,
        Reason.CAPPED_BUDGET,
        Reason.STEP_LIMITED,
        Reason.HELD_AT_MIN,
        Reason.PENDING,
        Reason.SETTLING,
    }
)
"""Reasons that trim a move; they name the decision only where nothing of the move is left."""


def reason_of(case: Case, steps: tuple[Step, ...], target: int) -> Reason:
    """Return the reason of the rule that shaped the outcome."""
    shaped = [one for one in steps if one.reason is not None and one.after != one.before]
    orders = [one for one in steps if one.reason in {Reason.PAUSED, Reason.OVERRIDE}]
    if orders:
        return orders[-1].reason or Reason.PAUSED
    if target != case.base:
        moving = [one for one in shaped if one.reason not in _LIMITING and one.rule != "lifecycle"]
        return (moving or shaped)[-1].reason or Reason.WITHIN_TOLERANCE
    if case.gate.closed is not None:
        return case.gate.closed
    if case.gate.blind is not None:
        return case.gate.blind
    stopped = [one for one in shaped if one.after == case.base and one.rule != "lifecycle"]
    if stopped:
        return stopped[-1].reason or Reason.WITHIN_TOLERANCE
    return Reason.PENDING if case.ask is not None else Reason.WITHIN_TOLERANCE


def told(case: Case, steps: tuple[Step, ...], *, target: int, reason: Reason) -> str:
    """One sentence: what, and the words of the rule whose reason it is."""
    words = next((one.because for one in reversed(steps) if one.reason is reason), "")
    if target == case.base:
        head = f"Stays at {target}"
        if case.ask is not None:
            head = f"Stays with the {target} asked for"
    else:
        head = f"{case.base} to {target}"
    if not words:
        words = case.estimate.because
    return f"{head}: {words}." if words else f"{head}."

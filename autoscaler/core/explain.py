"""A decision in plain sentences: what came of it, what it rests on, each rule's word, what else.

Takes a decision as an object or as the JSON it was stored as; reads nothing but the decision, so
that an old one explains itself as it did then.
"""

from collections.abc import Iterator

from autoscaler.core.codec import decode
from autoscaler.core.model import Counterfactual, Decision, Estimate, Json, Step
from autoscaler.core.words import Reason, Verdict

_HEADS = {
    Verdict.UP: "goes up",
    Verdict.DOWN: "goes down",
    Verdict.HOLD: "stays",
    Verdict.BLIND: "stays, unseen",
}


def sentences(decision: Decision | Json) -> Iterator[str]:
    """Yield the explanation, sentence by sentence."""
    one = decision if isinstance(decision, Decision) else decode(Decision, decision)
    yield _head(one)
    yield one.because
    if one.ask is not None:
        yield f"The platform is asked for {one.ask}."
    yield from _estimate(one.estimate)
    yield from (_step(step) for step in one.steps if _tells(step))
    yield from (_other(other) for other in one.counterfactuals)


def _head(one: Decision) -> str:
    what = _HEADS[one.verdict]
    if one.verdict in {Verdict.UP, Verdict.DOWN}:
        return f"{one.deployment} {what} from {one.current} to {one.target} ({one.reason.value})."
    return f"{one.deployment} {what} at {one.target} ({one.reason.value}); {one.current} run."


def _estimate(one: Estimate) -> Iterator[str]:
    if one.because:
        yield f"Estimate: {one.because}."
    if one.load is not None and one.load_low is not None and one.load_high is not None:
        carried = ""
        if one.capacity_per_replica is not None:
            carried = f"; one replica carries {one.capacity_per_replica:.2f} within the objectives"
        yield f"Load is {one.load:.2f} ({one.load_low:.2f} to {one.load_high:.2f}){carried}."
    if one.arrivals_per_second is not None:
        yield f"About {one.arrivals_per_second:.2f} requests a second were heard."
    elif one.arrivals_because:
        yield f"Other users' requests are not used: {one.arrivals_because}."
    if one.alpha_seconds is not None:
        word = "trusted" if one.alpha_trusted else "not trusted"
        idle = f"{one.alpha_seconds * 1000:.3g} ms a token"
        yield f"Idle latency is {idle} ({word}: {one.alpha_because})."


def _tells(step: Step) -> bool:
    return step.before != step.after or step.reason is not None


def _step(step: Step) -> str:
    change = f"{step.before} to {step.after}" if step.before != step.after else f"{step.after}"
    return f"{step.rule}: {change}, {step.because}."


def _other(other: Counterfactual) -> str:
    parts = []
    if other.itl_seconds is not None:
        parts.append(f"{other.itl_seconds * 1000:.3g} ms a token")
    if other.ttft_seconds is not None:
        parts.append(f"{other.ttft_seconds:.3g} s to the first")
    meets = {True: "meets the SLO", False: "misses the SLO", None: "cannot be predicted"}
    parts.append(meets[other.meets_slo])
    if other.cost_per_hour is not None:
        parts.append(f"{other.cost_per_hour:.2f} an hour")
    return f"With {other.replicas}: {', '.join(parts)}."


REASONS: dict[Reason, str] = {
    Reason.SCALE_UP_SLO: "the load needs more replicas than there are to stay within the SLO",
    Reason.SCALE_UP_OVERLOAD: "users queue, and the queue grows",
    Reason.SCALE_UP_FORECAST: "a forecast that has earned its place sees more load coming",
    Reason.SCALE_UP_SCHEDULE: "a schedule holds a floor",
    Reason.SCALE_UP_SIGNAL: "an extra signal is above its target",
    Reason.SCALE_UP_UNTRUSTED_ALPHA: "latency calls for more, though idle latency is not sure",
    Reason.SCALE_DOWN: "fewer replicas carry even the upper end of the load",
    Reason.UNDO_FAILED_STEP: "a step down failed its prediction and is undone",
    Reason.BELOW_MIN: "the count is below the min",
    Reason.ABOVE_MAX: "the count is above the max",
    Reason.CAPPED_MAX: "more would be needed than the max allows",
    Reason.HELD_AT_MIN: "fewer would do, and the min forbids it",
    Reason.CAPPED_BUDGET: "more would be needed than the budget allows",
    Reason.STEP_LIMITED: "the change is larger than one step may be",
    Reason.WITHIN_TOLERANCE: "the count fits the load",
    Reason.DOWN_HELD: "fewer would do, but not yet for long enough",
    Reason.UP_COOLDOWN: "the last increase is too recent",
    Reason.DOWN_REFUSED_CONSOLIDATION: "fewer would break the SLO at the upper end of the load",
    Reason.DOWN_UNTRUSTED: "idle latency is not sure enough to go down by",
    Reason.DOWN_VETOED_MISSING_DATA: "too little evidence to go down by",
    Reason.INFEASIBLE_SLO: "no count can meet the objective",
    Reason.UNMANAGED: "no entry with a max matches: watched only",
    Reason.ADVISORY: "advisory mode recommends and does not act",
    Reason.PAUSED: "a person paused it",
    Reason.OVERRIDE: "a person pinned the count",
    Reason.HAND: "somebody raised the count, and that is respected",
    Reason.PENDING: "what was asked for is under way",
    Reason.TRANSITIONAL: "the platform's status is none in which anything is asked for",
    Reason.NOT_READY: "the deployment is not ready",
    Reason.SETTLING: "a change has just been made, and nothing goes down until it has settled",
    Reason.STALE_DATA: "the control plane was not read lately",
    Reason.NO_EVIDENCE: "too few probes answered to see the load",
    Reason.FALLBACK: "unseen for long: raised to the fallback",
    Reason.UNHEALTHY: "it fails, and failures are no load",
}
"""Every reason in one clause, for help and reference; a test holds that none is missing."""

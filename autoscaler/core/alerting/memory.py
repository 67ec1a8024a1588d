"""What conditions need to remember, brought up to date from the facts of one evaluation.

One pass over the new probes keeps the endpoint's up-or-down state: down after three failures in a
row or six of the last ten, up after two answers in a row, and each run is judged only on what came
after the last change, so that old failures never count against a recovered endpoint. Failures that
come from our own key or request (401, 4xx) show an endpoint that answers: for this state they count
as answers, and have alerts of their own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from autoscaler.core.alerting.facts import DeploymentFacts, FleetFacts
from autoscaler.core.alerting.rules import HOUR, AlertRules
from autoscaler.core.alerting.state import Memory
from autoscaler.core.model import ProbeResult
from autoscaler.core.redaction import safe
from autoscaler.core.words import FAILURES, FailureReason

PROBES_KEPT = 200
"""15 minutes of probes each 5 s are 180."""
TRANSITIONS_KEPT = 30
HOURS_KEPT = 8 * 24
"""A week and a day of hourly means, so that the same hour of seven days is always there."""
SAMPLES_KEPT = 240
"""An hour of evaluations each 15 s."""


def remember_deployment(
    memory: Memory, subject: DeploymentFacts, *, at: float, rules: AlertRules
) -> Memory:
    """Return the deployment's memory with what this evaluation adds."""
    memory = _remember_status(memory, subject, at=at)
    memory = _remember_decision(memory, subject, at=at, rules=rules)
    counted = [probe for probe in subject.probes if probe.counts and not probe.warmup]
    for probe in counted:
        memory = _remember_probe(memory, probe, subject=subject, rules=rules)
    return _forget(memory, at=at, rules=rules) if memory.transitions or counted else memory


def remember_fleet(memory: Memory, facts: FleetFacts) -> Memory:
    """Return the fleet's memory with what this evaluation adds."""
    plane = facts.control_plane
    counts = memory.counts
    if plane.requests:
        counts = (*counts, (facts.at, plane.requests, plane.errors))[-SAMPLES_KEPT:]
    totals = dict(memory.totals)
    missed_now = sum(job.missed for job in facts.jobs)
    missed = memory.missed
    grown = _growth(totals, "missed", missed_now)
    if grown:
        missed = (*missed, (facts.at, grown))[-SAMPLES_KEPT:]
    events = dict(memory.events)
    for receiver in facts.receivers:
        if _growth(totals, f"dead {receiver.name}", receiver.dead_letters):
            events[f"dead {receiver.name}"] = (facts.at, safe(receiver.last_error))
    if (counts, missed, totals, events) == (
        memory.counts,
        memory.missed,
        dict(memory.totals),
        dict(memory.events),
    ):
        return memory
    return replace(memory, counts=counts, missed=missed, totals=totals, events=events)


def remember_changes(
    memory: Memory, *, before: Mapping[str, Memory], after: Mapping[str, Memory], at: float
) -> Memory:
    """Return the fleet's memory with what appeared and vanished since the fleet was last whole.

    The first whole look only learns what there is.
    """
    if "whole" not in memory.totals:
        return replace(memory, totals={**memory.totals, "whole": 1})
    new = sorted(after[key].deployment for key in after.keys() - before.keys())
    old = sorted(before[key].deployment for key in before.keys() - after.keys())
    changes = [f"{name} appeared" for name in new] + [f"{name} is gone" for name in old]
    if not changes:
        return memory
    text = safe("; ".join(changes) + ". Neevscale itself creates and deletes nothing.")
    return replace(memory, events={**memory.events, "fleet": (at, text)})


def is_down_failure(word: str) -> bool:
    """Whether a failure word, or "" for a success, speaks for an endpoint that is down."""
    return bool(word) and FAILURES[FailureReason(word)].endpoint_down


def _growth(totals: dict[str, int], key: str, total: int) -> int:
    """How much a total grew since it was last seen; a smaller one was reset by a restart."""
    before = totals.get(key, 0)
    totals[key] = total
    return total - before if total >= before else total


def _remember_status(memory: Memory, subject: DeploymentFacts, *, at: float) -> Memory:
    seen = subject.deployment
    transitions, events = memory.transitions, dict(memory.events)
    if memory.status and memory.status != seen.status.value and not subject.settling:
        transitions = (*transitions, at)[-TRANSITIONS_KEPT:]
    restarted = (
        memory.status == seen.status.value == "ready"
        and seen.uptime_seconds < memory.uptime_seconds
        and not subject.settling
    )
    if restarted:
        sentence = (
            f"Its ready session began again {seen.uptime_seconds} s ago; the one before had lasted"
            f" {memory.uptime_seconds} s."
        )
        events["restart"] = (at, sentence)
    same = (
        memory.status == seen.status.value
        and memory.uptime_seconds == seen.uptime_seconds
        and memory.replicas == seen.replicas
        and memory.deployment == seen.name
    )
    if same:
        return memory
    return replace(
        memory,
        deployment=seen.name,
        status=seen.status.value,
        uptime_seconds=seen.uptime_seconds,
        replicas=seen.replicas,
        transitions=transitions,
        events=events,
    )


def _remember_decision(
    memory: Memory, subject: DeploymentFacts, *, at: float, rules: AlertRules
) -> Memory:
    """Count reversals of direction among the moves that we asked for."""
    decision = subject.decision
    if decision is None or decision.ask is None or decision.ask == decision.current:
        return memory
    verdict = "up" if decision.ask > decision.current else "down"
    if verdict == memory.verdict:
        return memory
    kept = tuple(t for t in memory.reversals if t > at - rules.thrash_window_seconds)
    reversals = (*kept, decision.at) if memory.verdict else kept
    return replace(memory, verdict=verdict, reversals=reversals[-TRANSITIONS_KEPT:])


def _remember_probe(
    memory: Memory, probe: ProbeResult, *, subject: DeploymentFacts, rules: AlertRules
) -> Memory:
    word = probe.failure.value if probe.failure else ""
    probes = (*memory.probes, (probe.ended_at, word))[-PROBES_KEPT:]
    failed = memory.failed_probe
    if word:
        failed = {"probe_id": probe.id, "reason": word, "last_error": safe(probe.detail, 200)}
    since = memory.changed_at
    if since >= probe.ended_at:  # the clock was set back: what was seen before it is forgotten
        since, probes = probe.ended_at - 1.0, ((probe.ended_at, word),)
    run = [entry[1] for entry in probes if entry[0] > since]
    down = _is_down(run, down=memory.down, rules=rules)
    transitions = memory.transitions
    if down != memory.down:
        since = probe.ended_at
        if not subject.settling:
            transitions = (*transitions, probe.ended_at)[-TRANSITIONS_KEPT:]
    return replace(
        memory,
        probes=probes,
        failed_probe=failed,
        down=down,
        changed_at=since,
        transitions=transitions,
        hours=_add_rate(memory.hours, probe),
    )


def _is_down(run: list[str], *, down: bool, rules: AlertRules) -> bool:
    """Whether the endpoint is down after this run of results since its state last changed."""
    bad = [is_down_failure(word) for word in run]
    if down:
        answered = bad[-rules.up_consecutive :]
        return not (len(answered) == rules.up_consecutive and not any(answered))
    failed, of = rules.down_of
    last = bad[-rules.down_consecutive :]
    in_a_row = len(last) == rules.down_consecutive and all(last)
    return in_a_row or sum(bad[-of:]) >= failed


def _add_rate(
    hours: tuple[tuple[int, int, float], ...], probe: ProbeResult
) -> tuple[tuple[int, int, float], ...]:
    if not probe.ok or not probe.itl_seconds:
        return hours
    rate, hour = 1 / probe.itl_seconds, int(probe.ended_at // HOUR)
    if hours and hours[-1][0] == hour:
        _, count, mean = hours[-1]
        return (*hours[:-1], (hour, count + 1, mean + (rate - mean) / (count + 1)))
    return (*hours, (hour, 1, rate))[-HOURS_KEPT:]


def _forget(memory: Memory, *, at: float, rules: AlertRules) -> Memory:
    window = max(rules.degraded_window_seconds, rules.rate_limited_window_seconds)
    return replace(
        memory,
        probes=_since(memory.probes, at - window, keep=rules.down_of[1]),
        transitions=tuple(t for t in memory.transitions if t > at - rules.flap_window_seconds),
    )


def _since(
    probes: tuple[tuple[float, str], ...], begin: float, *, keep: int
) -> tuple[tuple[float, str], ...]:
    """Return the probes since `begin`, and in any case the last `keep`."""
    old = sum(1 for end, _ in probes if end <= begin)
    return probes[min(old, max(0, len(probes) - keep)) :]


def last_words(memory: Memory, count: int) -> Iterable[str]:
    """Return the failure words of the last `count` probes, oldest first; "" is a success."""
    return (word for _, word in memory.probes[-count:])

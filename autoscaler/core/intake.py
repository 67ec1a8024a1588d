"""Taking one observation in: from what was remembered to what is known now, before any rule.

Only counted probes enter: not those that are our own fault, not the first after a start. A changed
model or GPU makes everything learned about latencies void.
"""

from dataclasses import replace

from autoscaler.core import alpha as alphas
from autoscaler.core import counters as engine
from autoscaler.core import counts as count_memory
from autoscaler.core import overload as queues
from autoscaler.core import trial as trials
from autoscaler.core import waits as waiting
from autoscaler.core.balance import looked
from autoscaler.core.counted import Engine, counted_lesson, counting
from autoscaler.core.hearing import Ear, listened
from autoscaler.core.learned import Learning
from autoscaler.core.learning import lesson
from autoscaler.core.model import Observation
from autoscaler.core.policy import Policy
from autoscaler.core.quantile import LowQuantile, added
from autoscaler.core.state import State
from autoscaler.core.window import Sample, extended, sample_of

IDLE_TTFT_SHARE = 0.1
"""A low quantile of TTFT: what a prompt takes when nobody is before it."""
COMPARABLE = frozenset({"short", "calibrate"})
"""Profiles whose prompt length is the same, so that their TTFT compares."""
MOST_WAIT = 3.0
"""Longest TTFT that enters its curve, in units of that from which it shows a queue."""
SILENT = frozenset({"liveness", "warm"})
"""Profiles that tell nothing of the load."""


def idle_ttft(state: State) -> float | None:
    """Idle time to first token, seconds; None while none was seen."""
    return state.idle_ttft.value(IDLE_TTFT_SHARE)


def taken_in(state: State, observation: Observation, policy: Policy) -> State:
    """Return the state with the observation's probes, ask and count in it."""
    deployment, now = observation.deployment, observation.at
    identity = f"{deployment.model_id} {deployment.gpu_config_id} {deployment.gpu_count}"
    if identity != state.identity:
        state = _forgotten(state, identity)
    ear, fresh = _heard(state.learning.ear, observation)
    state = replace(
        state,
        samples=extended(state.samples, fresh, now=now),
        learning=state.learning if ear is state.learning.ear else replace(state.learning, ear=ear),
        counters=engine.followed(state.counters, observation),
        counts=count_memory.followed(state.counts, observation, policy),
        idle_ttft=_with_ttfts(state.idle_ttft, fresh),
    )
    state = _with_calibration(state, observation)
    state = _with_queue(state, fresh, now)
    if fresh and not state.overload.is_suspected:  # under a queue nothing is near idle
        state = replace(state, alpha=alphas.learned(state.alpha, fresh, now=now))
    state = _with_counted(_with_lesson(state, policy, now), policy, now)
    state = _with_waits(_with_balance(state, deployment.replicas, now), policy, now)
    return _with_trial(state, now)


def engine_of(state: State, now: float) -> Engine:
    """What the engine's counters say, beside our own probes."""
    return Engine(
        counters=state.counters,
        samples=state.samples,
        now=now,
        suspected=state.overload.is_suspected,
        full_since=state.overload.shown_since if state.overload.is_shown else None,
    )


def is_counted(state: State, now: float) -> bool:
    """True if the load is read from what the engine counts, and not from what is heard."""
    return state.counted.audible and engine.is_live(state.counters, now)


def learning_of(state: State, now: float) -> Learning:
    """The learning in force: the ear's, or that of the engine's counters while they go on."""
    return state.counted if is_counted(state, now) else state.learning


def alpha_of(state: State, policy: Policy, now: float) -> alphas.Believed:
    """The alpha in force."""
    learning = learning_of(state, now)
    line = None
    if learning.alpha is not None and learning.curve is not None:
        because = ""
        if learning.idle_at and now - learning.idle_at < alphas.IDLE_TRUST_SECONDS:
            because = "seen near idle"
        elif learning.fixes_alpha:
            because = "fixed by its own line"
        line = (learning.alpha, because)
    return alphas.believed(state.alpha, policy, by_line=line)


def _heard(ear: Ear, observation: Observation) -> tuple[Ear, tuple[Sample, ...]]:
    replicas, fresh = observation.deployment.replicas, []
    for probe in observation.probes:
        if not probe.counts or probe.warmup or probe.profile in SILENT:
            continue
        heard = None
        if probe.ok:
            ear, heard = listened(ear, probe)
        sample = sample_of(probe, replicas=replicas, heard=heard)
        fresh.append(sample if probe.profile in COMPARABLE else replace(sample, ttft=None))
    return ear, tuple(fresh)


def _with_lesson(state: State, policy: Policy, now: float) -> State:
    given = alphas.given(state.alpha, policy)
    queueing = state.overload.is_shown
    learning = lesson(state.learning, state.samples, now=now, given_alpha=given, queueing=queueing)
    if learning is state.learning:
        return state
    overload = state.overload
    if learning.mixes != state.learning.mixes:
        overload = queues.forgotten(overload)
        state = replace(state, waits=waiting.forgotten(state.waits))
    return replace(state, learning=learning, overload=overload)


def _with_counted(state: State, policy: Policy, now: float) -> State:
    if not state.counters.tallies:
        return state
    given = alphas.given(state.alpha, policy)
    learned = counted_lesson(state.counted, engine_of(state, now), given_alpha=given)
    return state if learned is state.counted else replace(state, counted=learned)


def _with_balance(state: State, replicas: int, now: float) -> State:
    if state.overload.is_suspected:
        return state
    balance = looked(state.balance, state.samples, replicas=replicas, now=now)
    return state if balance is state.balance else replace(state, balance=balance)


def _with_waits(state: State, policy: Policy, now: float) -> State:
    """Learn TTFT over latency, but not from queues, whose length is not the load's."""
    if state.overload.is_shown or not waiting.is_due(state.waits, state.samples, now):
        return state
    idle, alpha = idle_ttft(state), alpha_of(state, policy, now).seconds
    longest = MOST_WAIT * queues.queue_threshold(idle)
    waits = waiting.waited(state.waits, state.samples, now=now, longest=longest)
    if idle is not None and alpha is not None:
        waits = waiting.fitted(waits, alpha=alpha, idle_ttft=idle, now=now)
    return replace(state, waits=waits)


def _forgotten(state: State, identity: str) -> State:
    fresh = State()
    return replace(
        state,
        identity=identity,
        samples=fresh.samples,
        alpha=fresh.alpha,
        idle_ttft=fresh.idle_ttft,
        overload=fresh.overload,
        learning=Learning(),
        counters=fresh.counters,
        counted=counting(),
        balance=fresh.balance,
        waits=fresh.waits,
        trial=None,
    )


def _with_ttfts(low: LowQuantile, fresh: tuple[Sample, ...]) -> LowQuantile:
    for sample in fresh:
        if sample.ttft is not None and sample.ttft < queues.queue_threshold(
            low.value(IDLE_TTFT_SHARE)
        ):
            low = added(
                low,
                sample.ttft,
                at=sample.ended_at,
                half_life=alphas.HALF_LIFE_SECONDS,
                jump_ratio=0.5,  # one probe may be twice as lucky; an engine is that much faster
            )
    return low


def _with_calibration(state: State, observation: Observation) -> State:
    alpha = state.alpha
    for probe in observation.probes:
        if probe.profile == "calibrate" and probe.ok and probe.counts and probe.itl_seconds:
            alpha = alphas.calibrated(alpha, probe.itl_seconds, at=probe.ended_at)
    return state if alpha is state.alpha else replace(state, alpha=alpha)


def _with_queue(state: State, fresh: tuple[Sample, ...], now: float) -> State:
    threshold = queues.queue_threshold(idle_ttft(state))
    overload = queues.followed(state.overload, fresh, threshold=threshold, now=now)
    if overload.shown_since is None and fresh:
        overload = queues.watched(overload, state.samples)
    return state if overload is state.overload else replace(state, overload=overload)


def _with_trial(state: State, now: float) -> State:
    if state.trial is None:
        return state
    trial = trials.judged(state.trial, state.counts, state.samples, now=now)
    alpha = state.alpha
    if trial is not None and trial.failed and not state.trial.failed:
        solved = trials.solved_alpha(trial)
        if solved is not None:
            alpha = replace(alpha, solved=solved)
    return replace(state, trial=trial, alpha=alpha)

"""The estimate: what the probes of one deployment say now, and the line that they say it by."""

from dataclasses import dataclass, replace

from autoscaler.core.alpha import Believed
from autoscaler.core.counters import growth
from autoscaler.core.counts import cold_start_seconds
from autoscaler.core.estimate import INTERVAL, Reading, joined, median_ttft, reading
from autoscaler.core.headroom import in_force
from autoscaler.core.intake import alpha_of, engine_of, idle_ttft, is_counted, learning_of
from autoscaler.core.learned import Learning
from autoscaler.core.line import Line, objectives_of
from autoscaler.core.model import Estimate, Observation
from autoscaler.core.overload import plateau
from autoscaler.core.policy import Policy
from autoscaler.core.slope import SLOPE_SECONDS, Slope, both, slope_of
from autoscaler.core.state import State
from autoscaler.core.window import Sample, within

CAP_PRIOR = 0.5
"""E1's value at a full batch until it is learned: real engines showed .74 to .9, so half is the
cautious end (SEMANTICS §2).
"""
CAP_PRIOR_LARGE_BATCH = 0.7
"""The same where the user says that the batch holds 32 sequences or more."""
LEAST_SEEN_CAP = 0.74
"""Lowest value at a full batch that a real engine showed (real-engines.md): nothing beyond it is
believed that was not carried itself.
"""
LARGE_BATCH = 32
LEAST_CAP, MOST_CAP = 0.2, 0.97
SHAPE_SIGMA = 0.25
"""Uncertainty of the line's exponent (as a logarithm) before it is learned: it lay between 0.5 and
1.6 on real engines (real-engines.md).
"""
LEAST_FAST = 3
"""Probes in the fast window below which it says nothing."""
FAINT = "most prompts are too short to stand out: what is heard gives the line, not the rate"
LEAST_AFTER_QUEUE = 6
"""Probes sent after a queue before latencies tell the load again: the first see its last batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The estimate with what it stands on."""

    estimate: Estimate
    line: Line | None
    """None while no inter-token latency was seen."""
    slope: Slope | None
    samples: int
    failures: int
    recovering: bool = False
    """True while too few probes answered since a queue was gone."""
    infeasible: tuple[str, ...] = ()


def assessed(state: State, observation: Observation, policy: Policy) -> Assessment:
    """Estimate the load of one deployment."""
    now, replicas = observation.at, max(1, observation.deployment.replicas)
    stable = within(state.samples, now=now, seconds=policy.stable_window_seconds)
    answered = tuple(sample for sample in stable if sample.ok)
    alpha = alpha_of(state, policy, now)
    line = line_of(state, policy, alpha, now)
    slope = _slope(state, replicas, now)
    since = state.overload.ended_at or 0.0
    after_queue = tuple(sample for sample in answered if sample.at >= since)
    recovering = len(after_queue) < min(LEAST_AFTER_QUEUE, len(answered))
    clean = answered if recovering or state.overload.is_suspected else after_queue
    load = None if line is None else _load(state, line, clean, policy=policy, now=now)
    estimate = _estimate(state, observation, policy, alpha=alpha, line=line)
    if line is not None and load is not None:
        estimate = _with_load(estimate, load, line, replicas=replicas)
    if line is not None and slope is not None:  # also where nothing answered for a whole window
        estimate = _with_slope(estimate, slope, replicas)
    return Assessment(
        estimate=estimate,
        line=line,
        slope=slope,
        samples=len(answered),
        failures=len(stable) - len(answered),
        recovering=recovering,
        infeasible=() if line is None else line.objectives.infeasible,
    )


def line_of(state: State, policy: Policy, alpha: Believed, now: float) -> Line | None:
    """The deployment's line as known now; None while no inter-token latency was seen."""
    if alpha.seconds is None:
        return None
    learning = learning_of(state, now)
    ttft, cap = idle_ttft(state), cap_of(state, policy, alpha.seconds)[0]
    return Line(
        alpha=alpha.seconds,
        cap=cap,
        rates=learning.rates,
        full_rate=learning.full_rate(cap),
        sigma=_sigma(learning),
        idle_ttft=ttft,
        waits=state.waits.steps,
        objectives=objectives_of(
            policy.slo, alpha=alpha.seconds, alpha_trusted=alpha.trusted, idle_ttft=ttft
        ),
    )


def _sigma(learning: Learning) -> float:
    curve = learning.curve
    learned = curve is not None and learning.audible
    return min(SHAPE_SIGMA, curve.exponent_sigma) if learned and curve else SHAPE_SIGMA


def cap_of(state: State, policy: Policy, alpha: float) -> tuple[float, bool]:
    """Value of 1 - alpha/ITL at which the batch is full, and whether it was learned.

    A plateau seen under a queue fixes it (E3). Before one was seen, a latency that was carried
    without a queue may be planned for, so that full lies the head-room above it.
    """
    large = policy.max_num_seqs is not None and policy.max_num_seqs >= LARGE_BATCH
    prior = CAP_PRIOR_LARGE_BATCH if large else CAP_PRIOR
    at_plateau, highest = plateau(state.overload), state.overload.highest_itl
    cap = prior if at_plateau is None else 1.0 - alpha / at_plateau
    if highest is not None:
        carried = 1.0 - alpha / highest
        cap = max(cap, carried)
        if at_plateau is None:
            planned = min(1.0, in_force(state.calibration, policy))
            cap = max(cap, min(LEAST_SEEN_CAP, carried / planned))
    learned = at_plateau is not None or cap > prior
    return min(MOST_CAP, max(LEAST_CAP, cap)), learned


def _slope(state: State, replicas: int, now: float) -> Slope | None:
    if not state.overload.is_shown:
        return None
    same = tuple(sample for sample in state.samples if sample.replicas == replicas)
    since = state.overload.good_before or 0.0
    same_count = (state.counts.settled_at or 0.0) <= since
    told = slope_of(same, state.overload, now=now, same_count=same_count)
    seconds = min(SLOPE_SECONDS, now - max(since, state.counts.settled_at or 0.0))
    return both(told, growth(state.counters, now=now, seconds=seconds))


def _load(
    state: State, line: Line, answered: tuple[Sample, ...], *, policy: Policy, now: float
) -> Reading | None:
    """The stable window; a fast one counts where even its lower end is higher."""
    stable = _over(state, line, answered, seconds=policy.stable_window_seconds, now=now)
    if stable is None:
        return None
    recent = within(answered, now=now, seconds=policy.fast_window_seconds)
    if len(recent) < LEAST_FAST:
        return stable
    fast = _over(state, line, recent, seconds=policy.fast_window_seconds, now=now)
    if fast is not None and fast.load - INTERVAL * fast.spread > stable.load:
        return replace(stable, load=fast.load - INTERVAL * fast.spread, spread=fast.spread)
    return stable


def _over(
    state: State, line: Line, samples: tuple[Sample, ...], *, seconds: float, now: float
) -> Reading | None:
    """Read one window: what is counted takes the place of what is heard."""
    if not is_counted(state, now):
        learning = state.learning
        ear = learning.ear.spans if learning.audible and not learning.faint else None
        return reading(samples, line, ear=ear)
    probed, came = reading(samples, line, ear=None), engine_of(state, now).came(seconds)
    return probed if probed is None or came is None else joined(probed, came, line)


def _estimate(
    state: State, observation: Observation, policy: Policy, *, alpha: Believed, line: Line | None
) -> Estimate:
    now = observation.at
    stable = within(state.samples, now=now, seconds=policy.stable_window_seconds)
    answered = sum(1 for sample in stable if sample.ok)
    cap, learned = (CAP_PRIOR, False)
    if alpha.seconds is not None:
        cap, learned = cap_of(state, policy, alpha.seconds)
    return Estimate(
        at=now,
        alpha_seconds=alpha.seconds,
        alpha_trusted=alpha.trusted,
        alpha_because=alpha.because,
        ttft_seconds=median_ttft(stable),
        cap=cap,
        cap_learned=learned,
        capacity_per_replica=_capacity(state, alpha, line),
        overloaded=state.overload.is_shown,
        arrivals_because=_arrivals_because(state, now),
        probes_used=answered,
        failures=len(stable) - answered,
        cold_start_seconds=cold_start_seconds(state.counts, policy.cold_start_seconds),
        because="no inter-token latency was seen yet" if line is None else "",
    )


def _capacity(state: State, alpha: Believed, line: Line | None) -> float | None:
    """Load that one replica carries; a full one without a trusted alpha is just full."""
    if line is None:
        return None
    if state.overload.is_shown and not alpha.trusted:
        return 1.0
    return line.capacity


def _arrivals_because(state: State, now: float) -> str:
    if is_counted(state, now):
        return ""
    if state.learning.audible:
        return FAINT if state.learning.faint else ""
    return state.learning.ear.refused or "what is heard does not yet follow the latency"


def _with_load(estimate: Estimate, load: Reading, line: Line, *, replicas: int) -> Estimate:
    half = INTERVAL * load.spread
    low, high = max(0.0, load.load - half), load.load + half
    rho = load.load / replicas
    because = (
        f"{load.samples} probes with a mean of {load.itl * 1000:.3g} ms a token against"
        f" {line.alpha * 1000:.3g} ms idle: {rho:.0%} of each of {replicas} in use"
    )
    if load.counted:
        because = f"{because}, with {load.counted:.0f} requests that the engine counted"
    return replace(
        estimate,
        itl_seconds=load.itl,
        rho=rho,
        rho_low=low / replicas,
        rho_high=high / replicas,
        load=load.load,
        load_low=low,
        load_high=high,
        arrivals_per_second=load.rate,
        because=because,
    )


def _with_slope(estimate: Estimate, slope: Slope, replicas: int) -> Estimate:
    """In overload the replicas are full, and the queue's growth tells the rest (E2)."""
    low, load, high = (
        replicas * max(0.0, 1.0 + value) for value in (slope.low, slope.value, slope.high)
    )
    because = f"users queue and TTFT grows by {slope.value:.2f} s a second: {load:.2f} of load"
    return replace(
        estimate,
        rho=load / replicas,
        rho_low=low / replicas,
        rho_high=high / replicas,
        load=load,
        load_low=low,
        load_high=high,
        ttft_slope=slope.value,
        because=because,
    )

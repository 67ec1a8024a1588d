"""The estimator on a live engine, by our own probes: the load seen beside what users really got.

Like `test_bench_probe_llm.py` it needs a server that somebody started (see `llm_rig.py`); besides
LLM_REPLICAS (how many stand behind LLM_URL), LLM_SPELLS (`LOAD:SECONDS,...`, see `llm_users.py`;
one of them saturated, `x36`), LLM_WORDS (random words of a prompt, fewest and most) and
LLM_RECORDING, a file: it is scored if it is there, else what was measured is kept in it.

True rho is the tokens a second that users got, over those that they got in the saturated spell. A
spell of SCORED_SECONDS or more is scored twice: after all other spells had taught the estimator,
in whatever order (`held out`), and as it ran, after the spells before it only (`as it ran`).
"""

import asyncio
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from helpers_probes import deployment
from llm_rig import URL, Recording, Spell, loaded, prober, recorded, saved

from autoscaler.core.hearing import pooled, prompts
from autoscaler.core.model import Estimate, Observation, ProbeResult
from autoscaler.core.policy import Policy
from autoscaler.core.state import State
from autoscaler.core.step import step
from autoscaler.core.window import within

REPLICAS = int(os.environ.get("LLM_REPLICAS", "1"))
SPELLS = os.environ.get("LLM_SPELLS", "0:60,0.5:60,x36:60,1:60,0.4:150,0.8:150,1.2:150,0:30")
FEWEST, MOST = map(int, os.environ.get("LLM_WORDS", "1,370").split(","))
RECORDING = os.environ.get("LLM_RECORDING", "")
SCORED_SECONDS = 100.0
RAMP_SECONDS = 15.0
"""Until a saturated spell's tokens flow evenly: its first requests all begin at once."""
DECIDE_SECONDS = 15.0
WARM_SECONDS = 5.0
"""Until a spell's load is its own and not that of the one before."""

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(
        not (URL or Path(RECORDING).is_file()), reason="LLM_URL names no real LLM server"
    ),
]


@dataclass(frozen=True)
class Score:
    """What was estimated at the end of one spell."""

    estimate: Estimate
    heard: float
    """Prompts heard of one replica ..."""
    seconds: float
    """... in so many seconds listened."""

    @property
    def plain(self) -> float:
        """E1: 1 - alpha/ITL."""
        alpha, itl = self.estimate.alpha_seconds, self.estimate.itl_seconds
        return math.nan if alpha is None or itl is None else 1.0 - alpha / itl

    @property
    def rho(self) -> float:
        return math.nan if self.estimate.rho is None else self.estimate.rho


def test_the_load_of_a_live_engine_is_seen_by_its_probes() -> None:
    recording = kept()
    print(f"\n{URL or RECORDING}: {REPLICAS} replica(s)")
    tell_spells(recording)
    scored = [i for i, spell in enumerate(recording.spells) if is_scored(spell)]
    truth = [true_rho(recording, index) for index in scored]
    online = as_it_ran(recording)
    for name, scores in (
        ("held out", [held_out(recording, index) for index in scored]),
        ("as it ran", [online[index] for index in scored]),
    ):
        tell_scores(name, recording, scored, scores)
        ours = [score.rho - true for score, true in zip(scores, truth, strict=True)]
        plain = [score.plain - true for score, true in zip(scores, truth, strict=True)]
        tell_errors("our estimate", ours)
        tell_errors("E1 alone", plain)
    for index, score in online.items():
        if recording.spells[index].load == "0":
            print(f"  idle spell {index}, as it ran: {told(score, 0.0)}")


def kept() -> Recording:
    """The recording named, measured now unless it is there."""
    if RECORDING and Path(RECORDING).is_file():
        return loaded(Path(RECORDING))
    recording = asyncio.run(measured())
    if RECORDING:
        saved(recording, Path(RECORDING))
    return recording


async def measured() -> Recording:
    spells = [Spell(load, float(of)) for load, of in (one.split(":") for one in SPELLS.split(","))]
    probing = prober()
    recording = await recorded(probing, spells, words=(FEWEST, MOST))
    await probing.close()
    return recording


# -- truth ------------------------------------------------------------------------------------


def is_scored(spell: Spell) -> bool:
    return spell.seconds >= SCORED_SECONDS and not spell.load.startswith("x")


def capacity(recording: Recording) -> float:
    """Tokens a second that users get of a full engine."""
    (index,) = (i for i, spell in enumerate(recording.spells) if spell.load.startswith("x"))
    return recording.delivered(*recording.within(index, after=RAMP_SECONDS))


def true_rho(recording: Recording, index: int) -> float:
    window = recording.within(index, after=WARM_SECONDS)
    return recording.delivered(*window) / capacity(recording)


# -- replay -----------------------------------------------------------------------------------


def probes_of(recording: Recording, index: int) -> list[ProbeResult]:
    since, until = recording.within(index)
    return [probe for probe in recording.probes if since <= probe.sent_at < until]


def as_it_ran(recording: Recording) -> dict[int, Score]:
    """The estimate at the end of each spell, everything before it learned from."""
    state, scores = State(), {}
    for index, spell in enumerate(recording.spells):
        since, until = recording.within(index)
        state, scores[index] = fed(state, probes_of(recording, index), since, until, spell=spell)
    return scores


def held_out(recording: Recording, index: int) -> Score:
    """The estimate of one spell by what all the others taught; its own teach nothing before it."""
    order = [i for i in range(len(recording.spells)) if i != index]
    state, at = State(), recording.began
    for number in (*order, index):
        spell = recording.spells[number]
        moved = at - recording.within(number)[0]
        mine = [
            replace(p, sent_at=p.sent_at + moved, scheduled_at=p.scheduled_at + moved)
            for p in probes_of(recording, number)
        ]
        state, score = fed(state, mine, at, at + spell.seconds, spell=spell, teach=number != index)
        at += spell.seconds
    return score


def fed(
    state: State,
    probes: Sequence[ProbeResult],
    since: float,
    until: float,
    *,
    spell: Spell,
    teach: bool = True,
) -> tuple[State, Score]:
    """Feed one spell's probes to `step`, as the daemon does; the window is the spell."""
    policy = Policy(matched="bench", max_replicas=64, stable_window_seconds=spell.seconds)
    rest, now = list(probes), since
    while now < until or rest:
        now += DECIDE_SECONDS
        fresh = tuple(probe for probe in rest if probe.ended_at <= now)
        rest = [probe for probe in rest if probe.ended_at > now]
        learning = replace(state.learning, fitted_at=0.0 if teach else now)
        seen = observation(now, fresh)
        outcome = step(replace(state, learning=learning), seen, policy)
        state = outcome.state
    samples = [s for s in within(state.samples, now=now, seconds=now - since) if s.at >= since]
    heard = pooled(sample.heard for sample in samples)
    return state, Score(
        estimate=outcome.decision.estimate,
        heard=prompts(heard, state.learning.ear.spans),
        seconds=heard.seconds,
    )


def observation(now: float, probes: Iterable[ProbeResult]) -> Observation:
    return Observation(
        at=now,
        deployment=deployment(URL, replicas=REPLICAS),
        read_at=now,
        probes=tuple(probes),
        started_at=0.0,
    )


# -- print ------------------------------------------------------------------------------------


def tell_spells(recording: Recording) -> None:
    print(
        f"  prompts {min(recording.prompts)} to {max(recording.prompts)} tokens, mean "
        f"{sum(recording.prompts) / len(recording.prompts):.0f}; full: {capacity(recording):.0f} "
        "tokens/s"
    )
    for index, spell in enumerate(recording.spells):
        since, until = recording.within(index)
        mine = probes_of(recording, index)
        itl = [probe.itl_seconds for probe in mine if probe.itl_seconds]
        print(
            f"  spell {index}: {spell.load} for {spell.seconds:.0f} s: sent "
            f"{recording.sent(since, until)}, {recording.delivered(since, until):.0f} tokens/s; "
            f"probes {len(mine)}, failed {sum(not probe.ok for probe in mine)}, times trusted "
            f"{sum(probe.times_trusted for probe in mine)}, ITL mean "
            f"{1000 * sum(itl) / max(1, len(itl)):.1f} ms"
        )


def tell_scores(
    name: str, recording: Recording, indices: Sequence[int], scores: Sequence[Score]
) -> None:
    print(f"  {name}:")
    for index, score in zip(indices, scores, strict=True):
        since, until = recording.within(index)
        rate = recording.sent(since, until) / (until - since)
        print(f"    true {true_rho(recording, index):.2f}, {told(score, rate)}")


def told(score: Score, rate: float) -> str:
    found, sent = score.estimate, rate / REPLICAS * score.seconds
    low, high = found.rho_low or math.nan, found.rho_high or math.nan
    sigma = (score.heard - sent) / math.sqrt(max(1.0, sent))
    said = found.arrivals_per_second
    return (
        f"estimated {score.rho:.2f} ({low:.2f} to {high:.2f}), E1 {score.plain:.2f}; heard "
        f"{score.heard:.1f} of {sent:.1f} sent in {score.seconds:.0f} s listened ({sigma:+.1f} "
        f"sigma), so {score.heard / max(score.seconds, 1e-9) * REPLICAS:.2f}/s of {rate:.2f}/s"
        + (f" [not used: {found.arrivals_because}]" if said is None else "")
    )


def tell_errors(name: str, errors: Sequence[float]) -> None:
    rms = math.sqrt(sum(error * error for error in errors) / len(errors))
    bias = sum(errors) / len(errors)
    print(f"    {name}: rms {rms:.3f}, bias {bias:+.3f}, worst {max(errors, key=abs):+.2f}")

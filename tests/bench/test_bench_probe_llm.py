"""A real LLM server probed idle and under load: no false failure, ITL rises, arrivals are heard.

It needs a server that somebody started, named by the environment (`llm_rig.py`), and LLM_RATES
(requests a second, separated by commas), LLM_THRESHOLD, LLM_IDLE_SECONDS, LLM_LOAD_SECONDS.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

import pytest
from llm_rig import URL, Spell, prober, recorded

from autoscaler.core import hearing
from autoscaler.core.model import ProbeResult
from autoscaler.probes.completion import CompletionProber

RATES = [float(rate) for rate in os.environ.get("LLM_RATES", "0.7,1.5").split(",")]
THRESHOLD_SECONDS = float(os.environ.get("LLM_THRESHOLD", "0.02"))
"""A quarter of the time that a usual prompt's prefill takes there (real-engines.md 7.1)."""
IDLE_SECONDS = float(os.environ.get("LLM_IDLE_SECONDS", "60"))
LOAD_SECONDS = float(os.environ.get("LLM_LOAD_SECONDS", "120"))

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not URL, reason="LLM_URL names no real LLM server"),
]


@dataclass
class Seen:
    """What the probes of one phase saw."""

    results: list[ProbeResult]
    sent: int
    seconds: float


async def test_a_real_server_idle_and_under_load() -> None:
    probing = prober()
    idle = await phase(probing, rate=0.0, seconds=IDLE_SECONDS)
    loaded = [await phase(probing, rate=rate, seconds=LOAD_SECONDS) for rate in RATES]
    hint = probing.hint("dep-1")
    await probing.close()
    print(f"\n{URL}: {hint or 'streams flow'}")
    ear = hearing.Ear()
    for result in idle.results:
        ear, _ = hearing.listened(ear, result)
    excess = idle_excess(idle.results)
    for name, seen in zip(["idle", *(f"{rate}/s" for rate in RATES)], [idle, *loaded], strict=True):
        ear = tell(name, seen, ear, threshold=max(THRESHOLD_SECONDS, excess))
    failures = [r for seen in (idle, *loaded) for r in seen.results if not r.ok]
    assert not failures, failures[:3]


async def phase(probing: CompletionProber, *, rate: float, seconds: float) -> Seen:
    """Probe for a while, beside users that arrive at `rate` a second."""
    recording = await recorded(probing, [Spell(str(rate), seconds)])
    return Seen(list(recording.probes), len(recording.arrivals), seconds)


def tell(name: str, seen: Seen, ear: hearing.Ear, *, threshold: float) -> hearing.Ear:
    """Print one phase; returns the ear, wiser."""
    ok = [result for result in seen.results if result.ok]
    itl = [result.itl_seconds for result in ok if result.itl_seconds is not None]
    ttft = [result.ttft_seconds for result in ok if result.ttft_seconds is not None]
    streams = []
    for result in ok:
        ear, heard = hearing.listened(ear, result)
        streams.append(heard)
    pooled = hearing.pooled(streams)
    base = 1000 * median(itl) if itl else math.nan
    print(
        f"  {name}: {len(seen.results)} probes, {len(seen.results) - len(ok)} failed, trusted "
        f"{sum(result.counts for result in ok)}, times trusted "
        f"{sum(result.times_trusted for result in ok)}; ITL mean "
        f"{1000 * fmean(itl) if itl else math.nan:.1f}, median {base:.1f} ms; TTFT median "
        f"{1000 * median(ttft) if ttft else math.nan:.0f} ms; duration median "
        f"{1000 * median(result.duration_seconds for result in ok):.0f} ms"
    )
    heard_rate, spread = section_7(ok, threshold)
    sent_rate = seen.sent / seen.seconds
    print(
        f"    sent {seen.sent} = {sent_rate:.2f}/s ± {math.sqrt(seen.sent) / seen.seconds:.2f}; "
        f"heard by section 7 (threshold "
        f"{1000 * threshold:.0f} ms) {heard_rate:.2f} ± {spread:.2f}/s; by core.hearing "
        f"{rate_of(pooled):.2f}/s"
    )
    return ear


def rate_of(heard: hearing.Heard) -> float:
    """-ln(1 - q) / mean gap, of pooled sums."""
    if not heard.gaps:
        return math.nan
    share = min(0.99, heard.slow / heard.gaps)
    return -math.log(1 - share) / (heard.seconds / heard.gaps)


def gaps_of(result: ProbeResult) -> list[tuple[float, int]]:
    """(seconds, tokens) of each gap but the first."""
    times = result.token_times
    return [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(times)][1:]


def base_of(gaps: Sequence[tuple[float, int]], threshold: float) -> float:
    """Median gap per token of the gaps that are not slow (real-engines.md 7.1, 4 rounds)."""
    base = median(seconds / max(1, tokens) for seconds, tokens in gaps)
    for _ in range(4):
        usual = [s / max(1, t) for s, t in gaps if s < max(1, t) * base + threshold]
        base = median(usual) if usual else base
    return base


def idle_excess(results: Sequence[ProbeResult]) -> float:
    """99 % quantile of what idle gaps exceed their tokens by, in seconds."""
    excess = []
    for result in results:
        gaps = gaps_of(result) if result.times_trusted else []
        if gaps:
            base = base_of(gaps, 0.02)
            excess += [seconds - tokens * base for seconds, tokens in gaps]
    return sorted(excess)[int(0.99 * len(excess))] if excess else 0.02


def section_7(results: Sequence[ProbeResult], threshold: float) -> tuple[float, float]:
    """Arrivals heard a second, and its standard error, by the rule of real-engines.md 7.1-2."""
    slow = count = 0
    seconds = 0.0
    for result in results:
        gaps = gaps_of(result) if result.times_trusted else []
        if not gaps:
            continue
        base = base_of(gaps, threshold)
        slow += sum(s > max(1, t) * base + threshold for s, t in gaps)
        count += len(gaps)
        seconds += sum(s for s, _ in gaps)
    if not count:
        return math.nan, math.nan
    rate = -math.log(1 - min(0.99, slow / count)) / (seconds / count)
    return rate, math.sqrt(slow + 1) / seconds

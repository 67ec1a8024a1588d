"""A chunk: what the probes of one minute at one count saw and heard together."""

import math
from dataclasses import dataclass

from autoscaler.core.hearing import Spans, pooled, prompts
from autoscaler.core.window import Sample, within

LEAST_SAMPLES = 3
"""Probes in a chunk below which it waits for more."""

STEADY_SECONDS = 180.0
"""A chunk is paired with the ITL of this time, where neither latency nor arrivals of the minute
differ from it ..."""
SHIFTED = 2.0
"""... by so many standard deviations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One minute of probes at one count."""

    itl: float
    """Mean, seconds."""
    prompts: float
    """Prompts behind the slow gaps heard."""
    seconds: float
    """Seconds listened."""
    slow_share: float = 0.0
    """Share of the gaps that were slow."""
    noise: float = 0.0
    """Variance of ln ITL that comes from its few probes, where that is known."""
    weight: float = 1.0
    """Of its pair."""
    steady_itl: float | None = None
    """The ITL of its pair, seconds (`steadied`); None = its own."""


def chunk_of(samples: list[Sample], spans: Spans) -> Chunk | None:
    """Pool the samples at the newest count whose streams could be heard; None if too few."""
    heard = [
        (sample.itl, sample.heard)
        for sample in samples
        if sample.itl is not None
        and sample.heard is not None
        and sample.replicas == samples[-1].replicas
    ]
    if len(heard) < LEAST_SAMPLES:
        return None
    together = pooled(one for _, one in heard)
    return Chunk(
        itl=sum(itl for itl, _ in heard) / len(heard),
        prompts=prompts(together, spans),
        seconds=together.seconds,
        slow_share=together.slow / max(1, together.gaps),
    )


def steadied(chunk: Chunk, samples: tuple[Sample, ...], spans: Spans, *, now: float) -> float:
    """Return the ITL to pair a chunk with, seconds: of three minutes while the load stood still.

    The scatter of single minutes flattens the line (errors in variables): a minute whose few probes
    met slow replicas shows a high latency beside arrivals that are no higher. Where the load moved
    within the three minutes the minute's own ITL belongs to its arrivals.
    """
    alike = [
        sample
        for sample in within(samples, now=now, seconds=STEADY_SECONDS)
        if sample.itl is not None and sample.replicas == samples[-1].replicas
    ]
    together = pooled(sample.heard for sample in alike)
    if len(alike) < LEAST_SAMPLES or together.seconds <= 0.0:
        return chunk.itl
    expected = prompts(together, spans) * chunk.seconds / together.seconds
    if abs(chunk.prompts - expected) > SHIFTED * math.sqrt(expected + 0.5):
        return chunk.itl
    itls = [sample.itl for sample in alike if sample.itl is not None]
    mean = sum(itls) / len(itls)
    variance = sum((itl - mean) ** 2 for itl in itls) / (len(itls) - 1)
    of_a_third = variance / (len(itls) / 3.0)
    return mean if abs(chunk.itl - mean) < SHIFTED * math.sqrt(of_a_third) else chunk.itl

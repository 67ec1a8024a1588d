"""A chunk: what the probes of one minute at one count saw and heard together."""

from dataclasses import dataclass

from autoscaler.core.hearing import Spans, pooled, prompts
from autoscaler.core.window import Sample

LEAST_SAMPLES = 3
"""Probes in a chunk below which it waits for more."""
PRIOR_SCATTER = 0.1**2
"""Squared relative deviation that is added to what so few probes showed."""
CORRELATION = 1.5
"""Probes a few seconds apart see the same batch: fewer independent ones than there are."""


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
    """Variance of ln ITL that comes from its few probes."""
    replicas: int = 1
    """The count it was seen at."""
    weight: float = 1.0
    """Of its pair."""


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
    itls = [itl for itl, _ in heard]
    return Chunk(
        itl=sum(itls) / len(itls),
        noise=noise_of(itls),
        replicas=samples[-1].replicas,
        prompts=prompts(together, spans),
        seconds=together.seconds,
        slow_share=together.slow / max(1, together.gaps),
    )


def noise_of(itls: list[float]) -> float:
    """Variance of the logarithm of their mean, by their scatter."""
    mean = sum(itls) / len(itls)
    scatter = sum((itl / mean - 1.0) ** 2 for itl in itls) + PRIOR_SCATTER
    return CORRELATION * scatter / len(itls) / len(itls)

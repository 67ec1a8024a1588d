"""What watching costs the watched: the load that probes add, for `check-config` to show. Pure."""

from dataclasses import dataclass
from typing import Final

from autoscaler.core.words import Attention
from autoscaler.probes.cadence import PACES
from autoscaler.probes.config import ScheduleConfig

USUAL_BATCH: Final = 64
"""Sequences that a replica runs at once where the user does not say: half of what the published
profiles were measured with.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedLoad:
    """The load of all probes of one deployment."""

    probes_per_minute: float
    output_tokens_per_minute: float
    prompt_tokens_per_minute: float
    share_of_replica: float
    """Share of one replica's batch that probes occupy on average, 0..1."""


def added_load(
    config: ScheduleConfig, attention: Attention = Attention.STEADY, *, batch: int | None = None
) -> AddedLoad:
    """The load at an attention. Output is at most the longest probe's and at most the budget's.

    A worked number: every 15 s, one second of stream in a batch of 64: 1/15/64 = 0.1 %.
    """
    pace = PACES[attention]
    probes = output = prompt = busy = 0.0
    for profile in config.profiles:
        if pace.short_only and profile.interval_seconds is not None:
            continue
        interval = profile.interval_seconds or config.probe_seconds * pace.interval_ratio
        each = 60.0 / interval
        probes += each
        prompt += each * profile.prompt_tokens
        output += each * profile.max_tokens
        busy += config.stream_seconds / interval
    return AddedLoad(
        probes_per_minute=probes,
        output_tokens_per_minute=min(output, config.tokens_per_minute),
        prompt_tokens_per_minute=prompt,
        share_of_replica=min(1.0, busy / (batch or USUAL_BATCH)),
    )

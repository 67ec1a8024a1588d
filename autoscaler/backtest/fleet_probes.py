"""Probes of the request-exact fleet: real streams through its own queues, told as by a prober."""

from dataclasses import dataclass, field, replace

import numpy as np

from autoscaler.backtest.ours import EPOCH, PROBE_TIMEOUT_SECONDS, Path, unanswered
from autoscaler.backtest.slots import View
from autoscaler.backtest.trace import SLOT_SECONDS
from autoscaler.core.model import ProbeResult
from autoscaler.core.words import FailureReason
from autoscaler.emulator.fleet import Fleet, Stream

PROBE_PROMPT_TOKENS = 40
"""What our probes ask: short, so that they cost next to nothing."""

FEWEST_READS = 6
"""Distinct reads below which the prober refuses to listen through a stream."""


@dataclass(slots=True)
class FleetProbes:
    """Real streams through the fleet's own queues. Mutable: it holds what is in flight."""

    fleet: Fleet
    rng: np.random.Generator
    alpha_seconds: float
    path: Path = field(default_factory=Path)
    tokens_per_chunk: int = 1
    """Tokens that the endpoint sends at a time (vLLM's stream interval)."""
    sent: list[Stream] = field(default_factory=list)
    made: int = 0

    def send(self, start: float, *, count: int) -> None:
        """Send `count` probes at random instants of the slot that begins at `start`."""
        tokens = int(np.clip(round(1.0 / self.alpha_seconds), 24, 128))
        for instant in sorted(start + SLOT_SECONDS * self.rng.random(count)):
            self.sent.append(
                self.fleet.submit(
                    float(instant),
                    prompt_tokens=PROBE_PROMPT_TOKENS,
                    output_tokens=tokens,
                    cached_tokens=0,
                )
            )

    def collect(self, view: View, *, count: int) -> tuple[ProbeResult, ...]:
        """Return the results that ended in the slot just over."""
        del count
        done: list[Stream] = []
        flying: list[Stream] = []
        for stream in self.sent:
            timed_out = view.at - stream.arrival_at > PROBE_TIMEOUT_SECONDS and not stream.tokens
            if timed_out:
                stream.abort(view.at)
            (done if stream.ended or timed_out else flying).append(stream)
        self.sent = flying
        return tuple(self._result(stream) for stream in done)

    def _result(self, stream: Stream) -> ProbeResult:
        self.made += 1
        base = unanswered(self.made, EPOCH + stream.arrival_at)
        if not stream.finished or self.rng.random() < self.path.loss_ratio:
            return replace(base, failure=FailureReason.TRUNCATED) if stream.tokens else base
        times = self._reads(stream)
        (first, begun), (last, tokens) = times[0], times[-1]
        is_heard = len(times) >= FEWEST_READS
        return replace(
            base,
            failure=None,
            duration_seconds=last,
            ttft_seconds=first,
            itl_seconds=(last - first) / (tokens - begun),
            output_tokens=tokens,
            prompt_tokens=PROBE_PROMPT_TOKENS,
            cached_tokens=0,
            token_times=times,
            times_trusted=is_heard,
            times_refused_because="" if is_heard else f"only {len(times)} distinct reads",
        )

    def _reads(self, stream: Stream) -> tuple[tuple[float, int], ...]:
        """Return when each chunk came, seconds from the send, and the tokens so far."""
        total, each = len(stream.tokens), self.tokens_per_chunk
        counts = [*range(each, total, each), total]
        sent = np.array([stream.tokens[count - 1] for count in counts]) - stream.arrival_at
        noise = self.rng.exponential(self.path.jitter_seconds, len(counts))
        times = np.maximum.accumulate(sent + self.path.round_trip_seconds + noise)
        return tuple(zip(times.tolist(), counts, strict=True))

"""How a replica departs from its profile: serving limits, and what real engines do besides.

Real engines do more than the published line (two were measured): batches below six to eight
sequences cost nothing extra, all step times drifted by 25 % within half an hour, single steps
scatter, and the rise of the inter-token latency over load is bent. Each is one knob here, at rest
by default, so that the plain profile is what you get when you ask for nothing. `steptime` has the
formula.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Physics:
    """What a replica does besides its profile, and its serving limits."""

    max_num_seqs: int = 128
    """Sequences that run at once; more wait."""
    prefill_budget_tokens: int = 2048
    """Tokens that one step may process, decoding sequences included (chunked prefill)."""
    plateau_seqs: int = 0
    """Batches below this cost as much as one of this size. vLLM on CPU showed 6 to 8; 0 = none."""
    exponent: float = 1.0
    """kappa in load = ((1 - alpha/ITL) / its value at a full batch)^kappa. Below 1 the latency
    rises late and steeply (0.5 was fitted to a vLLM), above 1 early and flatly; 0.5 to 1.6 were
    seen. It bends what decoding costs, not what prompts cost, and moves the capacity by a tenth at
    most: so what one sees is nearer to 1, the more of the load prompts are. 0.5, 1, 1.6 show as
    .65, .94, 1.3 where prompts are half of it, as .43, .94, 1.4 where they are hardly any.
    `steptime.bend` has the formula."""
    drift_ratio: float = 0.0
    """Amplitude of a slow sine by which all step times swing; 0.125 swings by 25 %."""
    drift_period_seconds: float = 3600.0
    """Period of that sine, in whole slots of ten seconds; it starts upwards, at zero, when the
    fleet begins."""
    step_jitter_ratio: float = 0.0
    """Standard deviation of one step's time, as a share of it; independent from step to step."""
    cached_prompt_ratio: float = 0.0
    """Share of each prompt that the prefix cache already holds: not computed, but stored."""
    speed_ratio: float = 1.0
    """All step times are divided by this; 0.5 is a replica that throttles."""

    def __post_init__(self) -> None:
        limits = {
            "max_num_seqs": self.max_num_seqs >= 1,
            "prefill_budget_tokens": self.prefill_budget_tokens > self.max_num_seqs,
            "plateau_seqs": self.plateau_seqs >= 0,
            "exponent": 0.25 <= self.exponent <= 4.0,
            "drift_ratio": 0.0 <= self.drift_ratio <= 0.9,
            "drift_period_seconds": self.drift_period_seconds > 0.0,
            "step_jitter_ratio": 0.0 <= self.step_jitter_ratio <= 0.2,
            "cached_prompt_ratio": 0.0 <= self.cached_prompt_ratio <= 1.0,
            "speed_ratio": self.speed_ratio > 0.0,
        }
        wrong = [name for name, holds in limits.items() if not holds]
        if wrong:
            raise ValueError(f"physics out of range: {', '.join(wrong)} (see the field's text)")

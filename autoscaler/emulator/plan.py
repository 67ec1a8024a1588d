"""What one step does: which prompts it computes beside decoding, and how much of each.

As vLLM's scheduler: the decoding sequences come first, a token each; what is left of the token
budget goes to the prompt that is computed in part, then to the queue in its order, as long as
sequences and KV tokens are free. A prompt takes all its KV tokens when it is admitted.
"""

from collections.abc import Iterable
from typing import NamedTuple

from autoscaler.emulator.batch import Batch
from autoscaler.emulator.steptime import MixedStep, StepTime
from autoscaler.emulator.stream import Job


class Plan(NamedTuple):
    """A step with prompts in it."""

    end: float
    """When it ends."""
    jobs: list[Job]
    chunks: list[int]
    """Prompt tokens computed of each job."""


class Sight(NamedTuple):
    """What goes on between two boundaries, as seen at one instant."""

    step_end: float | None
    """End of the step under way; None when idle."""
    passed: int
    """Decode steps that have ended since the last settled boundary."""
    admitted: list[Job]
    """Jobs whose prompts the step under way computes."""


def share_out(
    queue: Iterable[Job], partial: Job | None, *, batch: Batch, timing: StepTime
) -> tuple[list[Job], list[int], MixedStep]:
    """Return the jobs whose prompts the next step computes, the tokens of each, and the step's
    load. The partial job, if there is one, is the first of the queue. Changes nothing.
    """
    running = batch.size
    budget = timing.budget_tokens - running
    room = timing.kv_admit_tokens - batch.context
    jobs: list[Job] = []
    chunks: list[int] = []
    squares = tokens = 0
    for job in queue:
        size = job.prompt + job.produced
        if budget <= 0 or running >= timing.max_seqs or (size > room and job is not partial):
            break
        done = job.done or min(job.cached, size - 1)
        chunk = min(size - done, budget)
        jobs.append(job)
        chunks.append(chunk)
        squares += chunk * (chunk + 2 * done)
        tokens += chunk
        budget -= chunk
        room -= size
        running += 1
    return jobs, chunks, MixedStep(batch.size, running, batch.context, tokens, squares)

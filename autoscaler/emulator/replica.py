"""One replica with continuous batching, moved from event to event.

**What it does.** As vLLM's scheduler: in each step all decoding sequences get one token, and what is
left of the token budget goes to prompts, first come, first served, in chunks; a prompt is admitted
while sequences and KV tokens are free; the step that computes the last chunk gives the first token.
If decoding outgrows the KV capacity, the youngest sequence is preempted and computed anew
(all its blocks at once; sharing of cached blocks and block rounding are left out).

**How it is fast.** Between events (arrival, end of prefill, last token of a sequence, preemption,
change of drift) all steps are alike but for the context, which grows by the batch size B with each:
k steps from a boundary t take

    D(k) = k s + delta k (k - 1) / 2 + s (W[S + k] - W[S])

with s the first step's time, delta = f B its growth and W the running sum of jitter, S being the
number of steps so far. The step that an arrival falls into is found by solving the quadratic. The
state is that of the last boundary before something changed, and nothing in it depends on how far
anybody looked: a watched stream reads its tokens off D(1), D(2), ... and its replica's course is
the same to the last bit as if nobody had watched.
"""

import math
from collections import deque
from heapq import heapify, heappop, heappush
from itertools import chain
from typing import NamedTuple

from autoscaler.emulator.physics import JITTER_STEPS, StepTime
from autoscaler.emulator.stream import Job
from autoscaler.emulator.tallies import Completion

ADMIT_RATIO = 0.99
"""Share of the KV capacity up to which prompts are admitted; the rest is for those that decode, so
that an admission does not at once preempt (vLLM's watermark is 1 %)."""

_ORDER_BITS = 28
_ORDER_MASK = (1 << _ORDER_BITS) - 1


class Plan(NamedTuple):
    """The step that prompts are part of: which jobs, how many tokens of each, until when."""

    end: float
    jobs: list[Job]
    chunks: list[int]


class Sight(NamedTuple):
    """What goes on between two boundaries, as seen at one instant."""

    step_end: float | None
    """End of the step under way; None when idle."""
    passed: int
    """Decode steps that have ended since the last settled boundary."""
    admitted: list[Job]
    """Jobs whose prompts the step under way computes."""
    since: float
    """That boundary."""


class Replica:
    """Queue, batch and clock of one replica. Whoever owns it calls `run` and never goes back."""

    __slots__ = (
        "aborted",
        "batch",
        "completions",
        "context",
        "ends",
        "generated",
        "id",
        "inbox",
        "live",
        "looked",
        "orders",
        "partial",
        "pending",
        "preemptions",
        "prefilled",
        "step",
        "step_time",
        "t",
        "waiting",
        "watched",
    )

    def __init__(self, replica_id: int, step_time: StepTime, completions: list[Completion]) -> None:
        self.id = replica_id
        self.step_time = step_time
        self.completions = completions
        """Where finished requests are put; shared with the other replicas, emptied by the fleet."""
        self.t = -math.inf
        """The last boundary between steps before which all is settled."""
        self.step = 0
        """Steps done; also the place in the table of jitter."""
        self.batch = 0
        """Sequences that decode."""
        self.context = 0
        """Tokens of context that they have together."""
        self.ends: list[int] = []
        """Heap of (last step << bits | order) of the sequences that decode."""
        self.live: dict[int, Job] = {}
        """Those sequences by their order of admission."""
        self.orders = 0
        self.partial: Job | None = None
        """The job whose prompt is computed in part."""
        self.waiting: deque[Job] = deque()
        self.inbox: deque[Job] = deque()
        """Jobs that arrive after `t`."""
        self.pending: deque[tuple[float, Job | StepTime]] = deque()
        """Jobs to be given up and changes of physics, each at the first boundary not before."""
        self.watched: list[Job] = []
        """Sequences that decode and have a stream."""
        self.looked = 0
        """Boundaries after `t` whose tokens the streams already have."""
        self.prefilled = 0
        self.generated = 0
        self.preemptions = 0
        self.aborted = 0

    # -- the course of events -------------------------------------------------------------

    def run(self, until: float) -> None:
        """Settle every step that ends by `until`; jobs that arrive by then must be in `inbox`."""
        inbox, waiting = self.inbox, self.waiting
        while True:
            t = self.t
            while inbox and inbox[0].arrival_at <= t:
                waiting.append(inbox.popleft())
            if self.pending and self.pending[0][0] <= t:
                self._obey(self.pending.popleft()[1])
            elif self.partial is not None or (waiting and self._admits(waiting[0])):
                plan = self._plan()
                if plan.end > until:
                    return
                self._prefill(plan)
            elif self.batch:
                if not self._decode(until):
                    return
            elif inbox and inbox[0].arrival_at <= until:
                self.t = inbox[0].arrival_at
            elif self.pending and self.pending[0][0] <= until:
                self._obey(self.pending.popleft()[1])
            else:
                return

    def _admits(self, job: Job) -> bool:
        physics = self.step_time.physics
        room = ADMIT_RATIO * self.step_time.profile.kv_capacity_tokens
        return (
            self.batch < physics.max_num_seqs
            and self.context + job.prompt + job.produced <= room
        )

    def _plan(self) -> Plan:
        """Return the step that begins at `t`, which prompts are part of. Changes nothing."""
        timing = self.step_time
        physics = timing.physics
        batch = running = self.batch
        budget = physics.prefill_budget_tokens - batch
        room = ADMIT_RATIO * timing.profile.kv_capacity_tokens - self.context
        jobs: list[Job] = []
        chunks: list[int] = []
        squares = tokens = 0
        partial = self.partial
        for job in self.waiting if partial is None else chain((partial,), self.waiting):
            size = job.prompt + job.produced
            if budget <= 0 or running >= physics.max_num_seqs or (size > room and job is not partial):
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
        extra = max(
            timing.per_sequence * tokens,
            timing.prefill_seconds
            + timing.tokens_seconds * (batch + tokens)
            - timing.per_sequence * batch,
        )
        seconds = timing.drift(self.t) * (
            timing.fixed_seconds
            + timing.decode_gain[running]
            * (timing.per_sequence * batch + timing.per_context_token * self.context)
            + timing.prefill_gain[running] * (extra + timing.per_prompt_token2 * squares)
        )
        if timing.jitter:
            seconds *= 1.0 + self._jitter(1)
        return Plan(self.t + seconds, jobs, chunks)

    def _prefill(self, plan: Plan) -> None:
        """Settle the planned step."""
        start, self.t = self.t, plan.end
        self.step += 1
        self.context += self.batch
        self.generated += self.batch
        if self.watched:
            self._tell([plan.end])
        self._finish()
        for job, chunk in zip(plan.jobs, plan.chunks, strict=True):
            if job is self.partial:
                self.partial = None
            else:
                self.waiting.popleft()
            if job.prefill_started_at < 0.0:
                job.prefill_started_at = start
            size = job.prompt + job.produced
            job.done = chunk + (job.done or min(job.cached, size - 1))
            if job.done < size:
                self.partial = job
            else:
                self._join(job)
        while self.context > self.step_time.profile.kv_capacity_tokens:
            self._preempt()

    def _decode(self, until: float) -> bool:
        """Settle the steps up to the next event, if that comes by `until`."""
        pace, growth = self._pace()
        batch, t = self.batch, self.t
        steps = (self.ends[0] >> _ORDER_BITS) - self.step
        end = t + self._after(steps, pace, growth)
        horizon = self._horizon()
        if end > horizon:
            steps = self._steps_until(horizon - t, pace, growth)
            end = t + self._after(steps, pace, growth)
        room = self.step_time.profile.kv_capacity_tokens - self.context
        if batch * steps > room:
            steps = room // batch
            if steps < 1:
                self._preempt()
                return True
            end = t + self._after(steps, pace, growth)
        if end > until:
            return False
        if self.watched:
            self._tell([t + self._after(k, pace, growth) for k in range(1, steps + 1)])
        self.t = end
        self.step += steps
        self.context += batch * steps
        self.generated += batch * steps
        self._finish()
        return True

    def _horizon(self) -> float:
        """Return when the run of equal steps must pause: a job, an order, a change of drift."""
        horizon = self.step_time.next_drift_at(self.t)
        if self.inbox and not self.waiting:  # behind a queue that waits for room, nothing changes
            horizon = min(horizon, self.inbox[0].arrival_at)
        if self.pending:
            horizon = min(horizon, self.pending[0][0])
        return horizon

    # -- the length of steps --------------------------------------------------------------

    def _pace(self) -> tuple[float, float]:
        """Return the seconds of the next decode step, and by how much each further one is longer."""
        timing = self.step_time
        gain = timing.decode_gain[self.batch]
        drift = timing.drift(self.t)
        growth = drift * gain * timing.per_context_token
        fixed = timing.fixed_seconds + gain * timing.per_sequence * self.batch
        return drift * fixed + growth * self.context, growth * self.batch

    def _after(self, steps: int, pace: float, growth: float) -> float:
        """Return D(steps): seconds from `t` to the end of the so-manieth decode step."""
        seconds = steps * (pace + growth * 0.5 * (steps - 1))
        if self.step_time.jitter:
            seconds += pace * self._jitter(steps)
        return seconds

    def _steps_until(self, seconds: float, pace: float, growth: float) -> int:
        """Return the smallest number of steps, at least one, that take at least so long."""
        half = pace - 0.5 * growth
        root = math.sqrt(half * half + 2.0 * growth * seconds)
        steps = max(1, math.ceil(2.0 * seconds / (half + root)))
        while self._after(steps, pace, growth) < seconds:
            steps += 1
        while steps > 1 and self._after(steps - 1, pace, growth) >= seconds:
            steps -= 1
        return steps

    def _jitter(self, steps: int) -> float:
        """Return the summed relative error of the next so many steps."""
        walk = self.step_time.jitter
        return walk[(self.step + steps) % JITTER_STEPS] - walk[self.step % JITTER_STEPS]

    # -- sequences come and go ------------------------------------------------------------

    def _join(self, job: Job) -> None:
        """Prefill is done: the first token, or the next of a job that was preempted."""
        if job.first_token_at < 0.0:
            job.first_token_at = self.t
            self.prefilled += job.prompt
        job.produced += 1
        self.generated += 1
        if job.stream is not None:
            job.stream.tokens.append(self.t)
            job.stream.prefill_started_at = job.prefill_started_at
        if job.produced == job.output:
            self._complete(job)
            return
        job.order = self.orders
        self.orders += 1
        self.live[job.order] = job
        heappush(self.ends, (self.step + job.output - job.produced) << _ORDER_BITS | job.order)
        self.batch += 1
        self.context += job.prompt + job.produced
        if job.stream is not None:
            self.watched.append(job)

    def _finish(self) -> None:
        """Let the sequences go whose last token came with this step."""
        ends, step = self.ends, self.step
        while ends and ends[0] >> _ORDER_BITS <= step:
            job = self.live.pop(heappop(ends) & _ORDER_MASK)
            self.batch -= 1
            self.context -= job.prompt + job.output
            if job.stream is not None:
                self.watched.remove(job)
            self._complete(job)

    def _complete(self, job: Job) -> None:
        if job.stream is not None and not job.stream.aborted:
            job.stream.finished = True
        self.completions.append(
            Completion(
                job.arrival_at,
                job.prefill_started_at,
                job.first_token_at,
                self.t,
                job.prompt,
                job.output,
            )
        )

    def _leave(self, job: Job) -> None:
        """Take a decoding sequence out of the batch before its end."""
        entry = next(end for end in self.ends if end & _ORDER_MASK == job.order)
        self.ends.remove(entry)
        heapify(self.ends)
        del self.live[job.order]
        job.order = -1
        job.produced = job.output - ((entry >> _ORDER_BITS) - self.step)
        self.batch -= 1
        self.context -= job.prompt + job.produced
        if job.stream is not None:
            self.watched.remove(job)

    def _preempt(self) -> None:
        """Send the youngest sequence back to the head of the queue, its cache lost."""
        job = self.live[max(self.live)]
        self._leave(job)
        job.done = job.cached = 0
        self.waiting.appendleft(job)
        self.preemptions += 1

    def _obey(self, order: "Job | StepTime") -> None:
        """Change the physics, or give a job up; one that has finished stays finished."""
        if isinstance(order, StepTime):
            self.step_time = order
            while self.batch >= order.physics.max_num_seqs:
                self._preempt()
            return
        job = order
        if job.order >= 0 and self.live.get(job.order) is job:
            self._leave(job)
        elif job is self.partial:
            self.partial = None
        elif job in self.waiting:
            self.waiting.remove(job)
        else:
            return
        self.aborted += 1

    def kill(self) -> None:
        """Lose all jobs at once."""
        jobs = [*self.live.values(), *self.waiting, *self.inbox]
        if self.partial is not None:
            jobs.append(self.partial)
        for job in jobs:
            if job.stream is not None:
                job.stream.aborted = True
        self.aborted += len(jobs)
        self.live.clear()
        self.ends.clear()
        self.waiting.clear()
        self.inbox.clear()
        self.watched.clear()
        self.partial, self.batch, self.context = None, 0, 0

    # -- the view from outside ------------------------------------------------------------

    def _tell(self, boundaries: list[float]) -> None:
        """Give the streams the tokens of these boundaries after `t`, but those they have."""
        self._append(boundaries[self.looked :])
        self.looked = 0

    def _append(self, instants: list[float]) -> None:
        for job in self.watched:
            if job.stream is not None and not job.stream.aborted:
                job.stream.tokens.extend(instants)

    def look(self, at: float) -> Sight:
        """Return what goes on at `at`, after `run(at)`, and give the streams their tokens."""
        if self.partial is not None or (self.waiting and self._admits(self.waiting[0])):
            plan = self._plan()
            return Sight(plan.end, 0, plan.jobs, self.t)
        if not self.batch:
            return Sight(None, 0, [], self.t)
        pace, growth = self._pace()
        passed = self._steps_until(at - self.t, pace, growth)
        if self.t + self._after(passed, pace, growth) > at:
            passed -= 1
        if self.watched:
            fresh = range(self.looked + 1, passed + 1)
            self._append([self.t + self._after(k, pace, growth) for k in fresh])
            self.looked = passed
        return Sight(self.t + self._after(passed + 1, pace, growth), passed, [], self.t)

    @property
    def jobs(self) -> int:
        """Jobs that it has: what a balancer that looks at load would see."""
        return (
            self.batch + len(self.waiting) + len(self.inbox) + (1 if self.partial is not None else 0)
        )
